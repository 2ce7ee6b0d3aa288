"""Benchmarks of corpus jobs: ``python -m dechrome_training.evaluation.throughput NAME --data ../shared/corpora``.

Every benchmark writes its own input to a temporary folder, from the pages of a set, runs ``dechrome clean`` on it as a
user would, and prints what was measured: wall time, CPU time of the parent and of its workers, memory.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import click

from dechrome.encoding import decode_html
from dechrome.html_blocks import split_html
from dechrome_training.corpus import read_parquet
from dechrome_training.evaluation.line_rules import filter_c4

PEER_MODULE: Final = "dechrome_training.evaluation.throughput"
_SLOW_START: Final = 60.0  # seconds that memory may take to settle
_LATE: Final = 0.95  # of the time: at the very end, the workers are gone
# Runs a function, and writes the CPU seconds of this process and of its children to a file.
_DRIVER: Final = """
import importlib, json, resource, sys
usage, module, name, *sys.argv[1:] = sys.argv[1:]
try:
    getattr(importlib.import_module(module), name)()
finally:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    with open(usage, "w") as stream:
        json.dump([use.ru_utime + use.ru_stime for use in spent], stream)
"""


@dataclass
class Run:
    """What one command took: seconds of wall time, CPU of the parent and of all its children.

    ``memory`` has the MB of each process, by its name, at seconds since the start.
    """

    seconds: float
    parent: float
    children: float
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)


@click.group()
def main() -> None:
    """Measure corpus jobs."""


def _common(command: Callable[..., None]) -> click.Command:
    for option in (
        click.option("--set", "name", default="wcxb-dev", show_default=True, help="Set that the pages come from."),
        click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True),
    ):
        command = option(command)
    return main.command()(command)


@_common
def workers(data: Path, name: str) -> None:
    """One worker against two, JSONL.gz and Parquet; and two processes of trafilatura on the same JSONL.gz."""
    with _folder() as folder:
        rows = list(_html_rows(data, name))
        write_gzip(folder / "pages.jsonl.gz", rows)
        _write_parquet(folder / "pages.parquet", rows)
        runs: dict[str, Run] = {}
        for file in ("pages.jsonl.gz", "pages.parquet"):
            for count in (1, 2):
                runs[f"{file}, {count}"] = _clean(folder, file, count)
        peer_function = (PEER_MODULE, "run_trafilatura", "pages.jsonl.gz", "peer.jsonl.gz")
        runs["trafilatura, 2"] = _run(folder, *peer_function)
        for title, run in runs.items():
            share = run.parent / (run.parent + run.children)
            click.echo(
                f"{title:<20} {run.seconds:7.1f} s  {len(rows) / run.seconds:6.1f} pages/s  "
                f"{(run.parent + run.children) / len(rows) * 1e3:6.1f} ms of CPU a page, the parent's share {share:.1%}"
            )
        for file in ("pages.jsonl.gz", "pages.parquet"):
            one, two, peer = runs[f"{file}, 1"], runs[f"{file}, 2"], runs["trafilatura, 2"]
            click.echo(
                f"{file}: two workers {one.seconds / two.seconds:.2f} times one; "
                f"trafilatura takes {peer.seconds / two.seconds:.2f} times as long, "
                f"{(peer.parent + peer.children) / (two.parent + two.children):.2f} times the CPU"
            )


@_common
@click.option("--megabytes", default=60, show_default=True, help="Of text.")
def text(data: Path, name: str, megabytes: int) -> None:
    """Text as WET files have it: all visible lines of each page; beside C4's line rules in one process."""
    with _folder() as folder:
        rows = list(_rows_of(_text_rows(data, name), megabytes << 20))
        size = sum(len(row["text"].encode()) for row in rows)
        lines = sum(row["text"].count("\n") + 1 for row in rows)
        write_gzip(folder / "text.jsonl.gz", rows)
        run = _clean(folder, "text.jsonl.gz", 2)
        cpu = run.parent + run.children
        click.echo(f"{len(rows)} records, {size / 1e6:.1f} MB, {lines} lines")
        click.echo(
            f"dechrome, 2 workers: {size / run.seconds / 1e6:.2f} MB/s, {cpu / lines * 1e6:.1f} us of CPU a line"
        )
        begun = time.process_time()
        for row in rows:
            filter_c4(row["text"], drop_pages=False)
        seconds = time.process_time() - begun
        click.echo(
            f"C4's line rules, 1 process: {size / seconds / 1e6:.2f} MB/s, {seconds / lines * 1e6:.1f} us a line"
        )


@_common
@click.option("--pages", default=100_000, show_default=True, help="HTML pages, the set repeated; 0: none.")
@click.option("--records", default=1_000_000, show_default=True, help="Synthetic records of a few lines; 0: none.")
def memory(data: Path, name: str, pages: int, records: int) -> None:
    """Memory of each process over long jobs: after the first minute, at the end, and at most.

    100,000 pages of wcxb-dev are 5 GB in TMPDIR. A process that was started later than others, in place of one that
    ended, has a later first figure.
    """
    with _folder() as folder:
        if records:
            write_gzip(folder / "long.jsonl.gz", _synthetic_rows(records))
            _report_memory(folder, f"{records:,} records of text")
        if pages:
            _write_repeated(folder / "long.jsonl.gz", list(_html_rows(data, name)), pages)
            _report_memory(folder, f"{pages:,} pages")


def _report_memory(folder: Path, title: str) -> None:
    run = _clean(folder, "long.jsonl.gz", 2, watched=True)
    shutil.rmtree(folder / "out")
    start, end = min(_SLOW_START, run.seconds / 2), run.seconds * _LATE
    settled = [(when, {**used, "all": sum(used.values())}) for when, used in run.memory if start <= when <= end]
    click.echo(f"{title}: {run.seconds:.0f} s; MB of each process")
    for process in dict.fromkeys(name for _, used in settled for name in used):
        seen = [(when, used[process]) for when, used in settled if process in used]
        (first, before), (last, after) = seen[0], seen[-1]
        click.echo(
            f"  {process:<16} {before:6.0f} after {first:.0f} s  {after:6.0f} after {last:.0f} s  "
            f"{max(used for _, used in seen):6.0f} at most"
        )


@_common
@click.option("--pages", default=1000, show_default=True)
def hostile(data: Path, name: str, pages: int) -> None:
    """Hostile records 1 in 100: all are cleaned or quarantined, and what they cost the rest."""
    with _folder() as folder:
        good = list(islice(_html_rows(data, name), pages))
        bad = [{"id": f"hostile-{title}", "html": page} for title, page in _hostile_pages()]
        mixed = [row for number, row in enumerate(good) for row in _beside(row, number, bad)]
        write_gzip(folder / "good.jsonl.gz", good)
        write_gzip(folder / "mixed.jsonl.gz", mixed)
        alone = _clean(folder, "good.jsonl.gz", 2)
        before = {row["id"]: row["text"] for row in _read_gzip(folder / "out" / "good.jsonl.gz")}
        shutil.rmtree(folder / "out")
        beside = _clean(folder, "mixed.jsonl.gz", 2)
        after = {row["id"]: row["text"] for row in _read_gzip(folder / "out" / "mixed.jsonl.gz")}
        lost = _count_lines(folder / "out" / "_dechrome" / "quarantine.jsonl")
        wrong = sum(after.get(name) != text for name, text in before.items())
        slower = (beside.parent + beside.children) / (alone.parent + alone.children) - 1
        click.echo(
            f"{len(mixed)} records, {len(mixed) - len(good)} hostile: {len(after)} written, {lost} quarantined, "
            f"{wrong} of the others changed; {beside.seconds:.1f} s instead of {alone.seconds:.1f} s, CPU {slower:+.1%}"
        )


@_common
@click.option("--pages", default=600, show_default=True)
@click.option("--kills", default=20, show_default=True)
def kills(data: Path, name: str, pages: int, kills: int) -> None:
    """SIGKILL of the whole job, its parent or a worker at random moments: the output must be the same."""
    with _folder() as folder:
        rows = list(islice(_html_rows(data, name), pages))
        write_gzip(folder / "pages.jsonl.gz", rows)
        whole = _clean(folder, "pages.jsonl.gz", 2)
        expected = (folder / "out" / "pages.jsonl.gz").read_bytes()
        chance = random.Random(0)
        done = 0
        while done < kills:
            shutil.rmtree(folder / "out", ignore_errors=True)
            done += _finish_killed(folder, chance, kills - done, whole.seconds)
            same = (folder / "out" / "pages.jsonl.gz").read_bytes() == expected
            click.echo(f"{done} kills; output {'the same' if same else 'NOT the same'} as of a job that was not killed")


def _finish_killed(folder: Path, chance: random.Random, kills: int, seconds: float) -> int:
    """Run one job to its end, killing it at random moments, at most so many times; returns how many."""
    done = 0
    process = _start_clean(folder, "pages.jsonl.gz", 2)
    while True:
        try:
            process.wait(timeout=chance.uniform(0.1, 0.6) * seconds if done < kills else None)
            return done
        except subprocess.TimeoutExpired:
            target = chance.choice(("all", "parent", "worker"))
            _kill(process, target)
            done += 1
        if target != "worker":
            process = _start_clean(folder, "pages.jsonl.gz", 2)


def write_gzip(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write records as JSON lines, packed."""
    with gzip.open(path, "wt", encoding="utf-8", errors="replace", compresslevel=6) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_repeated(path: Path, rows: list[dict[str, Any]], count: int) -> None:
    """Write records over and over until they are so many; those of one round are packed once."""
    rounds, rest = divmod(count, len(rows))
    with path.open("wb") as stream:
        for part, times in ((rows, rounds), (rows[:rest], 1)):
            write_gzip(path.with_name("part.gz"), part if times else [])
            packed = path.with_name("part.gz").read_bytes()
            for _ in range(times):
                stream.write(packed)


def _read_gzip(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=200)


def _html_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    for page in read_parquet(data / f"{name}.parquet"):
        if page.html:
            yield {"id": page.id, "url": page.url, "html": page.html}


def _text_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    for row in _html_rows(data, name):
        blocks = split_html(decode_html(row["html"].encode("utf-8", "replace"))[0]).blocks
        yield {"id": row["id"], "text": "\n".join(block.text for block in blocks)}


def _synthetic_rows(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        body = "The ferry leaves the old harbour at noon. " * (1 + number % 5)
        yield {"id": number, "text": f"Home\nNews\n{body}It is trip {number}.\nWe use cookies.\nAccept all"}


def _rows_of(rows: Iterable[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Repeat records until their text has ``size`` bytes."""
    known = list(rows)
    total = 0
    for row in cycle(known):
        if total >= size:
            return
        total += len(row["text"].encode("utf-8", "replace"))
        yield row


def _hostile_pages() -> Iterator[tuple[str, str]]:
    """Yield pages of the sorts that make C parsers slow or lose text."""
    yield "deep", "<div>" * 100_000 + "deep"
    yield "attributes", "<p " + " ".join(f"a{number}=x" for number in range(50_000)) + ">many"
    yield "options", "<select>" + "<option>x" * 100_000
    yield "line", "word " * 2_000_000
    yield "surrogates", "<p>a \ud800 b" * 1000
    yield "nothing", ""
    yield "binary", "\0\x01\x02" * 100_000
    yield "inline", "<b><i>" * 50_000 + "x"
    yield "tables", "<table><tr><td>" * 5_000 + "x"
    yield "attribute", '<p title="' + "x" * 5_000_000 + '">long'


def _beside(row: dict[str, Any], number: int, bad: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row, bad[number // 100 % len(bad)]] if number % 100 == 50 else [row]


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a function of a module, with what follows as its command line."""
    command = [sys.executable, "-c", _DRIVER, "usage.json", *arguments]
    return subprocess.Popen(command, cwd=folder, start_new_session=True)


def _start_clean(folder: Path, file: str, workers: int) -> subprocess.Popen[bytes]:
    return _start(folder, "dechrome.cli", "main", *_arguments(file, workers))


def _arguments(file: str, workers: int) -> list[str]:
    return ["clean", file, "--out", "out", "--quiet", "--workers", str(workers)]


def _clean(folder: Path, file: str, workers: int, *, watched: bool = False) -> Run:
    """Run one job, from nothing."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    return _run(folder, "dechrome.cli", "main", *_arguments(file, workers), watched=watched)


def _run(folder: Path, *arguments: str, watched: bool = False) -> Run:
    """Run a function of a module in a process of its own; records that are quarantined are no failure."""
    samples: list[tuple[float, dict[str, float]]] = []
    begun = time.monotonic()
    process = _start(folder, *arguments)
    if watched:
        threading.Thread(target=_watch, args=(process, samples), daemon=True).start()
    if process.wait() not in (0, 1):
        raise click.ClickException(f"{' '.join(arguments)}: failed")
    seconds = time.monotonic() - begun
    parent, children = json.loads((folder / "usage.json").read_text())
    return Run(seconds, parent, children, samples)


def _watch(process: subprocess.Popen[bytes], samples: list[tuple[float, dict[str, float]]]) -> None:
    """Note the memory of a process group every second: what each process has for itself, and its share of the rest."""
    begun = time.monotonic()
    while process.poll() is None:
        used = {_name_of(member, process.pid): _memory_of(member) for member in _group_of(process.pid)}
        samples.append((time.monotonic() - begun, used))
        time.sleep(1)


def _name_of(process: int, parent: int) -> str:
    return "parent" if process == parent else f"{'worker' if _is_worker(process) else 'other'} {process}"


def _group_of(group: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == group:
                    members.append(int(entry.name))
    return members


def _memory_of(process: int) -> float:
    """Return a process's proportional set size in MB, 0 if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _kill(process: subprocess.Popen[bytes], target: str) -> None:
    """Send SIGKILL to a job's processes, to its parent or to one worker; a job without its parent has ended."""
    if target == "worker":
        workers = [member for member in _group_of(process.pid) if member != process.pid and _is_worker(member)]
        if workers:
            os.kill(workers[0], signal.SIGKILL)
        return
    if target == "parent":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_worker(process: int) -> bool:
    with contextlib.suppress(OSError):
        return b"popen_loky" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def run_trafilatura() -> None:
    """Do what a job does with trafilatura, in two processes: read JSON lines, extract, write JSON lines."""
    source, target = sys.argv[1:]
    with (
        gzip.open(source, "rb") as lines,
        multiprocessing.Pool(2) as pool,
        gzip.open(target, "wt", encoding="utf-8", errors="replace") as stream,
    ):
        for line in pool.imap(_extract_line, lines, chunksize=8):
            stream.write(line)


def _extract_line(line: bytes) -> str:
    import trafilatura

    row = json.loads(line)
    html = row.pop("html")
    return json.dumps({**row, "text": trafilatura.extract(html) or ""}, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
