"""Everything joined: pages in, labelled pages and clean text out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np

from dechrome.artefact import KINDS, LABELS, Model, read_model
from dechrome.blocks import Block, Document, Label, LabelledBlock, Reason
from dechrome.choosing import check_options, choose_labels
from dechrome.context import FloatArray
from dechrome.encoding import decode_html, decode_text, scrub
from dechrome.errors import InputError
from dechrome.explaining import explain_inputs
from dechrome.features import extract_features
from dechrome.html_blocks import split_html
from dechrome.inference import calibrate, network_inputs, predict_proba, score_words
from dechrome.pages import Page
from dechrome.text_blocks import split_text
from dechrome.tree_blocks import split_tree, strip_nodes
from dechrome.xpaths import element_paths

Favor = Literal["precision", "balanced", "recall"]
Tree = TypeVar("Tree")

SHIPPED_MODEL: Final = Path(__file__).parent / "models" / "blocks_v1"
BATCH_BLOCKS: Final = 512  # blocks that share one matrix product; 128 to 4096 tried: more leave the CPU cache
MAX_WINDOW: Final = 20_000  # blocks of one page that are looked at together; bounds memory on endless pages
_CONTENT, _IMAGE, _CHROME = LABELS  # to look a member up in its class takes longer than all else of a block


@dataclass(frozen=True, slots=True)
class Source:
    """A page to label: one of ``html`` and ``text``. ``charset`` is what the transport said of bytes."""

    html: bytes | str | None = None
    text: bytes | str | None = None
    url: str | None = None
    charset: str | None = None


def load_model(folder: str | Path | None = None) -> Model:
    """Read and verify a model folder; without one, the folder that ``DECHROME_MODEL`` names or the shipped model.

    Raises:
        ModelError: the folder is missing, damaged, or made for another version.
    """
    if folder is not None:
        return read_model(folder)
    return _cached_model(os.environ.get("DECHROME_MODEL") or str(SHIPPED_MODEL))


def label_html(
    html: bytes | str,
    url: str | None = None,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
) -> Page:
    """Label the blocks of an HTML page. Bytes are decoded as browsers do.

    ``threshold`` keeps the blocks that are content with at least this probability; without it the page's expected
    F1 decides, leaning as ``favor`` says.

    >>> page = label_html("<nav><a href='/'>Home</a></nav><p>The fox ran over the hill, and the dog slept on.</p>")
    >>> page.text
    'The fox ran over the hill, and the dog slept on.'
    """
    return next(label_pages([Source(html=html, url=url)], model, threshold=threshold, favor=favor))


def label_text(
    text: bytes | str, model: Model | None = None, *, threshold: float | None = None, favor: Favor = "balanced"
) -> Page:
    """Label the lines of a text that some scraper produced."""
    return next(label_pages([Source(text=text)], model, threshold=threshold, favor=favor))


def label_tree(
    tree: object,
    url: str | None = None,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
) -> Page:
    """Label the blocks of a parsed page: a BeautifulSoup or lxml tree or element, or a parsel Selector.

    Raises:
        InputError: the tree is none of these.
    """
    document, _ = split_tree(tree, url)
    return _label([document], model, threshold, favor)[0]


def label_pages(
    sources: Iterable[Source | bytes | str],
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
) -> Iterator[Page]:
    """Label many pages, in order; some are read ahead, so that they share matrix products.

    A bare bytes or str is HTML. A page that cannot be read comes out empty, and its ``problems`` say why.

    Raises:
        InputError: the threshold or the preset is none, or a source is of a wrong type.
    """
    check_options(threshold, favor)
    return _label_batches(sources, model, threshold, favor)


def clean_html(
    html: bytes | str,
    url: str | None = None,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
) -> str:
    """Return the text of an HTML page without its chrome."""
    return label_html(html, url, model, threshold=threshold, favor=favor).text


def clean_text(
    text: bytes | str, model: Model | None = None, *, threshold: float | None = None, favor: Favor = "balanced"
) -> str:
    """Return a scraped text without the chrome that came with it; separators stay as they were."""
    return label_text(text, model, threshold=threshold, favor=favor).text


def strip_tree(
    tree: Tree, model: Model | None = None, *, threshold: float | None = None, favor: Favor = "balanced"
) -> Tree:
    """Remove the chrome and the image placeholders from a BeautifulSoup or lxml tree, in place; return the tree."""
    document, nodes = split_tree(tree)
    page = _label([document], model, threshold, favor)[0]
    dropped = {index for index, block in enumerate(page.blocks) if block.label is not Label.CONTENT}
    strip_nodes(tree, nodes, dropped)
    return tree


def explain_source(source: Source, model: Model | None = None, *, top: int = 5) -> tuple[Page, list[list[Reason]]]:
    """Label one page and say, for each block, which inputs moved it most towards content or away from it."""
    document = read_source(source)
    page = _label([document], model, None, "balanced")[0]
    network = (model or load_model()).heads[_head(document)]
    reasons = [
        row
        for window in _windows(document)
        for row in explain_inputs(network, _inputs(model or load_model(), window)[0], top)
    ]
    return page, reasons


def read_source(source: Source | bytes | str) -> Document:
    """Decode one page and cut it into blocks; what went wrong is in the document's ``problems``.

    Raises:
        InputError: the source is neither a Source, bytes nor str, or has not exactly one of html and text.
    """
    if isinstance(source, bytes | str):
        source = Source(html=source)
    if not isinstance(source, Source):
        raise InputError(f"a page is a dechrome.Source, bytes or str, not {type(source).__name__}")
    if (source.html is None) == (source.text is None):
        raise InputError("a Source has exactly one of html and text")
    data = source.html if source.html is not None else source.text
    if isinstance(data, bytes):
        decode = decode_html if source.html is not None else decode_text
        text, problems = decode(data, source.charset)
    elif isinstance(data, str):
        text, problems = scrub(data)
    else:
        raise InputError(f"html and text are bytes or str, not {type(data).__name__}")
    document = split_html(text, source.url) if source.html is not None else split_text(text, source.url)
    problems += document.problems
    if not document.blocks:
        problems += ("empty: no visible text",)
    return replace(document, problems=problems)


def _label_batches(
    sources: Iterable[Source | bytes | str], model: Model | None, threshold: float | None, favor: str
) -> Iterator[Page]:
    waiting: list[Document] = []
    blocks = 0
    for source in sources:
        document = read_source(source)
        waiting.append(document)
        blocks += len(document.blocks)
        if blocks >= BATCH_BLOCKS or len(waiting) >= 64:
            yield from _label(waiting, model, threshold, favor)
            waiting, blocks = [], 0
    yield from _label(waiting, model, threshold, favor)


@lru_cache(maxsize=4)
def _cached_model(folder: str) -> Model:
    return read_model(folder)


def _head(document: Document) -> str:
    return "text" if document.is_text else "html"


def _windows(document: Document) -> list[Document]:
    """Cut an endless page into parts that are looked at one by one."""
    blocks = document.blocks
    if len(blocks) <= MAX_WINDOW:
        return [document]
    return [replace(document, blocks=blocks[start : start + MAX_WINDOW]) for start in range(0, len(blocks), MAX_WINDOW)]


def _inputs(model: Model, document: Document) -> tuple[FloatArray, Any]:
    features = extract_features(document)
    return network_inputs(features, score_words(model, features)), features.lengths


def _label(documents: Sequence[Document], model: Model | None, threshold: float | None, favor: str) -> list[Page]:
    """Label documents together: one matrix product per network."""
    check_options(threshold, favor)
    if not documents:
        return []
    model = model or load_model()
    parts = [(index, part) for index, document in enumerate(documents) for part in _windows(document)]
    probabilities: list[list[FloatArray]] = [[] for _ in documents]
    kinds: list[list[FloatArray]] = [[] for _ in documents]
    lengths: list[list[Any]] = [[] for _ in documents]
    position = 0
    while position < len(parts):
        batch = _next_batch(parts, position)
        position += len(batch)
        computed = [_inputs(model, part) for _, part in batch]
        inputs = np.concatenate([rows for rows, _ in computed]) if len(computed) > 1 else computed[0][0]
        of_text = np.repeat([part.is_text for _, part in batch], [len(rows) for rows, _ in computed])
        labels = _predict_labels(model, inputs, of_text)
        kind = predict_proba(model.heads["kind"], inputs)
        start = 0
        for (index, _), (rows, words) in zip(batch, computed, strict=True):
            probabilities[index].append(labels[start : start + len(rows)])
            kinds[index].append(kind[start : start + len(rows)])
            lengths[index].append(words)
            start += len(rows)
    return [
        _page(document, model, np.concatenate(p), np.concatenate(k), np.concatenate(n), threshold, favor)
        for document, p, k, n in zip(documents, probabilities, kinds, lengths, strict=True)
    ]


def _next_batch(parts: Sequence[tuple[int, Document]], position: int) -> list[tuple[int, Document]]:
    size = 0
    batch = []
    for item in islice(parts, position, None):
        batch.append(item)
        size += len(item[1].blocks)
        if size >= BATCH_BLOCKS:
            break
    return batch


def _predict_labels(model: Model, inputs: FloatArray, of_text: Any) -> FloatArray:
    labels = np.zeros((len(inputs), len(LABELS)), np.float32)
    for head, chosen in (("html", ~of_text), ("text", of_text)):
        if chosen.any():
            raw = predict_proba(model.heads[head], inputs if chosen.all() else inputs[chosen])
            labels[chosen] = calibrate(raw, model.settings["calibration"][head])
    return labels


def _page(
    document: Document,
    model: Model,
    probabilities: FloatArray,
    kinds: FloatArray,
    words: Any,
    threshold: float | None,
    favor: str,
) -> Page:
    head = _head(document)
    shift = model.settings["favor"][head][favor]
    labels, expected = choose_labels(probabilities, words, threshold=threshold, shift=shift)
    quality = float(np.interp(expected, *model.settings["quality"][head])) if (labels == 0).any() else 0.0
    rows = zip(
        document.blocks,
        labels.tolist(),
        probabilities.tolist(),
        kinds.argmax(axis=1).tolist(),
        kinds.max(axis=1, initial=0).tolist(),
        element_paths(document),
        strict=True,
    )
    blocks = tuple(_labelled(*row) for row in rows)
    return Page(blocks, document.title, document.url, quality, document.problems, document.source_text)


def _labelled(
    block: Block, label: int, probabilities: list[float], kind: int, kind_confidence: float, path: str
) -> LabelledBlock:
    text, _, _, _, _, _, _, _, start, end, spans = block
    name = LABELS[label]
    content, image, chrome = probabilities
    by_label = {_CONTENT: content, _IMAGE: image, _CHROME: chrome}
    if name is _CHROME:
        return LabelledBlock(text, name, KINDS[kind], chrome, by_label, kind_confidence, path, start, end, spans)
    return LabelledBlock(text, name, None, probabilities[label], by_label, None, path, start, end, spans)
