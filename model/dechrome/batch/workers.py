"""Worker processes that clean chunks side by side, and what happens when one dies or hangs.

Each slot is a loky executor with a single process, so that a death touches the chunks of one slot alone. The
process marks the item it is at. A chunk that killed its worker is tried again; after a second death its items are
labelled one by one, and an item at which the worker dies again is quarantined. So a worker that was killed from
outside costs a repetition and changes nothing.
"""

from __future__ import annotations

import gc
import multiprocessing.resource_tracker
import os
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty
from typing import Any, Final, Generic, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

from dechrome.batch.addresses import is_remote
from dechrome.batch.records import Chunk
from dechrome.batch.work import MARK, WRITING, Caution, ItemError, Mark
from dechrome.errors import DechromeError, InputError, JobError

GC_THRESHOLD: Final = (
    50_000  # objects made before garbage is looked for: 2% less time than with 700, since pages make none
)
AHEAD: Final = 2  # chunks handed to a worker: one at work, one to go on with
WINDOW: Final = 8  # chunks a worker that may wait for an earlier one to be written; bounds memory
SILENT_SECONDS: Final = 2.0  # that loky has to tell of a death
POLL_SECONDS: Final = 0.2  # between looks at the clock
MAX_STARTS: Final = 3  # deaths before a chunk is begun that a slot survives
MAX_TRIES: Final = 3  # of a chunk that cannot be read: networks fail
_GOES_ON: Final = "the same command goes on from here"
_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Result = TypeVar("Result")
Work = Callable[[Chunk, int, str, Caution], Result]  # of a chunk, its number, the path of the mark, what to beware of


@dataclass(slots=True)
class _Job:
    """A chunk on its way. ``suspect`` is the item at which its worker died last."""

    number: int
    chunk: Chunk
    convicted: dict[int, str] = field(default_factory=dict)
    cut: int | None = None
    alone: bool = False
    acquitted: int = 0  # times that its items were cleaned one by one, and the guilty ones found
    suspect: int | None = None
    deaths: int = 0
    failures: int = 0

    @property
    def caution(self) -> Caution:
        return Caution(dict(self.convicted), self.cut, self.alone)


class _Slot(Generic[Result]):
    """One worker process, which is started again when it dies."""

    def __init__(self, work: Work[Result], mark: Path, memory: int | None) -> None:
        mark.write_bytes(MARK.pack(-1, 0, 0.0))
        self.path = str(mark.absolute())
        self.mark = Mark(self.path)
        self.jobs: deque[tuple[_Job, Future[Result]]] = deque()
        self.starts = 0
        self._dead_since: float | None = None
        self._work, self._memory = work, memory
        self._executor = self._start()

    def submit(self, job: _Job) -> None:
        try:
            with _interrupts_held_back():  # the first submission starts the process
                future = self._executor.submit(self._work, job.chunk, job.number, self.path, job.caution)
        except (BrokenProcessPool, ShutdownExecutorError) as error:  # it died with nothing to do
            future = Future()
            future.set_exception(error)
        self.jobs.append((job, future))

    def restart(self) -> None:
        self.stop()
        self.mark.set(-1, 0)
        self._executor = self._start()

    def stop(self) -> None:
        """End the process and its executor.

        A process that is killed while it writes leaves a part of its result in the pipe, and loky waits for the rest as
        long as anybody could write it: so the process goes first, then our own end of the pipe.
        """
        for process in self._processes():
            with suppress(OSError):  # it has ended
                os.kill(process.pid, _KILL)
        with suppress(Empty):  # what was not handed on yet: loky forgets it, and then looks for it
            while True:
                self._executor._work_ids.get_nowait()
        if self._executor._result_queue is not None:
            self._executor._result_queue._writer.close()
        self._executor.shutdown(wait=True, kill_workers=True)

    def is_silent(self) -> bool:
        """Tell whether the process has been dead for a while, and loky has not said so."""
        processes = self._processes()
        if not processes or any(process.is_alive() for process in processes):
            self._dead_since = None
            return False
        now = time.monotonic()
        self._dead_since = self._dead_since or now
        return now - self._dead_since > SILENT_SECONDS

    def _processes(self) -> list[Any]:
        return list((self._executor._processes or {}).values())

    def _start(self) -> Any:
        return ProcessPoolExecutor(1, initializer=settle, initargs=(os.getpid(), self._memory), env=ONE_THREAD)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start threads and processes that never hear of Ctrl+C; what this thread is sent meanwhile reaches it later.

    A worker has no say in that before it has imported everything, and would print a traceback until then.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    for tracker in (resource_tracker, multiprocessing.resource_tracker):
        tracker.ensure_running()  # to start one in here would let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_chunks(
    chunks: Iterable[Chunk], work: Work[Result], count: int, timeout: float, folder: Path, memory: int | None = None
) -> Generator[tuple[Chunk, Result], None, None]:
    """Clean chunks in ``count`` processes, and yield each with its result, in order.

    A chunk's item may take ``timeout`` seconds, and a process ``memory`` bytes of data (Linux). The marks are in
    ``folder``, which is there as long as it takes; what is left of a run that was killed is cleared away.

    Raises:
        JobError: workers die before they begin, or a chunk cannot be read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    slots = [_Slot(work, folder / f"slot-{number}", memory) for number in range(count)]
    try:
        yield from _run(iter(enumerate(chunks)), slots, timeout)
    finally:
        for slot in slots:
            slot.stop()
            slot.mark.close()
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    source: Iterator[tuple[int, Chunk]], slots: list[_Slot[Result]], timeout: float
) -> Iterator[tuple[Chunk, Result]]:
    again: deque[_Job] = deque()
    done: dict[int, tuple[Chunk, Result]] = {}
    written, exhausted = 0, False
    begun = 0
    while True:
        for slot in sorted(slots, key=lambda slot: len(slot.jobs)):
            while len(slot.jobs) < AHEAD and (again or (not exhausted and begun < written + WINDOW * len(slots))):
                if not again:
                    if (item := next(source, None)) is None:
                        exhausted = True
                        break
                    again.append(_Job(*item))
                    begun += 1
                slot.submit(again.popleft())
        futures = [future for slot in slots for _, future in slot.jobs]
        if not futures:
            return
        wait(futures, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for slot in slots:
            for job, result in _collect(slot, again, timeout):
                done[job.number] = (replace(job.chunk, data=None), result)
        while written in done:
            yield done.pop(written)
            written += 1


def _collect(slot: _Slot[Result], again: deque[_Job], timeout: float) -> Iterator[tuple[_Job, Result]]:
    """Yield the slot's chunks that are done; those that must be tried again go to ``again``."""
    while slot.jobs and slot.jobs[0][1].done():
        job, future = slot.jobs[0]
        error = future.exception()
        if isinstance(error, BrokenProcessPool | ShutdownExecutorError):
            _bury(slot, again, "the worker process died")
            return
        slot.jobs.popleft()
        slot.starts = 0
        if error is not None:
            if isinstance(error, ItemError):
                _blame(job, error.item, error.reason, hung=False)
            else:
                _retry(job, error)
            again.appendleft(job)
        elif job.alone:  # the guilty are known; now as every other chunk, so that it is the same
            job.alone, job.acquitted = False, job.acquitted + 1
            again.appendleft(job)
        else:
            yield job, future.result()
    if slot.jobs and slot.is_silent():
        _bury(slot, again, "the worker process died")
    elif slot.jobs:
        number, _, begun = slot.mark.get()
        if number == slot.jobs[0][0].number and time.monotonic() - begun > timeout:
            _bury(slot, again, f"took longer than {timeout:g} s")


def _bury(slot: _Slot[Result], again: deque[_Job], reason: str) -> None:
    """Start a slot anew whose worker died or was hanging, and find the item to blame."""
    number, item, _ = slot.mark.get()
    jobs = [job for job, _ in slot.jobs]
    slot.jobs.clear()
    slot.restart()
    again.extendleft(reversed(jobs))
    if number == jobs[0].number:
        _blame(jobs[0], item, reason, hung=reason.startswith("took"))
        return
    slot.starts += 1
    if slot.starts >= MAX_STARTS:
        raise JobError("worker processes die before they begin: is there enough memory?")


def _blame(job: _Job, item: int, reason: str, *, hung: bool) -> None:
    job.deaths += 1
    if job.acquitted > len(job.convicted) + MAX_TRIES:
        place = f"{job.chunk.source.address} from {job.chunk.start} on"
        raise JobError(f"{place}: {reason}, whatever is left out: is there enough memory, or time? {_GOES_ON}")
    if job.alone and item != WRITING:
        if item in job.convicted:
            job.cut = item
        elif item == job.suspect:
            job.convicted[item] = reason
    elif hung or job.deaths > 1 or job.acquitted:
        job.alone = True
    job.suspect = item


def _retry(job: _Job, error: BaseException) -> None:
    """Let a chunk be tried again after an error that is not a page's.

    One that cannot be read at last is given up; but a network that fails would fail for all that follow, too.
    """
    job.failures += 1
    unreadable = isinstance(error, OSError | InputError)
    if isinstance(error, DechromeError) and not unreadable:
        raise error
    if job.failures < MAX_TRIES:
        job.alone = not unreadable
        return
    address = job.chunk.source.address
    problem = f"{type(error).__name__}: {error}"
    if not unreadable or is_remote(address) or job.chunk.damage:
        place = f"{address} from {job.chunk.start} on"
        raise JobError(f"{place}: {problem}; {_GOES_ON}") from error
    job.chunk = replace(job.chunk, data=None, damage=problem)


def settle(parent: int, memory: int | None) -> None:
    """Make a new worker process end with its parent, leave interrupts to that, and keep to its memory."""
    gc.set_threshold(GC_THRESHOLD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    if memory is not None:
        try:
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        except (ImportError, ValueError, OSError):
            return  # not on this system


def _follow(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
