"""Ray Data: datasets cleaned by a pool of actors, and whole jobs from files to files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from dechrome.batch.cleaning import Options, check_cleaning
from dechrome.integrations.ray_files import (
    BLOCK_BYTES,
    ChunkSink,
    begin_output,
    clean_chunks,
    find_files,
    finish_output,
    read_chunks,
)
from dechrome.integrations.rows import model_of
from dechrome.integrations.tables import clean_table

ACTOR_CORES: Final = 0.5  # asked for, so that tasks that read and write find room beside as many actors as cores
TASK_CORES: Final = 0.25  # asked for by our own such tasks

READ_TASKS: Final = 1000  # at most; each reads its files one after the other


class CleanTables:
    """An actor of ``Dataset.map_batches(..., batch_format="pyarrow")``: it reads the model once."""

    def __init__(self, options: Options) -> None:
        self.options = options
        model_of(options)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Clean every row of a table."""
        return clean_table(table, self.options)


class CleanChunks(CleanTables):
    """An actor that cleans chunks of files."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Clean every chunk of a table of them."""
        return clean_chunks(table, self.options)


class Counts(NamedTuple):
    """How many records a job kept, dropped and quarantined."""

    kept: int
    dropped: int
    quarantined: int


def clean_dataset(dataset: Dataset, options: Options | None = None, workers: int | None = None) -> Dataset:
    """Clean a page of HTML or text in each row: the same rows with the clean text, ``dechrome_status`` and
    ``dechrome_reason``. A row that was quarantined keeps its place and its other columns; its text is null.

    ``workers`` is the number of actors, of a core each; without it Ray decides as it goes.

    Raises:
        InputError: an option is none.
    """
    options = options or Options()
    check_cleaning(options)
    return _map(dataset, CleanTables, options, workers)


def run(
    paths: Sequence[str],
    out: str,
    options: Options | None = None,
    *,
    address: str | None = None,
    workers: int | None = None,
) -> Counts:
    """Clean files of JSON lines and Parquet into files of the same format in the folder ``out``, on a Ray cluster.

    ``paths`` are files and folders, local to every node or addresses that Arrow reads (``s3://``, ``gs://``,
    ``hdfs://``). ``address`` is that of the cluster; without one, Ray starts on this machine. What was kept is in
    ``out/part-*``, what was quarantined in ``out/_dechrome/quarantine.jsonl`` (id, source, offset, reason), the counts
    in ``out/_dechrome/report.json``, which is written last.

    Raises:
        InputError: an option is none, there is no such file, one is of another format, or ``out`` is not empty.
        ModelError: the model cannot be read.
    """
    options = options or Options()
    check_cleaning(options)
    model_of(options)
    files = find_files(paths)
    begin_output(out)
    started = not ray.is_initialized()
    if started:
        ray.init(address=address)
    try:
        rows = ray.data.from_items(
            [{"source": file} for file in files], override_num_blocks=min(len(files), READ_TASKS)
        )
        rows.context.target_max_block_size = BLOCK_BYTES
        chunks = rows.map_batches(read_chunks, batch_format="pyarrow", num_cpus=TASK_CORES)
        sink = ChunkSink(out)
        _map(chunks, CleanChunks, options, workers).write_datasink(sink, ray_remote_args={"num_cpus": TASK_CORES})
    finally:
        if started:
            ray.shutdown()
    counts = Counts(*(sink.counts[name] for name in Counts._fields))
    finish_output(out, json.dumps(counts._asdict()))
    return counts


def _map(dataset: Dataset, actor: type[CleanTables], options: Options, workers: int | None) -> Dataset:
    pool: Any = ActorPoolStrategy(size=workers) if workers else ActorPoolStrategy(min_size=1, max_size=None)
    return dataset.map_batches(
        actor, fn_constructor_args=(options,), batch_format="pyarrow", compute=pool, num_cpus=ACTOR_CORES
    )
