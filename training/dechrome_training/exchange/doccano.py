"""doccano, sequence labelling: JSON Lines with ``text`` and ``label``, a list of [start, end, label].

Exports of projects with relations have ``entities`` with ``start_offset``, ``end_offset`` and ``label`` instead, older
ones ``labels``: all are read. Format: https://doccano.github.io/doccano/tutorial/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange.names import format_name
from dechrome_training.exchange.pages import CARRIED, Task, carry
from dechrome_training.exchange.spanned import RawSpan, read_spanned
from dechrome_training.importers.records import Outcome, get_list, read_records

_NAMES: Final = ("label", "entities", "labels")


def write_tasks(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield one line a page: what is known of it, or what the model says where nothing is."""
    for task in tasks:
        spans = [
            [span.start, span.end, format_name(span.block.label, span.block.kind)]
            for span in task.best_spans()
            if span.block.label is not None
        ]
        row = {"text": task.text, "label": spans, "page": task.page.id, CARRIED: carry(task.page)}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def read_export(path: Path, pages: Mapping[str, AnnotatedPage] | None = None) -> Iterator[Outcome]:
    """Read an export of a sequence labelling project.

    Raises:
        DataError: names the file, the line and the field that is wrong.
    """
    for number, record in enumerate(read_records(path), start=1):
        name = next((name for name in _NAMES if record.fields.get(name)), None)
        if name is None and not any(name in record.fields for name in _NAMES):
            raise DataError(f"{record.place}: field 'label' is missing")
        spans = [_raw_span(item) for item in get_list(record, name)] if name else []
        yield read_spanned(record, spans, f"{path.stem}-{record.fields.get('id', number)}", pages)


def _raw_span(item: Any) -> RawSpan:
    if isinstance(item, dict):
        return item.get("start_offset"), item.get("end_offset"), item.get("label"), item.get("text")
    return (*item, None) if isinstance(item, list) and len(item) == 3 else (None, None, None, None)
