"""The commands ``clean``, ``label`` and ``explain``."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from joblib import cpu_count
from tqdm import tqdm

from dechrome import labelling
from dechrome.batch.cleaning import Options
from dechrome.batch.job import MEMORY, TIMEOUT
from dechrome.batch.outputs import STDOUT
from dechrome.batch.page_outputs import SUFFIXES, PageFormat, write_labels, write_page
from dechrome.batch.records import Fields, PageType
from dechrome.batch.writers import OutputFormat
from dechrome.blocks import Label
from dechrome.cli import job_plans, jobs, report
from dechrome.cli.extensions import CommandError, ExtensibleGroup
from dechrome.cli.inputs import Input, check_arguments, find_inputs, read_source, refuse_corpora
from dechrome.cli.outputs import is_folder, open_output, page_format_of
from dechrome.cli.sections import SectionedCommand
from dechrome.cli.summary import Failures, Totals, format_failures, format_summary
from dechrome.pages import Page
from dechrome.rendering import CONTENT_AND_IMAGES, CONTENT_ONLY

Command = TypeVar("Command", bound=Callable[..., Any])

_SECTIONS = {
    "keep": "What is kept of a page",
    "html_field": "Records of corpora",
    "workers": "How a job runs",
}
_EXIT_CODES = """
\b
Exit codes:
  0    all pages were read and written
  1    some pages failed; they are listed on standard error
  2    nothing was done: wrong usage, no such file, no valid model
  130  interrupted;  141  the reader of the output went away;  143  terminated
"""


@click.group(
    cls=ExtensibleGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(package_name="dechrome")
def main() -> None:
    """Label every block of web pages or scraped text as content, image placeholder or chrome, and clean them.

    \b
    dechrome clean page.html                        the content, to standard output
    dechrome clean crawl/ --out cleaned             every page of a folder, as text
    dechrome label page.txt > labels.jsonl          all blocks, with their labels
    dechrome explain page.html --html report.html   why each block was kept or dropped
    """


_MODEL = click.option("--model", type=click.Path(exists=True, file_okay=False), help="Folder of another model.")


def _page_options(command: Command) -> Command:
    """Add the options that say how pages are read, and by which model."""
    for option in (
        _MODEL,
        click.option("--as", "page_type", type=click.Choice([kind.value for kind in PageType]), default="auto",
                     show_default=True, help="What the files are. auto: by suffix, else by their start."),
    ):  # fmt: skip
        command = option(command)
    return command


def _choice_options(command: Command) -> Command:
    """Add the options that say which blocks are kept."""
    for option in (
        click.option("--favor", type=click.Choice(["precision", "balanced", "recall"]), default="balanced",
                     show_default=True, help="What to prefer where the model is unsure."),
        click.option("--trim", is_flag=True, help='Cut a foreign end ("… Read more") off a block of content.'),
        click.option("--threshold", type=click.FloatRange(0, 1), metavar="P",
                     help="Keep blocks whose probability of being content is at least P (0 to 1)."),
    ):  # fmt: skip
        command = option(command)
    return command


def _batch_options(command: Command) -> Command:
    """Add the arguments and options of commands that read many pages."""
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="No progress and no summary; failures are listed."),
        click.option("--out", "-o", metavar="FOLDER|FILE|-", default=STDOUT,
                     help="Where to write. A name without the suffix of a page is a folder. [default: -]"),
        click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER|GLOB|-..."),
    ):  # fmt: skip
        command = option(command)
    return command


def _record_options(command: Command) -> Command:
    """Add the options for corpora: which fields are read, what is written, and which records are dropped."""
    for option in (
        click.option("--keep-dropped", is_flag=True, help="Write dropped records to dropped.jsonl, beside the report."),
        click.option("--min-chars", type=click.IntRange(min=0), default=0, metavar="N",
                     help="Drop records with fewer characters of clean text."),
        click.option("--min-quality", type=click.FloatRange(0, 1), default=0.0, metavar="Q",
                     help="Drop records whose expected word F1 is lower."),
        click.option("--keep-html", is_flag=True, help="Keep the field with the HTML."),
        click.option("--markdown", is_flag=True, help="Clean text is Markdown."),
        click.option("--labels", is_flag=True,
                     help="Add spans [start, end, label, kind, confidence], quality and problems to each record."),
        *[click.option(f"--{name}-field", default=default, show_default=True, metavar="NAME", help=text)
          for name, default, text in (
              ("output", "text", "Field that gets the clean text."), ("url", "url", "Field with the page's address."),
              ("id", "id", "Field that names the record."), ("text", "text", "Field with scraped text."),
              ("html", "html", "Field with HTML; it goes before the text."))],
    ):  # fmt: skip
        command = option(command)
    return command


def _job_options(command: Command) -> Command:
    """Add the options that say how a job runs."""
    for option in (
        click.option("--log-json", is_flag=True, help="Progress as lines of JSON."),
        click.option("--state", metavar="FOLDER", type=click.Path(file_okay=False),
                     help="Where the job keeps its state and reports. [default: in or beside --out]"),
        click.option("--ray-address", metavar="ADDRESS", help="Of a Ray cluster; without one, Ray runs here."),
        click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
                     help="What runs the job. [ray: pip install 'dechrome[ray]']"),
        click.option("--site-memory", is_flag=True,
                     help="Read everything twice: what recurs on other pages of its site is less likely content."),
        click.option("--restart", is_flag=True, help="Begin anew, whatever was done before."),
        click.option("--worker-memory", type=click.IntRange(min=256), default=MEMORY >> 20, show_default=True,
                     metavar="MB", help="Memory that one worker may use."),
        click.option("--timeout", type=click.FloatRange(min=0.1), default=TIMEOUT, show_default=True,
                     metavar="SECONDS", help="Time that one record may take."),
        click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes. [default: cores]"),
    ):  # fmt: skip
        command = option(command)
    return command


@main.command(cls=SectionedCommand, starts=_SECTIONS, epilog=_EXIT_CODES)
@_batch_options
@click.option(
    "--format", "--output-format", "-f", "form",
    type=click.Choice(list(dict.fromkeys([form.value for form in (*PageFormat, *OutputFormat)]))),
    help="What to write. [default: what the suffix of --out says, else pages as text and records as their input]",
)  # fmt: skip
@click.option(
    "--as", "layout", default="auto", show_default=True,
    type=click.Choice([*(kind.value for kind in PageType), *sorted(job_plans.LAYOUTS)]),
    help="What the files are. auto: by suffix, else by their start.",
)  # fmt: skip
@click.option("--keep", type=click.Choice(["images"]), help="Keep image placeholders too.")
@_choice_options
@_MODEL
@_record_options
@_job_options
def clean(
    paths: tuple[str, ...], out: str, form: str | None, layout: str, keep: str | None, threshold: float | None,
    favor: labelling.Favor, trim: bool, model: str | None, labels: bool, markdown: bool, keep_html: bool,
    min_quality: float, min_chars: int, keep_dropped: bool, workers: int | None, timeout: float, worker_memory: int,
    restart: bool, site_memory: bool, engine: str, ray_address: str | None, state: str | None, quiet: bool,
    log_json: bool, **fields: str,
) -> None:  # fmt: skip
    """Write what remains of pages without their chrome.

    \b
    Pages    .html .htm .xhtml .txt .md, also .gz; folders are mirrored below --out
    Corpora  .jsonl .ndjson .warc .wet, also .gz .zst; .json.gz .parquet;
             an output for each, or one for all
    Places   files, folders, globs, "-", and s3:// gs:// hf:// (dechrome[corpus])

    A job with a folder or records as its output runs on all cores. Killed, it goes on where it was when the same
    command is given again. Records that cannot be read are listed in quarantine.jsonl, in _dechrome/ of the output
    folder or in <file>.dechrome/, where the report is, too.

    \b
    Examples:
      dechrome clean page.html
      dechrome clean crawl/ --out cleaned --format markdown
      dechrome clean 'crawl/**/*.html' --out all.jsonl --favor precision
      dechrome clean crawl.jsonl.gz --html-field body --out cleaned/
      dechrome clean CC-*.warc.gz -f parquet --labels --min-quality 0.5 -o cleaned/
      curl -s https://example.org | dechrome clean -
    """
    images = keep == "images"
    form = form or ("markdown" if markdown and out == STDOUT else None)
    if job_plans.is_job(paths, out, form, layout):
        names = Fields(**{name.removesuffix("_field"): value for name, value in fields.items()})
        options = Options(
            names, threshold, favor, trim, images, markdown, labels, keep_html=keep_html, min_quality=min_quality,
            min_chars=min_chars, model=model,
        )  # fmt: skip
        settings = job_plans.Settings(
            paths, out, options, form, layout, workers or cpu_count(only_physical_cores=False), timeout,
            worker_memory << 20, restart, keep_dropped, site_memory, engine, ray_address, state, quiet, log_json,
        )  # fmt: skip
        if not jobs.run(settings):
            click.get_current_context().exit(1)
        return
    chosen = PageFormat(form) if form else page_format_of(out)
    if is_folder(out):  # one page, on standard input
        out = str(Path(out) / f"stdin{SUFFIXES[chosen]}")

    def write(page: Page, name: str) -> str:
        return write_page(page, name, chosen, images=images)

    _run(paths, out, chosen, write, CONTENT_AND_IMAGES if images else CONTENT_ONLY, quiet, layout, threshold, favor,
         trim, model)  # fmt: skip


@main.command(epilog=_EXIT_CODES)
@_batch_options
@_choice_options
@_page_options
def label(paths: tuple[str, ...], out: str, quiet: bool, **options: Any) -> None:
    """Write every block of pages with its label, as JSON lines: one page a line.

    \b
    Examples:
      dechrome label page.html | jq '.blocks[] | select(.kind == "cookie_notice").text'
      dechrome label crawl/ --out labels.jsonl
    """
    refuse_corpora(paths)
    out = str(Path(out) / "pages.jsonl") if is_folder(out) else out
    _run(paths, out, PageFormat.JSONL, write_labels, CONTENT_ONLY, quiet, **options)


@main.command()
@click.argument("path", metavar="FILE|-")
@click.option("--html", "report_path", type=click.Path(dir_okay=False, allow_dash=True), metavar="OUT.html",
              help="Write the report as a page for the browser, with all reasons.")  # fmt: skip
@_page_options
def explain(path: str, report_path: str | None, page_type: str, model: str | None) -> None:
    """Show why each block of a page was kept (+), taken for an image (~) or dropped (-).

    A reason is a feature of the block with its contribution: positive ones speak for content.

    \b
    Examples:
      dechrome explain page.html
      dechrome explain page.html --html report.html
    """
    check_arguments([path])
    refuse_corpora([path])
    if Path(path).is_dir():
        raise CommandError(f"{path} is a folder: explain takes one page")
    page_input = next(find_inputs([path]))
    source = read_source(page_input, PageType(page_type))
    page, reasons = labelling.explain_source(source, labelling.load_model(model))
    if report_path is None:
        click.echo(report.format_report(page, reasons, page_input.name, shutil.get_terminal_size().columns))
        return
    if Path(report_path).exists() and page_input.path and Path(report_path).samefile(page_input.path):
        raise CommandError(f"--html {report_path} would write over the page")
    with click.open_file(report_path, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(report.format_html_report(page, reasons, page_input.name))
    click.echo(f"{page_input.name}: {report.describe_page(page)}", err=True)


def _run(
    paths: Sequence[str], out: str, form: PageFormat, write: Callable[[Page, str], str], kept: frozenset[Label],
    quiet: bool, page_type: str, threshold: float | None, favor: labelling.Favor, trim: bool, model: str | None,
) -> None:  # fmt: skip
    """Label all pages and write each one; then the summary. Ends with exit code 1 where a page failed."""
    check_arguments(paths)
    skipped = Path(out).resolve() if is_folder(out) else None
    loaded = labelling.load_model(model)
    failures: Failures = []
    totals = Totals()
    inputs = find_inputs(paths, skipped, lambda error: failures.append((str(error.filename), error.strerror or "")))
    with open_output(out, form, paths) as write_out:
        sources = _read_all(inputs, PageType(page_type), failures, pending := deque[Input]())
        pages = labelling.label_pages(sources, model=loaded, threshold=threshold, favor=favor, trim=trim)
        for page in _with_progress(pages, paths, skipped, hidden=quiet or (out == STDOUT and sys.stdout.isatty())):
            page_input = pending.popleft()
            try:
                unreadable = not page.blocks and page.problems
                if unreadable:
                    failures.append((page_input.name, "; ".join(page.problems)))
                if not unreadable or form is PageFormat.JSONL:  # a record tells of its problems
                    write_out(page_input, write(page, page_input.name))
                    totals.add(page.blocks)
            except BrokenPipeError:
                raise
            except OSError as error:
                failures.append((page_input.name, f"not written: {error.strerror or error}"))
    if not quiet:
        click.echo(format_summary(totals, kept), err=True)
    if failures:
        click.echo(format_failures(failures), err=True)
        click.get_current_context().exit(1)


def _read_all(
    inputs: Iterator[Input], page_type: PageType, failures: Failures, pending: deque[Input]
) -> Iterator[labelling.Source]:
    """Yield the sources of all pages that can be read, and note in ``pending`` whose they are."""
    for page_input in inputs:
        try:
            source = read_source(page_input, page_type)
        except OSError as error:
            failures.append((page_input.name, error.strerror or str(error)))
            continue
        pending.append(page_input)
        yield source


def _with_progress(
    pages: Iterator[Page], paths: Sequence[str], skipped: Path | None, *, hidden: bool
) -> Iterator[Page]:
    """Show a progress bar on a terminal."""
    if hidden or not sys.stderr.isatty():
        return pages
    total = sum(1 for _ in find_inputs(paths, skipped))
    return iter(tqdm(pages, total=total, unit=" pages", dynamic_ncols=True))
