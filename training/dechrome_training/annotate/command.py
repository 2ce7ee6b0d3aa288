"""The command ``annotate``."""

from __future__ import annotations

from pathlib import Path

import click

from dechrome.batch.records import PageType
from dechrome.errors import InputError
from dechrome.labelling import load_model
from dechrome_training.annotate.saved import index_rows
from dechrome_training.annotate.serving import serve
from dechrome_training.annotate.session import Progress, Session
from dechrome_training.annotate.sources import find_sources

_EXIT_CODES = """
\b
Exit codes:
  0    the labelling page was stopped with Ctrl+C; everything is saved
  2    nothing was done: wrong usage, no such file, malformed label file, no valid model
"""


@click.command(epilog=_EXIT_CODES)
@click.argument("pages", nargs=-1, required=True, metavar="PAGES...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="Label file to write, and to go on with.")  # fmt: skip
@click.option(
    "--model", type=click.Path(exists=True, file_okay=False), metavar="FOLDER", help="Folder of another model."
)
@click.option("--as", "page_type", type=click.Choice([kind.value for kind in PageType]), default="auto",
              show_default=True, help="What the files are. auto: by suffix, else by their start.")  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Print the address, but do not open it.")
def annotate(pages: tuple[str, ...], out: Path, model: str | None, page_type: str, no_browser: bool) -> None:
    """Label pages by hand, in the browser.

    PAGES are files, folders, globs, or label files (.jsonl) to check and go on with. The page opens at an address of
    this machine that nobody else can guess. Every change is saved at once, and the same command goes on where you
    were. Pages that teach most come first.

    \b
    Examples:
      dechrome annotate crawl/ --out labels.jsonl
      dechrome annotate 'forum/**/*.html' --out labels.jsonl --model my_model
      dechrome annotate labels.jsonl --out labels.jsonl --no-browser
    """
    loaded = load_model(model)
    known = {row.path: page for page, rows in index_rows(out).items() for row in rows if row.path}
    sources = find_sources(pages, PageType(page_type), out, known)
    if not sources:
        raise InputError(f"{' '.join(pages)}: no pages there")
    session = Session(sources, out, loaded)
    try:
        serve(session, _announce, open_browser=not no_browser)
    finally:
        session.close()
    progress = [entry.progress for entry in session.entries]
    done, begun = progress.count(Progress.DONE), progress.count(Progress.BEGUN)
    click.echo(f"{out}: {done} of {len(progress)} pages done, {begun} begun", err=True)
    if done:
        click.echo(f"next: dechrome train --add {out} --out my_model", err=True)


def _announce(address: str) -> None:
    click.echo(f"Label at {address}")
    click.echo("Stop with Ctrl+C; every change is saved at once.", err=True)
