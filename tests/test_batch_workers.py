"""Worker processes of a corpus job: in order, and whole, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dechrome.batch.records import Chunk, Input, InputFormat
from dechrome.batch.results import Result
from dechrome.batch.work import WRITING, Caution, ItemError, open_mark
from dechrome.batch.workers import run_chunks
from dechrome.errors import JobError, ModelError

SOURCE = Input("a.jsonl", InputFormat.JSONL, "a.jsonl")
ITEMS = 3  # in each chunk
MARKS = Path("marks")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def make_chunks(count: int) -> list[Chunk]:
    return [Chunk(SOURCE, number, number + 1) for number in range(count)]


def work(kills: dict[tuple[int, int], str], once: Path | None, chunk: Chunk, number: int, mark: str, caution: Caution
         ) -> Result:  # fmt: skip
    """Write each item's name; at some items the process ends or hangs, with ``once`` only the first time."""
    marker = open_mark(mark)
    if chunk.damage:
        return Result(b"damage")
    lines = []
    for item in range(ITEMS):
        if item == caution.cut:
            lines.append(f"{chunk.start}.rest: {caution.convicted[item]}")
            break
        marker.set(number, item)
        how = kills.get((chunk.start, item))
        if item in caution.convicted and how != "unreadable":
            lines.append(f"{chunk.start}.{item}: {caution.convicted[item]}")
            continue
        if how and (once is None or not once.exists()):
            if once is not None:
                once.touch()
            do_harm(how)
        lines.append(f"{chunk.start}.{item}")
    return Result("\n".join(lines).encode())


def do_harm(how: str) -> None:
    if how == "hang":
        time.sleep(600)
    if how == "raise":
        raise MemoryError
    if how == "gone":
        raise FileNotFoundError("gone")
    if how == "no model":
        raise ModelError("no model.json")
    os.kill(os.getpid(), signal.SIGSEGV if how == "crash" else signal.SIGKILL)


def run(
    kills: dict[tuple[int, int], str], count: int = 6, once: Path | None = None, timeout: float = 30.0
) -> list[str]:
    results = run_chunks(make_chunks(count), partial(work, kills, once), 2, timeout, MARKS)
    return [line for _, result in results for line in result.output.decode().splitlines()]


def all_items(count: int = 6) -> list[str]:
    return [f"{chunk}.{item}" for chunk in range(count) for item in range(ITEMS)]


def test_results_come_in_the_order_of_the_chunks() -> None:
    assert run({}, count=40) == all_items(40)


@pytest.mark.parametrize("how", ["kill", "crash"])
def test_the_item_that_kills_its_worker_is_convicted_and_no_other(how: str) -> None:
    lines = run({(2, 1): how, (3, 0): how, (3, 2): how})
    assert [line.partition(":")[0] for line in lines] == all_items()
    assert [line for line in lines if ":" in line] == [
        "2.1: the worker process died",
        "3.0: the worker process died",
        "3.2: the worker process died",
    ]


def work_and_die_writing(once: Path, chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    """Die once in the middle of writing a result: its length is told, and less than that is sent."""
    open_mark(mark).set(number, 0)
    if chunk.start == 2 and not once.exists():
        once.touch()
        frame = sys._getframe()
        while "result_queue" not in frame.f_locals:
            assert frame.f_back is not None
            frame = frame.f_back
        os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000) + b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(str(chunk.start).encode())


def test_a_worker_that_is_killed_while_it_writes_stops_nobody(tmp_path: Path) -> None:
    results = run_chunks(make_chunks(6), partial(work_and_die_writing, tmp_path / "done"), 2, 600.0, MARKS)
    assert [result.output for _, result in results] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert (tmp_path / "done").exists()


def test_an_item_that_hangs_is_convicted() -> None:
    lines = run({(1, 2): "hang"}, timeout=1.0)
    assert [line for line in lines if ":" in line] == ["1.2: took longer than 1 s"]
    assert [line.partition(":")[0] for line in lines] == all_items()


@pytest.mark.parametrize("how", ["kill", "raise", "gone"])
def test_what_happens_once_changes_nothing(tmp_path: Path, how: str) -> None:
    assert run({(2, 1): how}, once=tmp_path / "done") == all_items()


def test_a_chunk_that_cannot_be_read_beyond_an_item_is_cut_there() -> None:
    kills = {(4, 1): "unreadable"}
    assert run(kills)[12:15] == ["4.0", "4.rest: the worker process died", "5.0"]


def test_a_local_file_that_is_gone_is_damage() -> None:
    assert "damage" in run({(2, 0): "gone"})


def test_an_error_of_the_job_ends_it() -> None:
    with pytest.raises(ModelError, match=r"no model.json"):
        run({(2, 0): "no model"})
    with pytest.raises(JobError, match="MemoryError"):
        run({(chunk, 0): "raise" for chunk in range(6)})


def die_at_once(chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    os._exit(3)


def test_workers_that_die_before_they_begin_end_the_job() -> None:
    with pytest.raises(JobError, match="before they begin"):
        list(run_chunks(make_chunks(3), die_at_once, 1, 30.0, MARKS))


def tell_process(chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    time.sleep(0.05)
    return Result(str(os.getpid()).encode())


def tell_interrupts(chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    """Say whether this process was started deaf to Ctrl+C, whatever it has set up since."""
    return Result(str(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())).encode())


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals here")
def test_workers_never_hear_of_ctrl_c_and_the_parent_still_does() -> None:
    results = list(run_chunks(make_chunks(12), tell_interrupts, 2, 30.0, MARKS))
    assert {result.output for _, result in results} == {b"True"}
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_chunks_are_read_only_a_little_ahead_and_both_workers_work() -> None:
    taken = 0

    def chunks() -> Iterator[Chunk]:
        nonlocal taken
        for chunk in make_chunks(200):
            taken += 1
            yield chunk

    processes = Counter[bytes]()
    for done, (_, result) in enumerate(run_chunks(chunks(), tell_process, 2, 30.0, MARKS)):
        processes[result.output] += 1
        assert taken <= done + 2 * 8 + 1
    assert len(processes) == 2
    assert min(processes.values()) > 40


def test_marks_that_a_killed_run_has_left_are_cleared_away() -> None:
    MARKS.mkdir()
    (MARKS / "slot-7").write_bytes(b"old")
    assert run({}, count=2) == all_items(2)
    assert not MARKS.exists()


def test_no_worker_outlives_the_run() -> None:
    results = run_chunks(make_chunks(8), tell_process, 2, 30.0, MARKS)
    processes = {int(next(results)[1].output) for _ in range(6)}
    results.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def fail_at_an_item(chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    """Run out of memory where item 1 of chunk 2 is read, whatever was convicted."""
    if chunk.start == 2 and caution.cut is None:
        raise ItemError(1, "MemoryError")
    return Result(f"{chunk.start} {caution.cut}\n".encode())


def test_what_raises_where_an_item_is_read_ends_the_chunk_there_and_nothing_else() -> None:
    results = run_chunks(make_chunks(4), fail_at_an_item, 2, 30.0, MARKS)
    assert b"".join(result.output for _, result in results) == b"0 None\n1 None\n2 1\n3 None\n"


def die_writing(chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    """Die where a chunk is written as a whole, though each item by itself can be."""
    marker = open_mark(mark)
    marker.set(number, 0)
    if not caution.alone:
        marker.set(number, WRITING)
        do_harm("kill")
    return Result()


def test_a_chunk_that_kills_whatever_is_left_out_ends_the_job() -> None:
    with pytest.raises(JobError, match=r"a.jsonl from 0 on: the worker process died, whatever is left out"):
        list(run_chunks(make_chunks(1), die_writing, 1, 30.0, MARKS))
