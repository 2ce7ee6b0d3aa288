"""Everything joined: pages in, labelled pages and clean text out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np

from dechrome.adapting import adapt_model, count_rounds, group_shares, measure_shares
from dechrome.artefact import KINDS, LABELS, Model, read_model
from dechrome.blocks import Document, Label, Reason
from dechrome.characters import IntArray
from dechrome.choosing import check_options, choose_labels
from dechrome.context import FloatArray
from dechrome.encoding import decode_page, decode_text, encode_scrubbed, scrub
from dechrome.errors import InputError
from dechrome.explaining import explain_inputs
from dechrome.features import extract_features, extract_text_features, join_features
from dechrome.html_blocks import split_html
from dechrome.inference import calibrate, final_inputs, predict_proba
from dechrome.pages import Page, page_of
from dechrome.recurring import Recurrence, lower_recurring
from dechrome.tails import split_tails
from dechrome.text_blocks import split_text
from dechrome.tree_blocks import split_tree, strip_nodes
from dechrome.verdicts import Verdict

Favor = Literal["precision", "balanced", "recall"]
Tree = TypeVar("Tree")

SHIPPED_MODEL: Final = Path(__file__).parent / "models" / "blocks_v1"
BATCH_BLOCKS: Final = 512  # blocks that share one matrix product; 128 to 4096 tried: more leave the CPU cache
MAX_WINDOW: Final = 20_000  # blocks of one page that are looked at together; bounds memory on endless pages
MAX_KEPT: Final = 4_096  # blocks of one page whose inputs are kept until somebody asks for their kinds
SHORT: Final = (
    32  # blocks of a page, on average, below which kinds are judged for the whole batch: one product, not many
)


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
    trim: bool = False,
) -> Page:
    """Label the blocks of an HTML page. Bytes are decoded as browsers do.

    ``threshold`` keeps the blocks that are content with at least this probability; without it the page's expected
    F1 decides, leaning as ``favor`` says. ``trim`` cuts a content block that ends in something foreign ("… Read
    more") into the content and a block of chrome, where that is sure.

    >>> page = label_html("<nav><a href='/'>Home</a></nav><p>The fox ran over the hill, and the dog slept on.</p>")
    >>> page.text
    'The fox ran over the hill, and the dog slept on.'
    """
    return next(label_pages([Source(html=html, url=url)], model, threshold=threshold, favor=favor, trim=trim))


def label_text(
    text: bytes | str,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
    trim: bool = False,
) -> Page:
    """Label the lines of a text that some scraper produced."""
    return next(label_pages([Source(text=text)], model, threshold=threshold, favor=favor, trim=trim))


def label_tree(
    tree: object,
    url: str | None = None,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
    trim: bool = False,
) -> Page:
    """Label the blocks of a parsed page: a BeautifulSoup or lxml tree or element, or a parsel Selector.

    Raises:
        InputError: the tree is none of these.
    """
    document, _ = split_tree(tree, url)
    return label_documents([document], model, threshold, favor, trim=trim)[0]


def label_pages(
    sources: Iterable[Source | bytes | str],
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
    trim: bool = False,
    sites: Recurrence | None = None,
) -> Iterator[Page]:
    """Label many pages, in order; some are read ahead, so that they share matrix products.

    A bare bytes or str is HTML. A page that cannot be read comes out empty, and its ``problems`` say why. ``sites``
    tells on how many other pages of its site each block recurs: ``batch.site_memory`` knows, after a first pass.

    Raises:
        InputError: the threshold or the preset is none, or a source is of a wrong type.
    """
    check_options(threshold, favor)
    return _label_batches(sources, model, threshold, favor, trim, sites)


def clean_html(
    html: bytes | str,
    url: str | None = None,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
    trim: bool = False,
) -> str:
    """Return the text of an HTML page without its chrome."""
    return label_html(html, url, model, threshold=threshold, favor=favor, trim=trim).text


def clean_text(
    text: bytes | str,
    model: Model | None = None,
    *,
    threshold: float | None = None,
    favor: Favor = "balanced",
    trim: bool = False,
) -> str:
    """Return a scraped text without the chrome that came with it; separators stay as they were."""
    return label_text(text, model, threshold=threshold, favor=favor, trim=trim).text


def strip_tree(
    tree: Tree, model: Model | None = None, *, threshold: float | None = None, favor: Favor = "balanced"
) -> Tree:
    """Remove the chrome and the image placeholders from a BeautifulSoup or lxml tree, in place; return the tree."""
    document, nodes = split_tree(tree)
    page = label_documents([document], model, threshold, favor)[0]
    dropped = {index for index, block in enumerate(page.blocks) if block.label is not Label.CONTENT}
    strip_nodes(tree, nodes, dropped)
    return tree


def explain_source(source: Source, model: Model | None = None, *, top: int = 5) -> tuple[Page, list[list[Reason]]]:
    """Label one page and say, for each block, which inputs moved it most towards content or away from it."""
    model = model or load_model()
    document = read_source(source)
    head = _head(document)
    reasons: list[list[Reason]] = []
    for part in _windows(document):
        features = extract_features(part)
        inputs = final_inputs(model, head, [features])
        adapted = adapt_model(model, measure_shares(model, head, inputs, features.lengths))
        reasons += explain_inputs(adapted, head, inputs, top)
    return label_documents([document], model, None, "balanced")[0], reasons


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
    document, problems = _split_page(source) if source.html is not None else _split_text(source)
    problems += document.problems
    if not document.blocks:
        problems += ("empty: no visible text",)
    return replace(document, problems=problems)


def _split_page(source: Source) -> tuple[Document, tuple[str, ...]]:
    if isinstance(source.html, bytes):
        text, problems, is_same = decode_page(source.html, source.charset)
        return split_html(text, source.url, source.html if is_same else None), problems
    scrubbed = encode_scrubbed(_check_text(source.html))
    return split_html(scrubbed.text, source.url, scrubbed.data), scrubbed.problems


def _split_text(source: Source) -> tuple[Document, tuple[str, ...]]:
    data = source.text
    text, problems = decode_text(data, source.charset) if isinstance(data, bytes) else scrub(_check_text(data))
    return split_text(text, source.url), problems


def _check_text(data: object) -> str:
    if not isinstance(data, str):
        raise InputError(f"html and text are bytes or str, not {type(data).__name__}")
    return data


def _label_batches(
    sources: Iterable[Source | bytes | str],
    model: Model | None,
    threshold: float | None,
    favor: str,
    trim: bool,
    sites: Recurrence | None,
) -> Iterator[Page]:
    waiting: list[Document] = []
    blocks = 0
    for source in sources:
        document = read_source(source)
        waiting.append(document)
        blocks += len(document.blocks)
        if blocks >= BATCH_BLOCKS or len(waiting) >= 64:
            yield from label_documents(waiting, model, threshold, favor, trim=trim, sites=sites)
            waiting, blocks = [], 0
    yield from label_documents(waiting, model, threshold, favor, trim=trim, sites=sites)


@lru_cache(maxsize=4)
def _cached_model(folder: str) -> Model:
    return read_model(folder)


def _head(document: Document) -> str:
    return "text" if document.is_text else "html"


def _windows(document: Document) -> list[Document]:
    """Cut an endless page into parts that are looked at one by one; an empty one has none."""
    blocks = document.blocks
    if not blocks:
        return []
    if len(blocks) <= MAX_WINDOW:
        return [document]
    return [replace(document, blocks=blocks[start : start + MAX_WINDOW]) for start in range(0, len(blocks), MAX_WINDOW)]


class _Judged(NamedTuple):
    """A run of blocks: calibrated probabilities of labels, what judges their kinds, and their numbers of words."""

    labels: FloatArray
    kinds: Callable[[IntArray], FloatArray]
    lengths: IntArray


_NO_KINDS: Final = np.zeros((0, len(KINDS)), np.float32)
_NOTHING: Final = _Judged(np.zeros((0, len(LABELS)), np.float32), lambda _: _NO_KINDS, np.zeros(0, np.int64))


def label_documents(
    documents: Sequence[Document],
    model: Model | None,
    threshold: float | None,
    favor: str,
    *,
    trim: bool = False,
    sites: Recurrence | None = None,
) -> list[Page]:
    """Label pages that are cut into blocks already, together: one matrix product per network."""
    check_options(threshold, favor)
    model = model or load_model()
    judged: list[list[_Judged]] = [[] for _ in documents]
    parts = [(index, part) for index, document in enumerate(documents) for part in _windows(document)]
    for batch in _batches(parts):
        for (index, _), found in zip(batch, _judge(model, [part for _, part in batch]), strict=True):
            judged[index].append(found)
    joined = [_join(runs) for runs in judged]
    if sites is not None:
        joined = [_with_site(model, document, run, sites) for document, run in zip(documents, joined, strict=True)]
    pages = [_page(document, model, run, threshold, favor) for document, run in zip(documents, joined, strict=True)]
    return [_trim(page, model) for page in pages] if trim else pages


def _trim(page: Page, model: Model) -> Page:
    return replace(page, blocks=split_tails(page.blocks, model, is_text=page.source_text is not None))


def _batches(parts: Iterable[tuple[int, Document]]) -> Iterator[list[tuple[int, Document]]]:
    """Yield runs of parts of one kind, of about ``BATCH_BLOCKS`` blocks."""
    for _, run in groupby(parts, lambda item: _head(item[1])):
        batch: list[tuple[int, Document]] = []
        blocks = 0
        for item in run:
            batch.append(item)
            blocks += len(item[1].blocks)
            if blocks >= BATCH_BLOCKS:
                yield batch
                batch, blocks = [], 0
        if batch:
            yield batch


def _judge(model: Model, parts: Sequence[Document]) -> list[_Judged]:
    """Judge parts of pages of one kind together."""
    head = _head(parts[0])
    features = (
        join_features([extract_features(part) for part in parts]) if head == "html" else extract_text_features(parts)
    )
    inputs, lengths = final_inputs(model, head, [features]), features.lengths
    runs = _runs([len(part.blocks) for part in parts])
    if not count_rounds(model):
        return _judge_inputs(model, head, inputs, lengths, runs)
    groups = group_shares([measure_shares(model, head, inputs[run], lengths[run]) for run in runs])
    if len(groups) == 1:
        return _judge_inputs(adapt_model(model, groups[0][0]), head, inputs, lengths, runs)
    judged: dict[int, _Judged] = {}
    for shares, numbers in groups:
        own, own_lengths = (np.concatenate([array[runs[n]] for n in numbers]) for array in (inputs, lengths))
        own_runs = _runs([runs[n].stop - runs[n].start for n in numbers])
        found = _judge_inputs(adapt_model(model, shares), head, own, own_lengths, own_runs)
        judged.update(zip(numbers, found, strict=True))
    return [judged[number] for number in range(len(runs))]


def _runs(sizes: Sequence[int]) -> list[slice]:
    return [slice(start, end) for start, end in pairwise([0, *accumulate(sizes)])]


def _judge_inputs(
    model: Model, head: str, inputs: FloatArray, lengths: IntArray, runs: Sequence[slice]
) -> list[_Judged]:
    """Judge pages that get the same weights; each of ``runs`` has the rows of one of them."""
    labels = calibrate(predict_proba(model.heads[head], inputs), model.settings["calibration"][head])
    if len(inputs) <= SHORT * len(runs):
        kinds = _judge_kinds_together(model, inputs, runs)
    else:
        kinds = [_judge_kinds(model, inputs, run) for run in runs]
    return [_Judged(labels[run], kind, lengths[run]) for run, kind in zip(runs, kinds, strict=True)]


def _judge_kinds_together(
    model: Model, inputs: FloatArray, runs: Sequence[slice]
) -> list[Callable[[IntArray], FloatArray]]:
    """Return what judges the kinds of each run's blocks: those of all runs at once, when the first is asked for."""

    @cache
    def judge_all() -> FloatArray:
        return predict_proba(model.heads["kind"], inputs)

    def judge(start: int, numbers: IntArray) -> FloatArray:
        return judge_all().take(numbers + start, axis=0)

    return [partial(judge, run.start) for run in runs]


def _judge_kinds(model: Model, inputs: FloatArray, run: slice) -> Callable[[IntArray], FloatArray]:
    """Return what judges the kinds of a run's blocks, by their numbers: later, if they are few enough to keep."""
    network = model.heads["kind"]
    if run.stop - run.start <= MAX_KEPT:  # all inputs lie in one piece: those of the run alone would be copied first
        return lambda numbers: predict_proba(network, inputs.T.take(numbers + run.start, axis=1).T)
    kinds = predict_proba(network, inputs[run])
    return lambda numbers: kinds.take(numbers, axis=0)


def _join(runs: Sequence[_Judged]) -> _Judged:
    """Join the runs of one page."""
    if not runs:
        return _NOTHING
    if len(runs) == 1:
        return runs[0]
    kinds = np.concatenate([run.kinds(np.arange(len(run.labels))) for run in runs])
    labels, lengths = (np.concatenate([getattr(run, name) for run in runs]) for name in ("labels", "lengths"))
    return _Judged(labels, lambda numbers: kinds.take(numbers, axis=0), lengths)


def _with_site(model: Model, document: Document, judged: _Judged, sites: Recurrence) -> _Judged:
    strength = model.site_strength(_head(document))
    return judged._replace(labels=lower_recurring(judged.labels, sites(document), strength))


def _page(document: Document, model: Model, judged: _Judged, threshold: float | None, favor: str) -> Page:
    head = _head(document)
    shift = model.settings["favor"][head][favor]
    labels, expected = choose_labels(judged.labels, judged.lengths, threshold=threshold, shift=shift)
    quality = float(np.interp(expected, *model.settings["quality"][head])) if (labels == 0).any() else 0.0
    return page_of(Verdict(document, labels, judged.labels, judged.kinds), quality)
