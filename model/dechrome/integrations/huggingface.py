"""Hugging Face datasets: a callable for ``.map(batched=True)``. Every row stays, with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from datasets import Dataset, Features, IterableDataset

from dechrome.batch.cleaning import Options, check_cleaning
from dechrome.integrations.rows import added_names, added_values, clean_rows, model_of
from dechrome.integrations.tables import clean_schema

AnyDataset = TypeVar("AnyDataset", Dataset, IterableDataset)


@dataclass(frozen=True)
class CleanBatch:
    """What ``map`` calls on each batch. It holds the options and, for the cache's sake, the digest of the model."""

    options: Options = field(default_factory=Options)
    digest: str = ""

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Return the new columns of a batch of rows."""
        fields = self.options.fields
        needed = [name for name in (fields.id, fields.url, fields.html, fields.text) if name in batch]
        size = len(next(iter(batch.values()), ()))
        pages = ({name: batch[name][row] for name in needed} for row in range(size))
        rows = [added_values(cleaned, self.options) for cleaned in clean_rows(pages, self.options)]
        return {name: [row[name] for row in rows] for name in added_names(self.options)}


def clean_dataset(dataset: AnyDataset, options: Options | None = None, **settings: Any) -> AnyDataset:
    """Clean a page of HTML or text in each row: the same rows with the clean text, ``dechrome_status`` and
    ``dechrome_reason``. A row that was quarantined keeps its place and its other columns; its text is ``None``.

    ``settings`` go to ``map``: ``num_proc``, ``batch_size`` and so on.

    Raises:
        InputError: an option is none.
        ModelError: the model cannot be read.
    """
    options = options or Options()
    check_cleaning(options)
    clean = CleanBatch(options, model_of(options).digest)
    html, columns = options.fields.html, dataset.column_names  # None: a stream whose columns are not known yet
    goes = [] if options.keep_html or html == options.fields.output or html not in (columns or [html]) else [html]
    if dataset.features is not None:
        schema = clean_schema(dataset.features.arrow_schema, options)
        settings = {"features": Features.from_arrow_schema(schema)} | settings
    return dataset.map(clean, batched=True, remove_columns=goes, **settings)
