"""Benchmarks of corpus jobs: ``python -m dechrome_training.evaluation.throughput NAME --data ../shared/corpora``.

Every benchmark writes its own input to a temporary folder, from the pages of a set, runs ``dechrome clean`` on it as a
user would, and prints what was measured: wall time, CPU time of the parent and of its workers, memory.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from dechrome_training.evaluation.job_inputs import (
    hostile_pages,
    html_rows,
    read_gzip,
    rows_of,
    synthetic_rows,
    text_rows,
    write_gzip,
    write_parquet,
    write_repeated,
)
from dechrome_training.evaluation.job_runs import Run, finish_killed, run_clean, run_function
from dechrome_training.evaluation.line_rules import filter_c4

PEER_MODULE: Final = "dechrome_training.evaluation.throughput"
_SLOW_START: Final = 60.0  # seconds that memory may take to settle
_LATE: Final = 0.95  # of the time: at the very end, the workers are gone


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
        rows = list(html_rows(data, name))
        write_gzip(folder / "pages.jsonl.gz", rows)
        write_parquet(folder / "pages.parquet", rows)
        runs: dict[str, Run] = {}
        for file in ("pages.jsonl.gz", "pages.parquet"):
            for count in (1, 2):
                runs[f"{file}, {count}"] = run_clean(folder, file, count)
        peer_function = (PEER_MODULE, "run_trafilatura", "pages.jsonl.gz", "peer.jsonl.gz")
        runs["trafilatura, 2"] = run_function(folder, *peer_function)
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
        rows = list(rows_of(text_rows(data, name), megabytes << 20))
        size = sum(len(row["text"].encode()) for row in rows)
        lines = sum(row["text"].count("\n") + 1 for row in rows)
        write_gzip(folder / "text.jsonl.gz", rows)
        run = run_clean(folder, "text.jsonl.gz", 2)
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
            write_gzip(folder / "long.jsonl.gz", synthetic_rows(records))
            _report_memory(folder, f"{records:,} records of text")
        if pages:
            write_repeated(folder / "long.jsonl.gz", list(html_rows(data, name)), pages)
            _report_memory(folder, f"{pages:,} pages")


def _report_memory(folder: Path, title: str) -> None:
    run = run_clean(folder, "long.jsonl.gz", 2, watched=True)
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
        good = list(islice(html_rows(data, name), pages))
        bad = [{"id": f"hostile-{title}", "html": page} for title, page in hostile_pages()]
        mixed = [row for number, row in enumerate(good) for row in _beside(row, number, bad)]
        write_gzip(folder / "good.jsonl.gz", good)
        write_gzip(folder / "mixed.jsonl.gz", mixed)
        alone = run_clean(folder, "good.jsonl.gz", 2)
        before = {row["id"]: row["text"] for row in read_gzip(folder / "out" / "good.jsonl.gz")}
        shutil.rmtree(folder / "out")
        beside = run_clean(folder, "mixed.jsonl.gz", 2)
        after = {row["id"]: row["text"] for row in read_gzip(folder / "out" / "mixed.jsonl.gz")}
        lost = len((folder / "out" / "_dechrome" / "quarantine.jsonl").read_bytes().splitlines())
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
        rows = list(islice(html_rows(data, name), pages))
        write_gzip(folder / "pages.jsonl.gz", rows)
        whole = run_clean(folder, "pages.jsonl.gz", 2)
        expected = (folder / "out" / "pages.jsonl.gz").read_bytes()
        chance = random.Random(0)
        done = 0
        while done < kills:
            shutil.rmtree(folder / "out", ignore_errors=True)
            done += finish_killed(folder, chance, kills - done, whole.seconds)
            same = (folder / "out" / "pages.jsonl.gz").read_bytes() == expected
            click.echo(f"{done} kills; output {'the same' if same else 'NOT the same'} as of a job that was not killed")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _beside(row: dict[str, Any], number: int, bad: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row, bad[number // 100 % len(bad)]] if number % 100 == 50 else [row]


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
