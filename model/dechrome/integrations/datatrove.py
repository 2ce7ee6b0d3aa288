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
    """Replace each document's text, a page, by its content.

    ``source`` is what the text is: HTML, or text that a scraper made; with "text", a document whose ``metadata`` has
    a field of HTML is read from that instead. ``Options(facts=True)`` puts title, quality and problems into
    ``metadata``, ``labels=True`` quality, problems, spans and the text that they refer to.

    Documents that the options drop and those that cannot be cleaned go to ``exclusion_writer`` as they came, with
    ``dechrome_status`` and ``filter_reason`` in ``metadata``. A batch is cleaned in a process of its own, datatrove's
    ``ExtractorSandbox``: a document that takes more than ``timeout`` seconds or kills that process is quarantined, and
    the rank goes on. With ``timeout=None`` the rank cleans by itself.

    Raises:
        InputError: an option is none.
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
        """Clean documents, in order; those of a batch share matrix products.

        Raises:
            ModelError: the model cannot be read.
        """
        model_of(self.options)
        clean = partial(_clean, options=self.options)
        sandbox = nullcontext() if self.timeout is None else ExtractorSandbox(self.timeout, warmup_text=([],))
        with sandbox as guard, self.exclusion_writer or nullcontext() as writer:
            for batch in batched(data, MAX_BATCH):
                with self.track_time("batch"):
                    values = _guard(guard, clean, [self._row(document) for document in batch])
                for document, new in zip(batch, values, strict=True):
                    if self._update(document, new):
                        yield document
                    elif writer:
                        writer.write(document, rank)

    def _row(self, document: Document) -> Row:
        fields = self.options.fields
        page = {"html": document.text, "text": None}
        if self.source == "text":
            page = {"html": document.metadata.get(fields.html), "text": document.text}
        url = document.metadata.get(fields.url)
        return {fields.id: document.id, fields.url: url, fields.html: page["html"], fields.text: page["text"]}

    def _update(self, document: Document, new: Row) -> bool:
        """Give a document its new values and count it; return whether it is kept."""
        fields, metadata = self.options.fields, document.metadata
        status, reason = new.pop(STATUS), new.pop(REASON)
        self.stat_update(StatHints.total)
        if status != Status.KEPT:
            self.stat_update(StatHints.dropped, f"{StatHints.dropped}_{status}")
            metadata |= {STATUS: status, "filter_reason": reason}
            if not isinstance(document.text, str):  # or no writer could take it
                document.text = repr(document.text)
            return False
        if self.options.keep_html and self.source == "html":
            metadata[fields.html] = document.text
        elif not self.options.keep_html:
            metadata.pop(fields.html, None)
        document.text = new.pop(fields.output)
        metadata |= new
        self.stat_update(StatHints.forwarded)
        self.update_doc_stats(document)
        return True


def _clean(rows: Sequence[Row], options: Options) -> list[Row]:
    return [added_values(cleaned, options) for cleaned in clean_rows(rows, options)]


def _guard(guard: ExtractorSandbox | None, clean: Callable[[Sequence[Row]], list[Row]], rows: list[Row]) -> list[Row]:
    """Clean rows in the sandbox; where that dies or hangs, one by one, to find the row that it was."""
    if guard is None:
        return clean(rows)
    try:
        result: list[Row] = guard.process_document((rows,), clean)
    except (EOFError, OSError) as error:  # the latter is a TimeoutError, or a pipe that broke
        if len(rows) > 1:
            return [values for row in rows for values in _guard(guard, clean, [row])]
        hung = isinstance(error, TimeoutError)
        reason = f"it took more than {guard.timeout:g} seconds" if hung else "it killed the process that cleaned it"
        return [{STATUS: Status.QUARANTINED.value, REASON: reason}]
    return result
