"""Prodigy: JSON Lines with ``text``, ``tokens``, ``spans`` and ``answer``, for ``ner.manual`` and ``spans.manual``.

Format: https://prodi.gy/docs/api-interfaces. Tokens are written beside the text, so that none cuts across a block.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange.names import format_name
from dechrome_training.exchange.pages import CARRIED, Task, carry
from dechrome_training.exchange.spanned import read_spanned
from dechrome_training.importers.records import Outcome, get_list, get_optional, read_records

_TOKEN: Final = re.compile(r"\n+|\S+")
_ACCEPTED: Final = "accept"
_LEFT_OUT: Final = {"reject": "rejected", "ignore": "ignored"}


def write_tasks(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield one line a page: what is known of it, or what the model says where nothing is."""
    for task in tasks:
        yield json.dumps(_record(task), ensure_ascii=False) + "\n"


def read_export(path: Path, pages: Mapping[str, AnnotatedPage] | None = None) -> Iterator[Outcome]:
    """Read what ``prodigy db-out`` writes; records that were rejected or ignored are left out.

    Raises:
        DataError: names the file, the line and the field that is wrong.
    """
    for number, record in enumerate(read_records(path), start=1):
        answer = get_optional(record, "answer") or _ACCEPTED
        if answer in _LEFT_OUT:
            yield Outcome(record.place, None, left_out=_LEFT_OUT[answer])
        elif answer != _ACCEPTED:
            expected = ", ".join((_ACCEPTED, *_LEFT_OUT))
            yield Outcome(record.place, None, (f"field 'answer': must be {expected}, not {answer!r}",))
        else:
            spans = [
                (span.get("start"), span.get("end"), span.get("label"), span.get("text"))
                if isinstance(span, dict)
                else (None, None, None, None)
                for span in get_list(record, "spans")
            ]
            yield read_spanned(record, spans, f"{path.stem}-{number}", pages)


def _record(task: Task) -> dict[str, Any]:
    matches = list(_TOKEN.finditer(task.text))
    tokens = [
        {"text": match[0], "start": match.start(), "end": match.end(), "id": number, "ws": _is_space(task.text, match)}
        for number, match in enumerate(matches)
    ]
    starts = [match.start() for match in matches]
    spans = [
        {
            "start": span.start,
            "end": span.end,
            "token_start": bisect_right(starts, span.start) - 1,
            "token_end": bisect_left(starts, span.end) - 1,
            "label": format_name(span.block.label, span.block.kind),
        }
        for span in task.best_spans()
        if span.block.label is not None
    ]
    meta = {"page": task.page.id}
    return {"text": task.text, "tokens": tokens, "spans": spans, "meta": meta, CARRIED: carry(task.page)}


def _is_space(text: str, match: re.Match[str]) -> bool:
    return text[match.end() : match.end() + 1] == " "
