"""Rows of any engine, cleaned one for one: what the engines' modules share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from dechrome.artefact import Model
from dechrome.batch.cleaning import Cleaned, Options, clean_records
from dechrome.labelling import load_model

STATUS: Final = "dechrome_status"  # kept, dropped or quarantined
REASON: Final = "dechrome_reason"  # why it was not kept, else empty
SPAN_NAMES: Final = ("start", "end", "label", "kind", "confidence")

worker_model = lru_cache(maxsize=1)(load_model)  # a worker gets many batches; the caller's own folders are not cached


def clean_rows(rows: Iterable[Mapping[str, Any]], options: Options) -> Iterator[Cleaned]:
    """Clean rows as ``clean_records`` does, with the one model of this process.

    Raises:
        InputError: an option is none.
        ModelError: the model cannot be read.
    """
    return clean_records(rows, options, model_of(options))


def model_of(options: Options) -> Model:
    """Return the model that the options name; it is read once in a process."""
    return worker_model(options.model)


def added_names(options: Options) -> list[str]:
    """Return the names of the fields that every row gets, in order.

    >>> added_names(Options(facts=True))
    ['text', 'title', 'quality', 'problems', 'dechrome_status', 'dechrome_reason']
    """
    names = [options.fields.output]
    names += ["title"] if options.facts else []
    names += ["source_text", "spans"] if options.labels else []
    names += ["quality", "problems"] if options.labels or options.facts else []
    return [*names, STATUS, REASON]


def added_values(cleaned: Cleaned, options: Options) -> dict[str, Any]:
    """Return these fields of one row; of a quarantined one all but the last two are ``None``.

    >>> row, = clean_rows([{"text": 7}], Options())
    >>> added_values(row, Options())["dechrome_reason"]
    "field 'text' holds int, not text"
    """
    record = cleaned.record
    values = {name: record.get(name) for name in added_names(options)}
    if "spans" in record:
        values["spans"] = [dict(zip(SPAN_NAMES, span, strict=True)) for span in record["spans"]]
    return values | {STATUS: cleaned.status.value, REASON: cleaned.reason}
