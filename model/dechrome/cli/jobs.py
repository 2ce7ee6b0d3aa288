"""``dechrome clean`` as a corpus job: run to its end, with what is said of it on the way and at the end."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import click

from dechrome.batch.cleaning import Status, check_cleaning
from dechrome.batch.job import QUARANTINE, Job, run_job
from dechrome.batch.outputs import STDOUT, state_folder
from dechrome.batch.progress import Progress, Style
from dechrome.batch.report import REPORT_HTML, write_report
from dechrome.batch.state import Checkpoint
from dechrome.cli.job_plans import Settings, plan_job
from dechrome.cli.outputs import is_folder
from dechrome.cli.summary import Failures, Totals, format_failures, format_summary
from dechrome.errors import JobError, MissingExtraError
from dechrome.rendering import CONTENT_AND_IMAGES, CONTENT_ONLY

LISTED: Final = 20  # failures that are listed at the end


def run(settings: Settings) -> bool:
    """Run the job, and tell whether all records could be read and written.

    Raises:
        InputError, JobError: it cannot be begun, or gone on with; the message says why.
    """
    check_cleaning(settings.options)
    one_file = not is_folder(settings.out)
    failures: Failures = []
    with _open_folder(settings, one_file=one_file) as (folder, lasting), _terminable():
        job = plan_job(settings, folder, failures, one_file=one_file)
        cure = "; the same command goes on from here" if job.resumable else ""
        try:
            greet = partial(_greet, folder, settings.quiet)
            if settings.engine == "ray":
                checkpoint = _run_on_ray(job, settings)
            else:
                checkpoint = run_job(job, Progress(_style(settings)), greet, restart=settings.restart)
            write_report(folder, checkpoint, f"dechrome clean {' '.join(settings.paths)}")
        except BrokenPipeError:  # of standard output: the reader went away
            raise
        except OSError as error:
            place = f"{error.filename2 or error.filename}: " if error.filename else ""
            raise JobError(f"{place}{error.strerror or error}{cure}") from error
        except (KeyboardInterrupt, SystemExit):
            click.echo(f"\ninterrupted{cure}", err=True)
            raise
        quarantined, unlisted = _read_failures(folder / QUARANTINE, LISTED if lasting else None)
        failures += quarantined
        _conclude(settings, folder, checkpoint, lasting=lasting)
        if failures:
            click.echo(format_failures(failures, unlisted, str(folder / QUARANTINE)), err=True)
    return not failures


@contextlib.contextmanager
def _open_folder(settings: Settings, *, one_file: bool) -> Iterator[tuple[Path, bool]]:
    """Yield the folder of the job's state, and whether it lasts: what goes to standard output has none of its own."""
    if settings.state:
        yield Path(settings.state), True
    elif settings.out != STDOUT:
        yield state_folder(settings.out, one_file=one_file), True
    else:
        with tempfile.TemporaryDirectory(prefix="dechrome-") as folder:
            yield Path(folder), False


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the job in order, as an interrupt does."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_on_ray(job: Job, settings: Settings) -> Checkpoint:
    try:
        from dechrome.integrations import ray_data
    except ImportError as error:
        raise MissingExtraError(f"--engine ray needs {error.name}: pip install 'dechrome[ray]'") from error
    return ray_data.run_job(job, settings.ray_address, restart=settings.restart)


def _style(settings: Settings) -> Style:
    if settings.quiet:
        return Style.NONE
    if settings.log_json:
        return Style.JSON
    if sys.stderr.isatty():
        return Style.NONE if settings.out == STDOUT and sys.stdout.isatty() else Style.BAR
    return Style.LINES


def _read_failures(path: Path, listed: int | None) -> tuple[Failures, int]:
    """Return the first records that were quarantined, with the reasons, and how many more there are."""
    with path.open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in islice(stream, listed)]
        more = sum(1 for _ in stream)
    return [(_describe(row), str(row["reason"])) for row in rows], more


def _describe(row: dict[str, object]) -> str:
    """Name a record by its id, and by its place where that is another."""
    place = f"{row['source']}:{row['offset']}"
    return str(row["source"]) if row["id"] == row["source"] else f"{place} ({row['id']})" if row["id"] else place


def _greet(folder: Path, quiet: bool, checkpoint: Checkpoint) -> None:
    """Say that the job was begun before."""
    records = checkpoint.statistics.records.total()
    if quiet or not (records or checkpoint.finished):
        return
    if checkpoint.finished:
        message = f"finished before, {records:,} records: nothing to do (--restart does it again)"
    else:
        message = f"going on behind {records:,} records"
    click.echo(f"{folder}: {message}", err=True)


def _conclude(settings: Settings, folder: Path, checkpoint: Checkpoint, *, lasting: bool) -> None:
    """Say what was done."""
    statistics = checkpoint.statistics
    if settings.quiet:
        return
    pages = statistics.records[Status.KEPT] + statistics.records[Status.DROPPED]
    totals = Totals(pages, statistics.blocks, statistics.characters)
    click.echo(format_summary(totals, CONTENT_AND_IMAGES if settings.options.images else CONTENT_ONLY), err=True)
    if dropped := statistics.records[Status.DROPPED]:
        click.echo(f"{dropped:,} of them dropped by the rules", err=True)
    if lasting:
        click.echo(f"report: {folder / REPORT_HTML}", err=True)
