"""Ray Data: datasets cleaned by a pool of actors, and corpus jobs from files to files on a cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from dechrome.batch.addresses import expand, is_private, is_remote, stat
from dechrome.batch.cleaning import Options, check_cleaning
from dechrome.batch.formats import format_of
from dechrome.batch.job import DROPPED, QUARANTINE, Job, manifest_of
from dechrome.batch.outputs import STDOUT, state_folder
from dechrome.batch.records import Input, InputFormat
from dechrome.batch.report import write_report
from dechrome.batch.results import Task, form_of
from dechrome.batch.state import MANIFEST, Checkpoint, begin, hold, save
from dechrome.batch.writers import OutputFormat, default_format, output_target
from dechrome.errors import InputError, JobError
from dechrome.integrations.ray_chunks import ChunkCleaner, ResultSink, read_chunks, to_row
from dechrome.integrations.rows import model_of
from dechrome.integrations.tables import clean_table

ACTOR_CORES: Final = 0.5  # asked for, so that tasks that read and write find room beside as many actors as cores
TASK_CORES: Final = 0.25  # asked for by our own such tasks
READ_TASKS: Final = 1000  # at most; each reads its files one after the other


class TableCleaner:
    """An actor of ``Dataset.map_batches(..., batch_format="pyarrow")``; it reads the model once."""

    def __init__(self, options: Options) -> None:
        self.options = options
        model_of(options)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Clean every row of a table."""
        return clean_table(table, self.options)


def clean_dataset(dataset: Dataset, options: Options | None = None, workers: int | None = None) -> Dataset:
    """Clean a page of HTML or text in each row: the same rows with the clean text, ``dechrome_status`` and
    ``dechrome_reason``. A row that was quarantined keeps its place and its other columns; its text is null.

    ``workers`` is the number of actors; without it Ray decides as it goes.

    Raises:
        InputError: an option is none.
    """
    options = options or Options()
    check_cleaning(options)
    return _map(dataset, workers, TableCleaner, options)


def run(
    paths: Sequence[str],
    out: str,
    options: Options | None = None,
    *,
    address: str | None = None,
    workers: int | None = None,
    form: OutputFormat | None = None,
) -> Checkpoint:
    """Clean corpus files into the folder ``out`` on a Ray cluster: ``run_job`` for those who have no ``Job``.

    ``paths`` are files, folders and patterns of JSON lines, Parquet, WARC and WET, at addresses that every node can
    read: shared storage, ``s3://`` and so on. ``form`` is how to write them, if not as they are.

    Raises:
        InputError: an option is none, or there is nothing to read.
        JobError: another job's output is in the way.
        ModelError: the model cannot be read.
    """
    task = Task(options or Options(), form)
    check_cleaning(task.options)
    folder = state_folder(out, one_file=False)
    job = Job(find_inputs(paths, form), out, task, folder, workers=workers or 0)
    checkpoint = run_job(job, address)
    write_report(folder, checkpoint, f"{', '.join(paths)}, on Ray")
    return checkpoint


def run_job(job: Job, address: str | None = None, *, restart: bool = False) -> Checkpoint:
    """Run a corpus job on a Ray cluster, that at ``address`` or one on this machine, and return how it ended.

    What is kept is in ``part-*`` files in the folder ``job.out``; what is quarantined or dropped, and the numbers, are
    where a local job has them. ``job.workers`` is the number of actors, 0 leaves it to Ray. A job that was interrupted
    begins anew.

    Raises:
        InputError: this kind of job is done on one machine only.
        JobError: another job's output is in the way.
        ModelError: the model cannot be read.
    """
    job = _settle_paths(job)
    _check(job)
    with hold(job.folder):
        begun_before = (job.folder / MANIFEST).exists()
        checkpoint = begin(job.folder, manifest_of(job) | {"engine": "ray"}, restart=restart)
        if checkpoint.finished:
            return checkpoint
        _clear(job.out, own=begun_before)
        begun = time.monotonic()
        sink = ResultSink(job.out, job.task)
        _run(job, sink, address)
        (job.folder / QUARANTINE).write_bytes(sink.quarantined)
        (job.folder / DROPPED).write_bytes(sink.dropped)
        seconds = round(time.monotonic() - begun, 3)
        checkpoint = Checkpoint(len(job.inputs), finished=True, seconds=seconds, statistics=sink.statistics)
        save(job.folder, checkpoint)
        return checkpoint


def _run(job: Job, sink: ResultSink, address: str | None) -> None:
    started = not ray.is_initialized()
    if started:
        ray.init(address=address)
    try:
        rows = [to_row(source) for source in job.inputs]
        inputs = ray.data.from_items(rows, override_num_blocks=min(len(rows), READ_TASKS))
        chunks = inputs.map_batches(read_chunks, batch_format="pyarrow", batch_size=1, num_cpus=TASK_CORES)
        chunks = chunks.repartition(target_num_rows_per_block=1)
        cleaned = _map(chunks, job.workers, ChunkCleaner, replace(job, inputs=(), pages=tuple))
        cleaned.write_datasink(sink, ray_remote_args={"num_cpus": TASK_CORES})
    finally:
        if started:
            ray.shutdown()


def _map(dataset: Dataset, workers: int | None, actor: type, argument: Options | Job) -> Dataset:
    pool: Any = ActorPoolStrategy(size=workers) if workers else ActorPoolStrategy(min_size=1, max_size=None)
    return dataset.map_batches(
        actor, fn_constructor_args=(argument,), batch_format="pyarrow", compute=pool, num_cpus=ACTOR_CORES
    )


def _settle_paths(job: Job) -> Job:
    """Make local paths absolute: workers may be at home elsewhere."""
    inputs = (replace(source, address=_absolute(source.address)) for source in job.inputs)
    return replace(job, inputs=tuple(inputs), out=job.out if job.out == STDOUT else _absolute(job.out))


def _absolute(address: str) -> str:
    return address if is_remote(address) or is_private(address) else str(Path(address).resolve())


def _check(job: Job) -> None:
    """Refuse what only a local job does."""
    if job.out == STDOUT or job.one_file:
        raise InputError("a job on Ray writes a folder of files: --out FOLDER")
    if job.site_memory:
        raise InputError("a site memory is made by local jobs only")
    if not job.inputs:
        raise InputError("a job on Ray needs files to read")
    for source in job.inputs:
        if source.form is InputFormat.PAGES or is_private(source.address):
            raise InputError("a job on Ray reads files of JSON lines, Parquet, WARC and WET that every node can open")
        if form_of(source, job.task) is OutputFormat.DOLMA:
            raise InputError("a job on Ray writes JSON lines, Parquet, WET or text; Dolma's attributes are local jobs'")
        if source.address.startswith(f"{job.out.rstrip('/')}/"):
            raise InputError(f"{source.address} is in the folder of the output: choose another one")


def _clear(out: str, *, own: bool) -> None:
    """Remove what this job has written before it was interrupted; anything else is in the way."""
    try:
        found = expand(f"{out.rstrip('/')}/part-*", bool) if is_remote(out) else [*map(str, Path(out).glob("part-*"))]
    except InputError:  # nothing is there
        found = []
    if found and (is_remote(out) or not own):
        raise JobError(f"{found[0]} is there already: remove what was written, or use another --out")
    for part in found:
        Path(part).unlink()


def find_inputs(paths: Sequence[str], form: OutputFormat | None = None) -> tuple[Input, ...]:
    """Return the corpus files that paths name, each with the name that a local job's output would have.

    Raises:
        InputError: there is none, or one is no corpus file.
    """
    inputs = []
    for name in (name for path in paths for name in _list_files(path)):
        layout = format_of(name)
        if layout is None:
            raise InputError(f"{name}: no file of JSON lines, Parquet, WARC or WET by its name")
        target = output_target(form or default_format(layout), Path(name).name)
        inputs.append(Input(name, layout, target, *stat(name)))
    return tuple(inputs)


def _list_files(path: str) -> list[str]:
    if is_remote(path):
        return expand(path)
    folder = Path(path).absolute()
    if not folder.is_dir():
        return [str(folder)]
    found = sorted(str(file) for file in folder.rglob("*") if format_of(file.name))
    if not found:
        raise InputError(f"{path}: no file of JSON lines, Parquet, WARC or WET in it")
    return found
