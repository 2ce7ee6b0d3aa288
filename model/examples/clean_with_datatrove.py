"""Clean pages of HTML in a datatrove pipeline: ``python model/examples/clean_with_datatrove.py OUT``.

On a cluster, put a reader (``WarcReader``, ``JsonlReader``) first and run it by ``SlurmPipelineExecutor``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.writers import JsonlWriter

from dechrome.batch.cleaning import Options
from dechrome.integrations.datatrove import Dechrome

PAGES = Path(__file__).parents[2] / "datasets" / "pages"


def read_pages(data: Iterator[Document] | None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
    """Yield this rank's share of the sample pages; bytes are decoded as browsers do."""
    for file in sorted(PAGES.glob("*.html"))[rank::world_size]:
        yield Document(file.read_bytes(), file.name)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    excluded = JsonlWriter(str(out / "excluded"))
    LocalPipelineExecutor(
        [read_pages, Dechrome(Options(facts=True), exclusion_writer=excluded), JsonlWriter(str(out), compression=None)],
        tasks=4,
        workers=2,
        logging_dir=str(out / "logs"),
    ).run()
