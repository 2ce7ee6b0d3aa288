"""Dolma's attribute files: what was found in each document, beside the documents, which stay as they are.

https://github.com/allenai/dolma/blob/main/docs/data-format.md: an attribute file has the rows of its document file,
in its order; an attribute is a list of spans ``[start, end, score]`` over the characters of the document's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dechrome.batch.records import Fields


def to_attributes(row: Mapping[str, Any], fields: Fields, model: str) -> dict[str, Any]:
    """Return the attributes of one document.

    ``row`` has its id and ``spans``: start, end, label, kind, confidence and probability of content of every block,
    or no spans, where it could not be labelled. Attributes are named as Dolma's taggers name them: ``content``,
    ``image`` and each kind of chrome with the confidence of the label, ``content_probability`` for every block.

    >>> spans = [[0, 9, "content", None, 0.9, 0.9], [10, 20, "chrome", "share", 0.8, 0.1]]
    >>> for name, value in to_attributes({"id": 1, "spans": spans}, Fields(), "v1")["attributes"].items():
    ...     print(name, value)
    dechrome__v1__content_probability [[0, 9, 0.9], [10, 20, 0.1]]
    dechrome__v1__content [[0, 9, 0.9]]
    dechrome__v1__share [[10, 20, 0.8]]
    """
    prefix = f"dechrome__{re.sub(r'[^0-9A-Za-z]+', '_', model).strip('_') or 'model'}__"
    spans: Iterable[tuple[int, int, str, str | None, float, float]] = row.get("spans") or ()
    attributes: dict[str, list[list[float]]] = {f"{prefix}content_probability": []}
    for start, end, label, kind, confidence, probability in spans:
        attributes[f"{prefix}content_probability"].append([start, end, probability])
        attributes.setdefault(prefix + (kind or label), []).append([start, end, confidence])
    kept = {"source": row["source"]} if isinstance(row.get("source"), str) else {}
    return {"id": row.get(fields.id), **kept, "attributes": attributes}
