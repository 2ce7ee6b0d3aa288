"""Everything joined: pages in, labelled pages and clean text out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, TypeVar

import numpy as np

from dechrome.adapting import model_for
from dechrome.artefact import Model, read_model
from dechrome.blocks import Document, Label, Reason
from dechrome.choosing import check_options, choose_labels
from dechrome.encoding import decode_page, decode_text, encode_scrubbed, scrub
from dechrome.errors import InputError
from dechrome.explaining import explain_inputs
from dechrome.features import extract_features
from dechrome.html_blocks import split_html
from dechrome.inference import final_inputs
from dechrome.judging import BATCH_BLOCKS, Judged, cut_windows, head_of, judge_documents
from dechrome.pages import Page, page_of
from dechrome.recurring import Recurrence, lower_recurring
from dechrome.tails import split_tails
from dechrome.text_blocks import split_text
from dechrome.tree_blocks import split_tree, strip_nodes
from dechrome.verdicts import Verdict

Favor = Literal["precision", "balanced", "recall"]
Tree = TypeVar("Tree")

SHIPPED_MODEL: Final = Path(__file__).parent / "models" / "blocks_v1"


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

    >>> menu = "<nav><a href='/'>Home</a> <a href='/blog'>Blog</a></nav>"
    >>> page = label_html(menu + "<p>The fox ran over the hill, and the dog slept on.</p>")
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
    head = head_of(document)
    reasons: list[list[Reason]] = []
    for part in cut_windows(document):
        features = extract_features(part)
        inputs = final_inputs(model, head, [features])
        adapted = model_for(model, head, inputs, features.lengths)
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
    judged = judge_documents(model, documents)
    if sites is not None:
        judged = [_with_site(model, document, found, sites) for document, found in zip(documents, judged, strict=True)]
    pages = [_page(document, model, found, threshold, favor) for document, found in zip(documents, judged, strict=True)]
    return [_trim(page, model) for page in pages] if trim else pages


def _trim(page: Page, model: Model) -> Page:
    return replace(page, blocks=split_tails(page.blocks, model, is_text=page.source_text is not None))


def _with_site(model: Model, document: Document, judged: Judged, sites: Recurrence) -> Judged:
    strength = model.site_strength(head_of(document))
    return judged._replace(labels=lower_recurring(judged.labels, sites(document), strength))


def _page(document: Document, model: Model, judged: Judged, threshold: float | None, favor: str) -> Page:
    head = head_of(document)
    shift = model.settings["favor"][head][favor]
    labels, expected = choose_labels(judged.labels, judged.lengths, threshold=threshold, shift=shift)
    quality = float(np.interp(expected, *model.settings["quality"][head])) if (labels == 0).any() else 0.0
    return page_of(Verdict(document, labels, judged.labels, judged.kinds), quality)
