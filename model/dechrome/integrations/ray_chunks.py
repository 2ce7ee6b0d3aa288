"""Chunks of corpus files as rows of Ray Data: read, cleaned and written by its tasks, as a local job does it.

A row is one value, pickled: an input, then a chunk of it, then the chunk's input and result. Records of any shape fit
in one dataset this way, and none becomes what it was not.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from joblib.externals.loky import ProcessPoolExecutor
from ray.data.block import BlockAccessor
from ray.data.datasource import Datasink, WriteResult

from dechrome.batch.cleaning import clean_items
from dechrome.batch.formats import split_suffix
from dechrome.batch.job import Job, split_source
from dechrome.batch.outputs import finish, part_of
from dechrome.batch.readers import read_chunk
from dechrome.batch.records import Chunk, Input
from dechrome.batch.results import Result, Task, collect, form_of
from dechrome.batch.statistics import Statistics
from dechrome.batch.work import work
from dechrome.batch.workers import ONE_THREAD, run_chunks, settle
from dechrome.errors import ModelError
from dechrome.integrations.rows import model_of

FILE_BYTES: Final = 256 << 20  # of results in an output file, about
ROW: Final = "row"


def to_row(value: Any) -> dict[str, bytes]:
    """Return a value as a row."""
    return {ROW: pickle.dumps(value)}


def read_chunks(inputs: pa.Table) -> Iterator[pa.Table]:
    """Cut inputs into chunks; where one cannot be read any further, the last one says why."""
    for row in inputs.column(ROW):
        for chunk in split_source(pickle.loads(row.as_py()), tuple, 0):
            yield pa.Table.from_pylist([to_row(chunk)])


class ChunkCleaner:
    """Cleans chunks in a process of its own, which lives as long as it cleans well.

    Ray would start an actor that dies and give it the same chunk again, for ever. Here a chunk that kills that process,
    or takes too long, is given to a local job's worker, which finds the record to blame.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.executor: Any = None

    def __call__(self, row: pa.Table) -> pa.Table:
        """Clean one chunk."""
        chunk: Chunk = pickle.loads(row.column(ROW)[0].as_py())
        return pa.Table.from_pylist([to_row((chunk.source, chunk.start, self.clean(chunk)))])

    def clean(self, chunk: Chunk) -> Result:
        """Return what became of a chunk's records.

        Raises:
            JobError: it cannot be read.
        """
        job = self.job
        if self.executor is None:
            self.executor = ProcessPoolExecutor(
                1, initializer=settle, initargs=(os.getpid(), job.memory), env=ONE_THREAD
            )
        try:
            result: Result = self.executor.submit(clean_chunk, chunk, job.task).result(job.timeout)
        except ModelError:
            raise
        except Exception:  # of whatever kind, a local job's worker knows what to do
            self.executor.shutdown(wait=True, kill_workers=True)
            self.executor = None
            with tempfile.TemporaryDirectory(prefix="dechrome-") as folder:
                results = run_chunks([chunk], partial(work, job.task), 1, job.timeout, Path(folder), job.memory)
                ((_, result),) = results
        return result


def clean_chunk(chunk: Chunk, task: Task) -> Result:
    """Read, clean and encode a chunk."""
    items = read_chunk(chunk, task.options.fields)
    return collect(task, chunk, clean_items(items, task.options, model_of(task.options)))


class ResultSink(Datasink):  # type: ignore[misc]
    """Writes results into the folder ``out``: a file for each task and kind of file, with the task's number.

    ``statistics``, ``quarantined`` and ``dropped`` are what the whole job has of them, in the end.
    """

    def __init__(self, out: str, task: Task) -> None:
        self.out, self.task = out.rstrip("/"), task
        self.statistics = Statistics()
        self.quarantined = self.dropped = b""

    @property
    def min_bytes_per_write(self) -> int:
        """How much a task writes at least, where there is as much."""
        return FILE_BYTES

    def write(self, blocks: Iterable[Any], ctx: Any) -> Result:
        """Write what was kept, and return the rest."""
        tables = (BlockAccessor.for_block(block).to_arrow() for block in blocks)
        results = [pickle.loads(row.as_py()) for table in tables for row in table.column(ROW)]
        results.sort(key=lambda result: (_suffix_of(result[0]), result[0].address, result[1]))
        rest = Result()
        for suffix, group in groupby(results, lambda result: _suffix_of(result[0])):
            found = list(group)
            self._write_file(
                f"{self.out}/part-{ctx.task_idx:05d}{suffix}", found[0][0], [one.output for *_, one in found]
            )
            for *_, result in found:
                rest.statistics.merge(result.statistics)
        rest.quarantined = b"".join(result.quarantined for *_, result in results)
        rest.dropped = b"".join(result.dropped for *_, result in results)
        return rest

    def on_write_complete(self, write_result: WriteResult) -> None:
        """Put together what the tasks returned."""
        for result in write_result.write_returns:
            self.statistics.merge(result.statistics)
        self.quarantined = b"".join(result.quarantined for result in write_result.write_returns)
        self.dropped = b"".join(result.dropped for result in write_result.write_returns)

    def _write_file(self, address: str, source: Input, outputs: list[bytes]) -> None:
        """Write a file that is there whole or not at all; of Parquet, the columns are ordered as in ``source``."""
        with tempfile.TemporaryDirectory(prefix="dechrome-") as folder:
            part = part_of(address, Path(folder))
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                stream.writelines(outputs)
            if part.stat().st_size:
                finish(part, address, form_of(source, self.task), source)
            else:
                part.unlink()


def _suffix_of(source: Input) -> str:
    """Return how the name of an input's output ends."""
    _, suffix, packing = split_suffix(source.target)
    return f"{suffix}.{packing}" if packing else suffix
