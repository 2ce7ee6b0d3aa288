"""A record of a text and labelled spans of it -> a labelled page, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange.pages import carried_page, cut_spans, label_page
from dechrome_training.exchange.places import read_span
from dechrome_training.importers.records import Outcome, Record, get_string

RawSpan: TypeAlias = tuple[Any, Any, Any, Any]  # start, end, label, and what the tool says stands there


def read_spanned(
    record: Record, raw: Sequence[RawSpan], name: str, pages: Mapping[str, AnnotatedPage] | None
) -> Outcome:
    """Return the page of a record with its labels; ``name`` is its id where the record has none.

    Raises:
        DataError: the text is missing, or the page that the record carries is malformed.
    """
    text = get_string(record, "text")
    problems: list[str] = []
    spans = []
    for number, span in enumerate(raw, start=1):
        try:
            spans.append(read_span(text, *span))
        except ValueError as error:
            problems.append(f"span {number}: {error}")
    if not raw:
        return Outcome(record.place, None, left_out="not labelled")
    try:
        page = carried_page(record, text, name, pages)
        labelled, lost = label_page(page, cut_spans(text, spans))
    except KeyError as error:
        return Outcome(record.place, None, (*problems, f"no page of the id {error}"))
    except ValueError as error:
        return Outcome(record.place, None, (*problems, str(error)))
    return Outcome(record.place, labelled if spans else None, (*problems, *lost))
