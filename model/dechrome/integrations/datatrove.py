"""datatrove: a step of its pipelines, between its readers and writers, under any of its executors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.extractors.base import ExtractorSandbox
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.batching import batched
from datatrove.utils.typeshelper import StatHints

from dechrome.batch.cleaning import MAX_BATCH, Options, Status, check_cleaning
from dechrome.integrations.rows import REASON, STATUS, added_values, clean_rows, model_of

Row = dict[str, Any]


class Dechrome(PipelineStep):  # type: ignore[misc]
    """Replace each document's text, a page as HTML or as the text that a scraper made of it, by its content.

    With ``Options(facts=True)`` or ``labels=True``, title, quality, problems and spans go into ``metadata``. Documents
    that are dropped by the options or quarantined go to ``exclusion_writer``, as they came, with ``dechrome_status``
    and ``filter_reason`` in ``metadata``. Batches of documents are cleaned in a process of its own (datatrove's
    ``ExtractorSandbox``): a document that takes more than ``timeout`` seconds or kills that process is quarantined,
    and the rank goes on. With ``timeout=None`` they are cleaned in the rank's own process.
    """

    name = "dechrome"
    type = "🛢 - EXTRAC"

    def __init__(
        self,
        options: Options | None = None,
        source: Literal["html", "text"] = "html",
        timeout: float | None = 60.0,
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__()
        self.options = options or Options()
        check_cleaning(self.options)
        self.source = source
        self.timeout = timeout
        self.exclusion_writer = exclusion_writer

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Clean documents batch by batch, in order.

        Raises:
            ModelError: the model cannot be read.
        """
        model_of(self.options)
        clean = partial(_clean, options=self.options)
        sandbox = nullcontext() if self.timeout is None else ExtractorSandbox(self.timeout, warmup_text=([],))
        with sandbox as guard, self.exclusion_writer or nullcontext() as writer:
            for batch in batched(data, MAX_BATCH):
                with self.track_time("batch"):
                    values = _guarded(guard, clean, [self._row(document) for document in batch])
                for document, new in zip(batch, values, strict=True):
                    if self._update(document, new):
                        yield document
                    elif writer:
                        writer.write(document, rank)

    def _row(self, document: Document) -> Row:
        fields = self.options.fields
        name = fields.html if self.source == "html" else fields.text
        return {**document.metadata, fields.id: document.id, name: document.text}

    def _update(self, document: Document, new: Row) -> bool:
        """Give a document its new values and count it; return whether it is kept."""
        status, reason = new.pop(STATUS), new.pop(REASON)
        self.stat_update(StatHints.total, status)
        if status != Status.KEPT:
            self.stat_update(StatHints.dropped)
            document.metadata |= {STATUS: status, "filter_reason": reason}
            return False
        document.text = new.pop(self.options.fields.output)
        document.metadata |= new
        self.stat_update(StatHints.forwarded)
        self.update_doc_stats(document)
        return True


def _clean(rows: Sequence[Row], options: Options) -> list[Row]:
    return [added_values(cleaned, options) for cleaned in clean_rows(rows, options)]


def _guarded(guard: ExtractorSandbox | None, clean: Callable[[Sequence[Row]], list[Row]], rows: list[Row]) -> list[Row]:
    """Clean rows in the sandbox; where that dies or hangs, one by one, to find the row that it was."""
    if guard is None:
        return clean(rows)
    try:
        result: list[Row] = guard.process_document((rows,), clean)
    except (EOFError, OSError) as error:  # the latter is a TimeoutError, or a pipe that broke
        if len(rows) > 1:
            return [values for row in rows for values in _guarded(guard, clean, [row])]
        hung = isinstance(error, TimeoutError)
        reason = f"it took more than {guard.timeout:g} seconds" if hung else "it killed the process that cleaned it"
        return [{STATUS: Status.QUARANTINED.value, REASON: reason}]
    return result
