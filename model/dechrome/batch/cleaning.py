"""Records in, cleaned records out: what every engine runs, here and on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from dechrome.artefact import Model
from dechrome.batch.records import Broken, Fields, Passed, Record, make_record
from dechrome.blocks import Document, Label
from dechrome.choosing import check_options
from dechrome.encoding import decode_page
from dechrome.errors import InputError
from dechrome.judging import BATCH_BLOCKS
from dechrome.labelling import Favor, Source, label_documents, load_model, read_source
from dechrome.pages import Page
from dechrome.recurring import Recurrence

MAX_BATCH: Final = 64  # records labelled together, at most

Item = Record | Broken | Passed
Span = tuple[int, int, str, str | None, float]  # start, end, label, kind, confidence


@dataclass(frozen=True, slots=True)
class Options:
    """What is done to every record.

    ``markdown`` and ``images`` say what the clean text looks like; ``labels`` adds the spans, the quality and the
    problems of each page, ``facts`` its title, quality and problems alone; ``keep_html`` keeps the page itself.
    Records below ``min_quality`` (0 to 1) or ``min_chars`` characters of clean text are dropped. ``model`` is the
    folder of another model than the shipped one.
    """

    fields: Fields = field(default_factory=Fields)
    threshold: float | None = None
    favor: Favor = "balanced"
    trim: bool = False
    images: bool = False
    markdown: bool = False
    labels: bool = False
    facts: bool = False
    keep_html: bool = False
    min_quality: float = 0.0
    min_chars: int = 0
    model: str | None = None


class Status(StrEnum):
    """What became of a record."""

    KEPT = "kept"
    DROPPED = "dropped"  # by the rules of the job
    QUARANTINED = "quarantined"  # it could not be read or cleaned
    PASSED = "passed"  # no page by its nature, as a WARC request


class Cleaned(NamedTuple):
    """One record after cleaning.

    ``record`` has its own fields and the clean text (none where it was quarantined); ``reason`` says why it was
    not kept. ``page`` is the labelled page, ``seconds`` the CPU time that it took and ``size`` how much there was of
    it, in bytes or characters.
    """

    status: Status
    record: dict[str, Any]
    reason: str
    source: str
    offset: int
    id: str | None
    page: Page | None = None
    seconds: float = 0.0
    size: int = 0


def clean_records(
    records: Iterable[Mapping[str, Any]], options: Options | None = None, model: Model | None = None
) -> Iterator[Cleaned]:
    """Clean records of your own, mappings with a page of HTML or text among their fields: one result each, in order.

    Some records are read ahead, so that they share matrix products. Nothing raises on a bad record: it comes out
    quarantined, with the reason. Where ``records`` itself raises, those before come out first.

    Raises:
        InputError: an option is none.
        ModelError: the model cannot be read.

    >>> text = "The minister said on Monday that the budget would be voted before the summer.\\nAccept all cookies"
    >>> rows = [{"id": 1, "text": text}, {"id": 2}]
    >>> [(cleaned.status.value, cleaned.record.get("text")) for cleaned in clean_records(rows)]
    [('kept', 'The minister said on Monday that the budget would be voted before the summer.'), ('quarantined', None)]
    """
    options = options or Options()
    check_cleaning(options)
    items = (_as_item(row, number, options.fields) for number, row in enumerate(records))
    return clean_items(items, options, model or load_model(options.model))


def check_cleaning(options: Options) -> None:
    """Raise ``InputError`` for an option that is none."""
    check_options(options.threshold, options.favor)
    if not 0 <= options.min_quality <= 1:
        raise InputError(f"min_quality must be 0 to 1, not {options.min_quality}")
    if options.min_chars < 0:
        raise InputError(f"min_chars must not be negative: {options.min_chars}")


def clean_items(
    items: Iterable[Item], options: Options, model: Model, sites: Recurrence | None = None
) -> Iterator[Cleaned]:
    """Clean what a reader yields: one result an item, in order. ``sites`` knows what recurs on other pages."""
    batch: list[_Read] = []
    blocks = 0
    try:
        for item in items:
            batch.append(_read(item))
            document = batch[-1].document
            blocks += len(document.blocks) if document else 0
            if blocks >= BATCH_BLOCKS or len(batch) >= MAX_BATCH:
                full, batch, blocks = batch, [], 0
                yield from _clean_batch(full, options, model, sites)
    except Exception:  # of ``items``: what it yielded before comes out first
        yield from _clean_batch(batch, options, model, sites)
        raise
    yield from _clean_batch(batch, options, model, sites)


def spans_of(page: Page) -> tuple[str, list[Span]]:
    """Return a page's text with all its blocks, and a span for each: start, end, label, kind and confidence.

    The text is the input, for plain text, else all visible text, a block a line. Offsets count characters.
    """
    if page.source_text is not None:
        return page.source_text, [_span(block, block.start, block.end) for block in page.blocks]
    spans, start = [], 0
    for block in page.blocks:
        spans.append(_span(block, start, start + len(block.text)))
        start += len(block.text) + 1
    return "\n".join(block.text for block in page.blocks), spans


class _Read(NamedTuple):
    """An item and its page cut into blocks; or why that failed."""

    item: Item
    document: Document | None
    seconds: float = 0.0
    reason: str = ""


def _as_item(row: object, number: int, fields: Fields) -> Item:
    if isinstance(row, Record | Broken | Passed):
        return row
    if not isinstance(row, Mapping):
        return Broken("", number, f"a record is a mapping, not {type(row).__name__}")
    return make_record("", number, row, fields)


def _read(item: Item) -> _Read:
    if not isinstance(item, Record):
        return _Read(item, None, reason=item.reason)
    begun = time.process_time()
    try:
        document = read_source(Source(item.html, item.text, item.url, item.charset))
    except Exception as error:  # a page must never take the job with it
        return _Read(item, None, time.process_time() - begun, _describe(error))
    return _Read(item, document, time.process_time() - begun)


def _clean_batch(batch: Sequence[_Read], options: Options, model: Model, sites: Recurrence | None) -> Iterator[Cleaned]:
    documents = [read.document for read in batch if read.document is not None]
    begun = time.process_time()
    outcomes = iter(_label(documents, options, model, sites))
    share = (time.process_time() - begun) / max(1, sum(len(document.blocks) for document in documents))
    for read in batch:
        outcome = next(outcomes) if read.document is not None else read.reason
        yield _judge(read, outcome, share, options)


def _label(documents: Sequence[Document], options: Options, model: Model, sites: Recurrence | None) -> list[Page | str]:
    """Label documents together, or one by one where that fails: a page, or why there is none."""
    try:
        return [*label_documents(documents, model, options.threshold, options.favor, trim=options.trim, sites=sites)]
    except Exception as error:  # a page must never take the job with it
        if len(documents) == 1:
            return [_describe(error)]
        return [outcome for document in documents for outcome in _label([document], options, model, sites)]


def _judge(read: _Read, outcome: Page | str, share: float, options: Options) -> Cleaned:
    """Say what becomes of an item whose page was labelled, or was not."""
    item = read.item
    if not isinstance(item, Record) or isinstance(outcome, str):
        status = Status.PASSED if isinstance(item, Passed) else Status.QUARANTINED
        identity = None if isinstance(item, Passed) else item.id
        return Cleaned(status, {}, str(outcome), item.source, item.offset, identity, None, read.seconds)
    size = len(item.text or b"") if item.html is None else len(item.html)
    try:
        record = _write(item, outcome, options)
    except Exception as error:
        return Cleaned(Status.QUARANTINED, {}, _describe(error), item.source, item.offset, item.id)
    reason = _why_dropped(outcome, record[options.fields.output], options)
    status = Status.DROPPED if reason else Status.KEPT
    seconds = read.seconds + share * (len(read.document.blocks) if read.document else 0)
    return Cleaned(status, record, reason, item.source, item.offset, item.id, outcome, seconds, size)


def _write(item: Record, page: Page, options: Options) -> dict[str, Any]:
    """Return the record's own fields, with the clean text among them, and the page if that was not one of them."""
    fields = options.fields
    record = dict(item.fields)
    if item.html is None:
        record.setdefault(fields.text, page.source_text)
    elif not options.keep_html:
        record.pop(fields.html, None)
    elif fields.html not in record:
        record[fields.html] = _read_text(item.html, item.charset)
    images = options.images
    record[fields.output] = page.to_markdown(images=images) if options.markdown else page.to_text(images=images)
    if options.facts:
        record["title"] = page.title
    if options.labels:
        text, spans = spans_of(page)
        if item.text is None or fields.output == fields.text:  # else the text is there under its own name
            record["source_text"] = text
        record["spans"] = spans
    if options.labels or options.facts:
        record["quality"] = round(page.quality, 4)
        record["problems"] = list(page.problems)
    return record


def _read_text(html: bytes | str, charset: str | None) -> bytes | str:
    """Decode a page as for labelling; what is no text stays as it is."""
    return html if isinstance(html, str) else decode_page(html, charset).text or html


def _why_dropped(page: Page, text: str, options: Options) -> str:
    if page.quality < options.min_quality:
        return f"quality {page.quality:.2f} is below {options.min_quality}"
    if len(text) < options.min_chars:
        return f"{len(text)} characters are fewer than {options.min_chars}"
    return ""


def _span(block: Any, start: int, end: int) -> Span:
    kind = block.kind.value if block.kind else None
    return start, end, Label(block.label).value, kind, round(block.confidence, 4)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
