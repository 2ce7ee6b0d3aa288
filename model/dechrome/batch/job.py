"""A corpus job from its first chunk to its last, over all inputs: parallel, in order, resumable."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dechrome.batch.addresses import is_private, is_remote, stat
from dechrome.batch.outputs import STDOUT, Appender, GrowingFile, StandardOutput, discard, finish, part_of, write_file
from dechrome.batch.page_files import split_pages
from dechrome.batch.readers import split_input
from dechrome.batch.records import Chunk, Input, InputFormat, PageFile
from dechrome.batch.report import REPORT_HTML, REPORT_JSON
from dechrome.batch.results import Result, Task, form_of, has_own_files
from dechrome.batch.site_memory import memory_bits
from dechrome.batch.site_pass import count_sites, forget_sites
from dechrome.batch.state import Checkpoint, begin, hold, save
from dechrome.batch.work import count_texts, work
from dechrome.batch.workers import Work, run_chunks
from dechrome.batch.writers import OutputFormat
from dechrome.errors import InputError, MissingExtraError
from dechrome.labelling import load_model

SAVE_SECONDS: Final = 2.0  # between checkpoints: what is done again after a kill
TIMEOUT: Final = 60.0  # seconds for one record
MEMORY: Final = 4 << 30  # bytes of data for one worker process
QUARANTINE: Final = "quarantine.jsonl"
DROPPED: Final = "dropped.jsonl"
DOCUMENTS: Final = "documents"
OUTPUT: Final = "output"
MARKS: Final = "marks"  # of the workers, while they are at work
UNREADABLE: Final = "unreadable"  # the stamp of an input that cannot be looked at
_ATTRIBUTES: Final = "attributes/dechrome"
_NO_PLACE: Final = frozenset((
    errno.EACCES, errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENOTEMPTY,
    errno.EPERM,
))  # fmt: skip

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Job:
    """A corpus job.

    ``inputs`` are corpus files; one of the form PAGES stands for all page files, which ``pages`` yields, the same
    ones in the same order each time it is called. ``out`` is a folder, which gets an output for each input, or one
    file for all of them (``one_file``), or "-". ``folder`` holds the state. ``timeout`` is in seconds for one record,
    ``memory`` in bytes for one of the ``workers``. ``site_memory`` has all inputs read twice: what recurs on other
    pages of its site speaks against being content. What cannot be read twice, or taken back, is not ``resumable``.
    """

    inputs: tuple[Input, ...]
    out: str
    task: Task
    folder: Path
    pages: Callable[[], Iterable[PageFile]] = tuple
    one_file: bool = False
    site_memory: bool = False
    workers: int = 1
    timeout: float = TIMEOUT
    memory: int | None = MEMORY
    resumable: bool = True


Watch = Callable[[Checkpoint, float], object]  # called now and then with the share of the input that is done, 0 to 1


def run_job(
    job: Job, watch: Watch, greet: Callable[[Checkpoint], object] = bool, *, restart: bool = False
) -> Checkpoint:
    """Run a job, or what is left of it, and return how it ended; ``greet`` is called with how far it is at first.

    Raises:
        JobError: another job's state is in the way, or the job cannot go on.
        ModelError: the model cannot be read.
    """
    with hold(job.folder):
        clear = partial(_clear, job.folder)
        checkpoint = begin(job.folder, manifest_of(job), clear, restart=restart, resumable=job.resumable)
        if restart or not job.resumable:
            forget_sites(job.folder)
        greet(checkpoint)
        if not checkpoint.finished:
            _Run(job, checkpoint, watch).run()
        return checkpoint


def manifest_of(job: Job) -> dict[str, Any]:
    """Return what makes a job this job; workers and time limits do not."""
    options = asdict(job.task)
    folder = options["options"].pop("model")
    return {
        "inputs": [asdict(source) for source in job.inputs],
        "out": job.out,
        "one_file": job.one_file,
        "options": options | {"site_memory": job.site_memory},
        "model": load_model(folder).digest,
        "version": version("dechrome"),
    }


def _clear(folder: Path, known: Mapping[str, Any]) -> None:
    """Remove what a former job has written, as far as its manifest tells: its pages' files are not on that list."""
    shutil.rmtree(folder / "parts", ignore_errors=True)
    for name in (REPORT_JSON, REPORT_HTML, QUARANTINE, DROPPED):
        (folder / name).unlink(missing_ok=True)
    out = str(known.get("out"))
    if out == STDOUT:
        return
    targets = [] if known.get("one_file") else [str(source["target"]) for source in known.get("inputs", ())]
    addresses = {out} if known.get("one_file") else {_join(out, target) for target in targets}
    addresses |= {_join(out, _documents(target)) for target in targets if target.startswith(_ATTRIBUTES)}
    for address in sorted(addresses - {source["address"] for source in known.get("inputs", ())}):
        discard(address, folder)


def _join(out: str, target: str) -> str:
    return f"{out.rstrip('/')}/{target}"


def _documents(target: str) -> str:
    """Return the place of the documents of a file of Dolma's attributes."""
    return target.replace(_ATTRIBUTES, DOCUMENTS, 1)


class _Run:
    """The parent's part of a job: it hands out chunks, and writes what comes back."""

    def __init__(self, job: Job, checkpoint: Checkpoint, watch: Watch) -> None:
        self.job, self.checkpoint, self.watch = job, checkpoint, watch
        self.total = sum(source.size for source in job.inputs) or 1
        self.sizes = sum(source.size for source in job.inputs[: checkpoint.source])  # of the inputs that are done
        self.begun, self.saved = time.monotonic() - checkpoint.seconds, time.monotonic()
        self.streams = {name: self._open(name) for name in (QUARANTINE, DROPPED)}
        self.order: deque[int] = deque()

    def run(self) -> None:
        """Do what is left."""
        job, checkpoint = self.job, self.checkpoint
        if checkpoint.finishing:
            self._name_outputs([name for name in (OUTPUT, DOCUMENTS) if name in checkpoint.lengths])
            self._go_on()
        self.watch(checkpoint, self._share())
        task = replace(job.task, sites=str(self._count_sites())) if job.site_memory else job.task
        results = self._run_chunks(self._chunks(), partial(work, task))
        with contextlib.closing(results):
            for chunk, result in results:
                self._finish_until(self.order.popleft())
                self._write(chunk, result)
                if time.monotonic() > self.saved + SAVE_SECONDS:
                    self._save()
                self.watch(checkpoint, self._share())
        self._finish_until(len(job.inputs))
        checkpoint.finished = True
        self._save()
        forget_sites(job.folder)
        for stream in self.streams.values():
            stream.close()
        self.watch(checkpoint, 1.0)

    def _share(self) -> float:
        """Return the part of all inputs that is done."""
        inputs, checkpoint = self.job.inputs, self.checkpoint
        size = inputs[checkpoint.source].size if checkpoint.source < len(inputs) else 0
        return min(1.0, (self.sizes + checkpoint.share * size) / self.total)

    def _chunks(self) -> Iterator[Chunk]:
        """Cut all inputs that are left into chunks, and note which input each belongs to."""
        checkpoint = self.checkpoint
        place = (checkpoint.source + 1, 0) if checkpoint.ended else (checkpoint.source, checkpoint.stop)
        for number, chunk in split_job(self.job, *place):
            self.order.append(number)
            yield chunk

    def _count_sites(self) -> Path:
        """Make the first pass of a job with a site memory."""
        job = self.job
        done = 0.0

        def watch(chunk: Chunk) -> None:
            nonlocal done
            done += chunk.share * chunk.source.size
            self.watch(Checkpoint(), min(1.0, done / self.total))

        def count(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, NDArray[np.uint64]]]:
            return self._run_chunks(chunks, partial(count_texts, job.task))

        return count_sites(job.folder, partial(split_job, job), count, memory_bits(int(self.total)), watch)

    def _run_chunks(self, chunks: Iterable[Chunk], work: Work[Outcome]) -> Generator[tuple[Chunk, Outcome], None, None]:
        job = self.job
        return run_chunks(chunks, work, job.workers, job.timeout, job.folder / MARKS, job.memory)

    def _open(self, name: str) -> Appender:
        return GrowingFile(self.job.folder / name, self.checkpoint.lengths.get(name, 0))

    def _output(self, name: str) -> Appender:
        """Return the file that the input at work is written to, opened anew where that was not done yet."""
        if name not in self.streams:
            if self.job.out == STDOUT:
                self.streams[name] = StandardOutput()
            else:
                part = part_of(self._address(name), self.job.folder)
                self.streams[name] = GrowingFile(part, self.checkpoint.lengths.get(name, 0))
        return self.streams[name]

    def _address(self, name: str) -> str:
        """Return where the output of the input at work belongs."""
        job = self.job
        if job.one_file:
            return job.out
        target = job.inputs[self.checkpoint.source].target
        return _join(job.out, _documents(target) if name == DOCUMENTS else target)

    def _write(self, chunk: Chunk, result: Result) -> None:
        job, checkpoint = self.job, self.checkpoint
        if has_own_files(chunk.source, job.task):
            for page, content in zip(chunk.pages, result.files, strict=False):
                self._write_page(page, content)
        else:
            self._output(OUTPUT).write(result.output)
        if result.documents:
            self._output(DOCUMENTS).write(result.documents)
        self.streams[QUARANTINE].write(result.quarantined)
        self.streams[DROPPED].write(result.dropped)
        checkpoint.stop, checkpoint.share = chunk.stop, checkpoint.share + chunk.share
        checkpoint.ended = chunk.start == chunk.stop and bool(chunk.damage)
        checkpoint.statistics.merge(result.statistics)

    def _write_page(self, page: PageFile, content: bytes | None) -> None:
        """Write a page to its file; where that has no place, it is quarantined.

        A page without content has no file: one that an earlier job has left is removed.
        """
        address = _join(self.job.out, page.target)
        try:
            if content is not None:
                write_file(address, content, self.job.folder)
            elif not is_remote(address) and os.path.isfile(address):
                os.unlink(address)
        except OSError as error:
            if error.errno not in _NO_PLACE:
                raise
            self._quarantine(page.address, 0, f"not written: {error.strerror}: {address}", identity=page.address)
            self.checkpoint.statistics.records["kept"] -= content is not None

    def _quarantine(self, source: str, offset: int, reason: str, identity: str | None = None) -> None:
        row = {"id": identity, "source": source, "offset": offset, "reason": reason}
        self.streams[QUARANTINE].write(json.dumps(row).encode() + b"\n")
        self.checkpoint.statistics.records["quarantined"] += 1

    def _look_again(self, source: Input) -> None:
        """Say so where an input was changed while it was read: records may be missing, or be there by half."""
        if source.form is InputFormat.PAGES or is_private(source.address) or self.checkpoint.ended:
            return
        try:
            same = stat(source.address) == (source.size, source.stamp)
        except (OSError, InputError):
            same = source.stamp == UNREADABLE
        if not same:
            self._quarantine(source.address, self.checkpoint.stop, "the file was changed while it was read")

    def _finish_until(self, number: int) -> None:
        """Finish the inputs before ``number``."""
        while self.checkpoint.source < number:
            self._finish()
            self._go_on()

    def _finish(self) -> None:
        """Finish the input at work: its outputs get their names."""
        job, source = self.job, self.job.inputs[self.checkpoint.source]
        self._look_again(source)
        if has_own_files(source, job.task) or (job.one_file and source is not job.inputs[-1]):
            return
        self._output(OUTPUT)  # an input without records has an output, too
        if job.out == STDOUT:
            return
        self.checkpoint.finishing = True
        self._save()
        names = [name for name in (OUTPUT, DOCUMENTS) if name in self.streams]
        for name in names:
            self.streams.pop(name).close()
        self._name_outputs(names)

    def _name_outputs(self, names: Sequence[str]) -> None:
        source = self.job.inputs[self.checkpoint.source]
        for name in names:
            address = self._address(name)
            part = part_of(address, self.job.folder)
            form = OutputFormat.JSONL if name == DOCUMENTS else form_of(source, self.job.task)
            finish(part, address, form, source)

    def _go_on(self) -> None:
        """Turn to the next input."""
        checkpoint = self.checkpoint
        lengths = checkpoint.lengths.items()
        if checkpoint.finishing:
            checkpoint.lengths = {name: length for name, length in lengths if name not in (OUTPUT, DOCUMENTS)}
        self.sizes += self.job.inputs[checkpoint.source].size
        checkpoint.source, checkpoint.stop, checkpoint.share = checkpoint.source + 1, 0, 0.0
        checkpoint.ended = checkpoint.finishing = False

    def _save(self) -> None:
        for stream in self.streams.values():
            stream.sync()
        self.checkpoint.lengths = {name: stream.length for name, stream in self.streams.items()}
        self.checkpoint.seconds = round(time.monotonic() - self.begun, 3)
        save(self.job.folder, self.checkpoint)
        self.saved = time.monotonic()


def split_job(job: Job, first: int, start: int) -> Iterator[tuple[int, Chunk]]:
    """Cut the inputs from number ``first`` on into chunks, that one from ``start`` on; each with its input's number."""
    for number in range(first, len(job.inputs)):
        for chunk in split_source(job.inputs[number], job.pages, start):
            yield number, chunk
        start = 0


def split_source(source: Input, pages: Callable[[], Iterable[PageFile]], start: int) -> Iterator[Chunk]:
    """Cut one input into chunks; where it cannot be read any further, the last one says why."""
    position = start
    try:
        parts = split_pages(source, pages(), start) if source.form is InputFormat.PAGES else split_input(source, start)
        for chunk in parts:
            yield chunk
            position = chunk.stop
    except MissingExtraError:
        raise
    except (OSError, InputError) as error:
        yield Chunk(source, position, position, damage=str(error))
