"""The commands ``clean``, ``label`` and ``explain``."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from dechrome import labelling
from dechrome.blocks import Label
from dechrome.cli import report
from dechrome.cli.extensions import CommandError, ExtensibleGroup
from dechrome.cli.inputs import Input, PageType, check_arguments, find_inputs, read_source
from dechrome.cli.outputs import STDOUT, Format, format_of, is_folder, open_output, write_labels, write_page
from dechrome.cli.summary import Totals, format_failures, format_summary
from dechrome.pages import Page
from dechrome.rendering import CONTENT_AND_IMAGES, CONTENT_ONLY

Failures = list[tuple[str, str]]  # name of the page, reason
Command = TypeVar("Command", bound=Callable[..., Any])

_EXIT_CODES = """
\b
Exit codes:
  0    all pages were read and written
  1    some pages failed; they are listed on standard error
  2    nothing was done: wrong usage, no such file, no valid model
  130  interrupted;  141  the reader of the output went away
"""


@click.group(cls=ExtensibleGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_CODES)
@click.version_option(package_name="dechrome")
def main() -> None:
    """Label every block of web pages or scraped text as content, image placeholder or chrome, and clean them.

    \b
    dechrome clean page.html                        the content, to standard output
    dechrome clean crawl/ --out cleaned             every page of a folder, as text
    dechrome label page.txt > labels.jsonl          all blocks, with their labels
    dechrome explain page.html --html report.html   why each block was kept or dropped
    """


def _page_options(command: Command) -> Command:
    """Add the options that say how pages are read, and by which model."""
    for option in (
        click.option("--model", type=click.Path(exists=True, file_okay=False), help="Folder of another model."),
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


@main.command(epilog=_EXIT_CODES)
@_batch_options
@click.option(
    "--format", "-f", "form", type=click.Choice([form.value for form in Format]),
    help="What to write. [default: what the suffix of --out says, else text]",
)  # fmt: skip
@click.option("--keep", type=click.Choice(["images"]), help="Keep image placeholders too.")
@_choice_options
@_page_options
def clean(paths: tuple[str, ...], out: str, form: str | None, keep: str | None, quiet: bool, **options: Any) -> None:
    """Write what remains of pages without their chrome.

    Folders are searched for .html, .htm, .xhtml, .txt and .md, and mirrored below --out. "-" reads standard input.

    \b
    Examples:
      dechrome clean page.html
      dechrome clean crawl/ --out cleaned --format markdown
      dechrome clean 'crawl/**/*.html' --out all.jsonl --favor precision
      curl -s https://example.org | dechrome clean -
    """
    chosen = Format(form) if form else format_of(out)
    images = keep == "images"

    def write(page: Page, name: str) -> str:
        return write_page(page, name, chosen, images=images)

    _run(paths, out, chosen, write, CONTENT_AND_IMAGES if images else CONTENT_ONLY, quiet, **options)


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
    _run(paths, out, Format.JSONL, write_labels, CONTENT_ONLY, quiet, **options)


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
    paths: Sequence[str], out: str, form: Format, write: Callable[[Page, str], str], kept: frozenset[Label],
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
                if not unreadable or form is Format.JSONL:  # a record tells of its problems
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
