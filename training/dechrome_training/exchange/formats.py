"""The formats that pages are exported to and imported from, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange import doccano, label_studio, prodigy, sheets
from dechrome_training.exchange.pages import Task
from dechrome_training.importers import article_extraction, cleaneval, dragnet, l3s_gn1, labels, wcxb, webmainbench
from dechrome_training.importers.records import Outcome

Writer: TypeAlias = Callable[[Iterable[Task]], Iterator[str]]
ToolReader: TypeAlias = Callable[[Path, Mapping[str, AnnotatedPage] | None], Iterator[Outcome]]
CorpusReader: TypeAlias = Callable[[Path], Iterator[Outcome]]

WRITERS: Final[Mapping[str, Writer]] = {
    "csv": sheets.write_tasks,
    "doccano": doccano.write_tasks,
    "label-studio": label_studio.write_tasks,
    "prodigy": prodigy.write_tasks,
}
TOOL_READERS: Final[Mapping[str, ToolReader]] = {
    "csv": sheets.read_export,
    "doccano": doccano.read_export,
    "label-studio": label_studio.read_export,
    "prodigy": prodigy.read_export,
}
CORPUS_READERS: Final[Mapping[str, CorpusReader]] = {
    "article-extraction-benchmark": article_extraction.read_corpus,
    "cleaneval": cleaneval.read_corpus,
    "dragnet": dragnet.read_corpus,
    "l3s-gn1": l3s_gn1.read_corpus,
    "labels": labels.read_corpus,
    "wcxb": wcxb.read_corpus,
    "webmainbench": webmainbench.read_corpus,
}
