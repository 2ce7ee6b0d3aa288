"""Pages on their way to a labelling tool and back: today's blocks with their labels, and spans of one text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from dechrome import labelling
from dechrome.artefact import Model
from dechrome.batch.records import PageType
from dechrome.blocks import Document, Label, LabelledBlock
from dechrome.cli.inputs import check_arguments, find_inputs, read_source
from dechrome.encoding import decode_html, decode_text
from dechrome.errors import DataError
from dechrome.html_blocks import split_html
from dechrome.text_blocks import split_text
from dechrome_training.align import BlockGold, find_lost, realign
from dechrome_training.corpus import AnnotatedPage, GoldBlock, PageFile
from dechrome_training.exchange.names import format_name
from dechrome_training.importers.records import Record, show
from dechrome_training.label_files import read_labels
from dechrome_training.label_rows import RowError, digest, to_page, to_row
from dechrome_training.samples import gold_lines
from dechrome_training.views import Line

CARRIED: Final = "dechrome"  # the field that carries the page through a labelling tool
_NEVER_CARRIED: Final = ("path", "as", "sha256")  # a file from elsewhere must not have files of ours read
_BATCH: Final = 16  # pages labelled together
_GAP: Final = "\n\n"


class Span(NamedTuple):
    """A labelled run of a text; ``confidence`` is set where the label is a prediction."""

    start: int
    end: int
    block: GoldBlock
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A page as it goes to a labelling tool.

    ``blocks`` are today's, with what is known of them; ``offsets`` say where they stand in ``text``. ``predicted`` is
    what the model says of them, ``quality`` what it expects of its word F1. ``problems`` name labels without a text.
    """

    page: AnnotatedPage
    text: str
    blocks: tuple[GoldBlock, ...]
    offsets: tuple[tuple[int, int], ...]
    predicted: tuple[LabelledBlock, ...]
    quality: float
    problems: tuple[str, ...]

    @property
    def is_labelled(self) -> bool:
        """Whether anything is known of any block."""
        return any(block.label is not None for block in self.blocks)

    def known_spans(self) -> list[Span]:
        """Return the spans of the blocks that are labelled."""
        return [
            Span(start, end, block)
            for (start, end), block in zip(self.offsets, self.blocks, strict=True)
            if block.label is not None
        ]

    def predicted_spans(self) -> list[Span]:
        """Return the spans of all blocks, as the model labels them."""
        return [
            Span(start, end, GoldBlock(block.text, block.label, block.kind), block.confidence)
            for (start, end), block in zip(self.offsets, self.predicted, strict=True)
        ]

    def best_spans(self) -> list[Span]:
        """Return what is known, or what the model says where nothing is."""
        return self.known_spans() if self.is_labelled else self.predicted_spans()


def read_pages(arguments: Sequence[str]) -> Iterator[AnnotatedPage]:
    """Read label files (``.jsonl``, unfinished pages too) and pages that are not labelled: files, folders, globs.

    Raises:
        DataError: a label file is malformed, or a page cannot be read.
        InputError: an argument names nothing.
    """
    check_arguments(arguments)
    for argument in arguments:
        if Path(argument).suffix == ".jsonl" and Path(argument).is_file():
            yield from read_labels(Path(argument), unfinished=True)
            continue
        for found in find_inputs([argument]):
            try:
                source = read_source(found, PageType.AUTO)
            except OSError as error:
                raise DataError(f"{found.name}: {error.strerror or error}") from error
            yield _plain_page(found.name, found.path, source)


def make_tasks(pages: Iterable[AnnotatedPage], model: Model | None) -> Iterator[Task]:
    """Cut and label pages, and align what is known of them with today's blocks."""
    waiting = iter(pages)
    while batch := list(islice(waiting, _BATCH)):
        sources = [_source(page) for page in batch]
        for page, source, labelled in zip(batch, sources, labelling.label_pages(sources, model), strict=True):
            document = labelling.read_source(source)
            text, offsets = _join(document)
            known, problems = known_blocks(page, document)
            yield Task(page, text, known, offsets, labelled.blocks, labelled.quality, problems)


def cut_page(page: AnnotatedPage) -> Document:
    """Return the page cut into today's blocks."""
    return split_html(page.html, page.url) if page.html is not None else split_text(page.text or "", page.url)


def known_blocks(page: AnnotatedPage, document: Document) -> tuple[tuple[GoldBlock, ...], tuple[str, ...]]:
    """Return today's blocks with what is known of them, and a message for labels that found no text."""
    texts = [block.text for block in document.blocks]
    if page.blocks:
        found = _with_texts(texts, realign(texts, page.blocks))
        return found, describe_lost(find_lost(texts, page.blocks), "labelled blocks")
    if page.gold is None and not page.must_have and not page.must_not:
        return tuple(GoldBlock(text, None) for text in texts), ()
    return tuple(map(_from_line, gold_lines(page, document))), ()


def carry(page: AnnotatedPage) -> dict[str, Any]:
    """Return what a record carries of its page, so that it can come back: its row without labels and text."""
    row = to_row(replace(page, blocks=(), gold=None, must_have=(), must_not=(), done=True))
    return {name: value for name, value in row.items() if name not in ("text", "done")}


def carried_page(record: Record, text: str, name: str, pages: Mapping[str, AnnotatedPage] | None) -> AnnotatedPage:
    """Return the page of a record: out of ``pages`` by its id, or as the record carries it, or its text alone.

    Raises:
        DataError: what the record carries is malformed.
        KeyError: ``pages`` has no page of that id.
    """
    holders = (record.fields, *(record.fields.get(key) for key in ("data", "meta", "metadata")))
    row = next((holder[CARRIED] for holder in holders if isinstance(holder, dict) and holder.get(CARRIED)), None)
    if row is not None and not isinstance(row, dict):
        raise DataError(f"{record.place}: field {CARRIED!r}: must be an object, not {show(row)}")
    row = {"id": name} | {field: value for field, value in (row or {}).items() if field not in _NEVER_CARRIED}
    if pages is not None:
        return pages[str(row.get("id"))]
    if row.get("html") is None:
        row["text"] = text
    try:
        return to_page(row | {"done": False, "blocks": None, "gold": None}, Path())
    except RowError as error:
        field = f".{error.fault.field}" if error.fault.field else ""
        raise DataError(f"{record.place}: field '{CARRIED}{field}': {error.fault.message}") from error


def label_page(page: AnnotatedPage, pieces: Sequence[GoldBlock]) -> tuple[AnnotatedPage | None, tuple[str, ...]]:
    """Align labelled pieces of a page's text with today's blocks; returns no page where none of them is found."""
    texts = [block.text for block in cut_page(page).blocks]
    blocks = _with_texts(texts, realign(texts, pieces))
    lost = find_lost(texts, pieces)
    wanted = sum(piece.label is not None and bool(piece.text.strip()) for piece in pieces)
    if lost and len(lost) == wanted:
        return None, describe_lost(lost, "labels (all there are)")
    gold = None
    if all(block.label is not None for block in blocks):
        gold = "\n\n".join(block.text for block in blocks if block.label is Label.CONTENT)
    return replace(page, blocks=blocks, gold=gold, done=True), describe_lost(lost, "labels")


def mend_texts(page: AnnotatedPage, blocks: Sequence[GoldBlock]) -> list[GoldBlock]:
    """Return blocks with the texts of today's, if they are as many and half of them the same.

    Spreadsheets change what looks like a number or a date; the rows are those of the page all the same.
    """
    texts = [block.text for block in cut_page(page).blocks]
    if len(texts) != len(blocks):
        return list(blocks)
    same = sum(text.split() == block.text.split() for text, block in zip(texts, blocks, strict=True))
    if same < 0.5 * len(texts):
        return list(blocks)
    return [replace(block, text=text) for text, block in zip(texts, blocks, strict=True)]


def cut_spans(text: str, spans: Sequence[Span]) -> list[GoldBlock]:
    """Return the labelled spans of a text and what lies between them, which is not labelled.

    Raises:
        ValueError: two spans with different labels overlap.
    """
    pieces: list[GoldBlock] = []
    end = 0
    before: Span | None = None
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if before is not None and span.start < end and _name(span) != _name(before):
            shared = show(text[span.start : min(end, span.end)])
            raise ValueError(f"{_name(before)} and {_name(span)} overlap: {shared}")
        if span.end <= end and before is not None:
            continue
        start = max(span.start, end)
        if start > end:
            pieces.append(GoldBlock(text[end:start], None))
        pieces.append(replace(span.block, text=text[start : span.end]))
        end, before = span.end, span
    return [*pieces, GoldBlock(text[end:], None)] if end < len(text) else pieces


def describe_lost(lost: Sequence[GoldBlock], what: str) -> tuple[str, ...]:
    """Return a message that counts the labels that found no text on the page and shows the first."""
    if not lost:
        return ()
    return (f"{len(lost)} {what} found no text on the page, the first is {show(lost[0].text)}",)


def _from_line(line: Line) -> GoldBlock:
    if math.isnan(line.share):
        return GoldBlock(line.text, None)
    return GoldBlock(line.text, Label.CONTENT) if line.share >= 0.5 else GoldBlock(line.text, Label.CHROME, line.kind)


def _with_texts(texts: Sequence[str], gold: Sequence[BlockGold]) -> tuple[GoldBlock, ...]:
    return tuple(GoldBlock(text, found.label, found.kind) for text, found in zip(texts, gold, strict=True))


def _name(span: Span) -> str:
    return format_name(span.block.label, span.block.kind) if span.block.label is not None else "nothing"


def _source(page: AnnotatedPage) -> labelling.Source:
    if page.html is not None:
        return labelling.Source(html=page.html, url=page.url)
    return labelling.Source(text=page.text or "", url=page.url)


def _join(document: Document) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text of a page, HTML with a blank line between blocks, and where its blocks stand in it."""
    if document.source_text is not None:
        return document.source_text, tuple((block.start, block.end) for block in document.blocks)
    offsets = []
    start = 0
    for block in document.blocks:
        offsets.append((start, start + len(block.text)))
        start += len(block.text) + len(_GAP)
    return _GAP.join(block.text for block in document.blocks), tuple(offsets)


def _plain_page(name: str, path: Path | None, source: labelling.Source) -> AnnotatedPage:
    """Return a page of which nothing is known yet."""
    is_html = source.html is not None
    data = source.html if is_html else source.text
    assert isinstance(data, bytes)
    text, _ = decode_html(data) if is_html else decode_text(data)
    file = PageFile(path, digest(data)) if path is not None else None
    html, plain = (text, None) if is_html else (None, text)
    return AnnotatedPage(name, "labels", html, plain, done=False, file=file)
