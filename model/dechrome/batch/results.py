"""Cleaned records -> the bytes that a job writes, and its numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from dechrome.batch.cleaning import Cleaned, Options, Status, spans_of
from dechrome.batch.page_outputs import PageFormat, write_page
from dechrome.batch.records import Chunk, Input, InputFormat, PageFile, PageType
from dechrome.batch.statistics import Statistics, rank_of
from dechrome.batch.writers import OutputFormat, default_format, encode_rows, packing_of
from dechrome.blocks import Label
from dechrome.rendering import CONTENT_AND_IMAGES, CONTENT_ONLY

Row = Mapping[str, Any]

SAMPLED: Final = 8  # records of a chunk for one that is looked at closer, for the report
GUESSED: Final = 16  # of a chunk's records have their language guessed, at least


@dataclass(frozen=True, slots=True)
class Task:
    """What is done to every chunk.

    ``form`` is how records are written, an output for each input; None: as that input is. ``page_form`` is how page
    files are written, each into a file of its own; None: as records are. ``sites`` is the file of a site memory.
    ``tagger`` names the model in Dolma's attributes.
    """

    options: Options
    form: OutputFormat | None = None
    page_form: PageFormat | None = None
    page_type: PageType = PageType.AUTO
    keep_dropped: bool = False
    sites: str | None = None
    tagger: str = "blocks_v1"


@dataclass(slots=True)
class Result:
    """What came out of a chunk.

    ``output``, ``documents``, ``dropped`` and ``quarantined`` are bytes to append to the files of these names, and
    ``files`` the contents of a file for each of the chunk's pages, None where it gets none.
    """

    output: bytes = b""
    documents: bytes = b""
    dropped: bytes = b""
    quarantined: bytes = b""
    files: list[bytes | None] = field(default_factory=list)
    statistics: Statistics = field(default_factory=Statistics)


def form_of(source: Input, task: Task) -> OutputFormat:
    """Return how the records of an input are written."""
    return task.form or default_format(source.form)


def has_own_files(source: Input, task: Task) -> bool:
    """Tell whether each page of an input is written to a file of its own."""
    return source.form is InputFormat.PAGES and task.page_form is not None


def has_documents(source: Input) -> bool:
    """Tell whether an input lies in Dolma's layout, so that its documents can stay where they are."""
    return source.form is InputFormat.JSONL and "documents" in PurePosixPath(source.address).parts


def collect(task: Task, chunk: Chunk, outcomes: Iterable[Cleaned]) -> Result:
    """Write and count what became of a chunk's items."""
    result = Result()
    own_files = has_own_files(chunk.source, task)
    if own_files:
        judged = [_refuse_unreadable(outcome) for outcome in outcomes]
        result.files = [_write_file(*pair, task) for pair in zip(judged, chunk.pages, strict=False)]
    elif form_of(chunk.source, task) is OutputFormat.DOLMA:
        in_place = has_documents(chunk.source)
        judged = [_refuse_html(outcome) if in_place else outcome for outcome in outcomes]
        judged, result.output = _encode(judged, chunk, task, _attributes)
        if not in_place:
            judged, result.documents = _encode(judged, chunk, task, _document, OutputFormat.JSONL)
    else:
        judged, result.output = _encode(list(outcomes), chunk, task, lambda outcome: outcome.record)
    kept = CONTENT_AND_IMAGES if task.options.images else CONTENT_ONLY
    ranked = sorted(judged, key=rank_of)
    guessed = set(map(id, ranked[: max(GUESSED, len(judged) // SAMPLED)]))
    sampled = set(map(id, ranked[: max(1, len(judged) // SAMPLED)]))
    for outcome in judged:
        text = outcome.record.get(task.options.fields.output) if id(outcome) in guessed else None
        result.statistics.add(outcome, kept, text, is_sampled=id(outcome) in sampled)
    lost = [outcome for outcome in judged if outcome.status is Status.QUARANTINED]
    result.quarantined = b"".join(_to_line(_place(outcome)) for outcome in lost)
    if task.keep_dropped:
        dropped = [outcome for outcome in judged if outcome.status is Status.DROPPED]
        result.dropped = b"".join(_to_line({**outcome.record, "dropped": outcome.reason}) for outcome in dropped)
    return result


def _encode(
    outcomes: Sequence[Cleaned],
    chunk: Chunk,
    task: Task,
    row_of: Callable[[Cleaned], Row],
    form: OutputFormat | None = None,
) -> tuple[list[Cleaned], bytes]:
    """Encode what is kept, and quarantine what cannot be."""
    form = form or form_of(chunk.source, task)
    packing = packing_of(form, chunk.source.target)
    rows = [row_of(outcome) for outcome in outcomes if outcome.status is Status.KEPT]
    try:
        return list(outcomes), encode_rows(
            rows, form, packing, fields=task.options.fields, chunk=chunk, model=task.tagger
        )
    except Exception:  # find the row that it was
        if len(rows) == 1:
            return [_refuse(outcome, "cannot be written") for outcome in outcomes], b""
    judged: list[Cleaned] = []
    for outcome in outcomes:
        judged += _encode([outcome], chunk, task, row_of, form)[0]
    return _encode(judged, chunk, task, row_of, form)


def _refuse(outcome: Cleaned, reason: str) -> Cleaned:
    if outcome.status is not Status.KEPT:
        return outcome
    return outcome._replace(status=Status.QUARANTINED, reason=reason, record={}, page=None)


def _refuse_unreadable(outcome: Cleaned) -> Cleaned:
    """A page file without a visible character, whose problems say why, gets no file."""
    page = outcome.page
    return outcome if page is None or page.blocks or not page.problems else _refuse(outcome, "; ".join(page.problems))


def _refuse_html(outcome: Cleaned) -> Cleaned:
    """Spans of HTML refer to a text that documents in Dolma's layout do not hold."""
    if outcome.page is None or outcome.page.source_text is not None:
        return outcome
    return _refuse(outcome, "HTML in Dolma's layout, whose spans are of text")


def _attributes(outcome: Cleaned) -> Row:
    """Return what the writer of Dolma's attributes needs: ``spans`` with the probability of content at the end."""
    if outcome.page is None:
        return {"id": _dolma_id(outcome), "spans": []}
    _, spans = spans_of(outcome.page)
    chances = (round(block.probabilities[Label.CONTENT], 4) for block in outcome.page.blocks)
    rows = [[*span, chance] for span, chance in zip(spans, chances, strict=True)]
    return {"id": _dolma_id(outcome), "spans": rows}


def _document(outcome: Cleaned) -> Row:
    """Return a record as a document of Dolma's: its text is the one that spans refer to."""
    text = spans_of(outcome.page)[0] if outcome.page else ""
    return {"source": "dechrome", **outcome.record, "id": _dolma_id(outcome), "text": text}


def _dolma_id(outcome: Cleaned) -> str:
    return f"{outcome.source}:{outcome.offset}" if outcome.id is None else outcome.id


def _write_file(outcome: Cleaned, page_file: PageFile, task: Task) -> bytes | None:
    if outcome.status is not Status.KEPT or outcome.page is None or task.page_form is None:
        return None
    text = write_page(outcome.page, page_file.address, task.page_form, task.options.images)
    return text.encode("utf-8", "replace")


def _place(outcome: Cleaned) -> Row:
    return {"id": outcome.id, "source": outcome.source, "offset": outcome.offset, "reason": outcome.reason}


def _to_line(row: Row) -> bytes:
    return json.dumps(row, default=repr).encode() + b"\n"
