"""The commands ``export`` and ``import``, which join the ``dechrome`` command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import click

from dechrome.cli.extensions import CommandError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange.pages import Task
from dechrome_training.importers.records import Outcome

_TOOLS: Final = ("csv", "doccano", "label-studio", "prodigy")  # as in formats.py, which is imported when it is needed
_CORPORA: Final = ("article-extraction-benchmark", "cleaneval", "dragnet", "l3s-gn1", "labels", "wcxb", "webmainbench")
_EXIT_CODES: Final = """
\b
Exit codes:
  0    done
  1    some records could not be used, wholly or in part; they are listed on standard error
  2    nothing was done: wrong usage, no such file, a malformed file, no valid model
  130  interrupted;  141  the reader of the output went away
"""
_OUT: Final = click.Path(dir_okay=False, path_type=Path)
_QUIET = click.option("--quiet", "-q", is_flag=True, help="No progress and no summary; problems are listed.")
_FORCE = click.option("--force", is_flag=True, help="Write over a file that is there.")


@click.command("export", epilog=_EXIT_CODES)
@click.argument("paths", nargs=-1, required=True, metavar="LABELS.jsonl|FILE|FOLDER|GLOB...")
@click.option("--to", "tool", type=click.Choice(_TOOLS), required=True, help="The tool to write for.")
@click.option("--out", "-o", type=_OUT, required=True, metavar="FILE", help="The file to write.")
@click.option("--model", type=click.Path(exists=True, file_okay=False), help="Folder of another model.")
@_FORCE
@_QUIET
def export_pages(paths: tuple[str, ...], tool: str, out: Path, model: str | None, force: bool, quiet: bool) -> None:
    """Write annotated pages for labelling tools.

    Takes label files, with the labels in them, and pages that nobody has labelled, with the labels that the model
    gives them: to be corrected, since "import" takes what comes back for what a person said. Labels are content, image,
    chrome and chrome/<kind>. What is written holds the pages too, so that "import" brings back the page with its
    labels; CSV does not: give "import" the same files as --pages.

    \b
    label-studio  tasks (JSON) with the labels as annotations and the model's as predictions, with scores;
                  FILE.config.xml beside is the labelling interface for the project's settings
    prodigy       JSON lines with tokens and spans, for spans.manual and ner.manual
    doccano       JSON lines for sequence labelling: text, label
    csv           a block a row, for LibreOffice and Excel

    \b
    Examples:
      dechrome export crawl/ --to label-studio --out tasks.json
      dechrome export labels.jsonl --to csv --out labels.csv
    """
    from tqdm import tqdm

    from dechrome.labelling import load_model
    from dechrome_training.exchange import label_studio
    from dechrome_training.exchange.formats import WRITERS
    from dechrome_training.exchange.pages import make_tasks, read_pages
    from dechrome_training.label_files import open_whole

    _check_out(out, force, paths)
    problems: list[str] = []
    counts: Counter[str] = Counter()
    tasks = make_tasks(read_pages(paths), load_model(model))
    with open_whole(out) as stream:
        for piece in WRITERS[tool](_count_tasks(tqdm(tasks, unit=" pages", disable=quiet or None), counts, problems)):
            stream.write(piece.encode("utf-8", "replace"))
    if tool == "label-studio":
        config = out.with_name(f"{out.name}.config.xml")
        with open_whole(config) as stream:
            stream.write(label_studio.interface().encode())
    if not quiet:
        click.echo(f"{_amount(counts.total(), 'page')} written to {out}: {_list(counts)}", err=True)
        if tool == "label-studio":
            click.echo(f"labelling interface: {config}", err=True)
    _finish(problems)


@click.command("import", epilog=_EXIT_CODES)
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER")
@click.option("--from", "source", type=click.Choice([*_TOOLS, *_CORPORA]), required=True, metavar="FORMAT",
              help="What the file or folder is, see above.")  # fmt: skip
@click.option("--out", "-o", type=_OUT, required=True, metavar="LABELS.jsonl", help="The label file to write.")
@click.option("--pages", multiple=True, metavar="LABELS.jsonl|FILE|FOLDER|GLOB",
              help="The pages, as they were given to export; found by their ids. Repeatable.")  # fmt: skip
@click.option(
    "--append", is_flag=True, help="Add to a label file that is there; of pages with one id, the last counts."
)
@_FORCE
@_QUIET
def import_pages(
    path: Path, source: str, out: Path, pages: tuple[str, ...], append: bool, force: bool, quiet: bool
) -> None:
    """Read annotated pages from corpora and labelling tools.

    Writes a label file. Labels are aligned with the text of the page's blocks, since offsets drift. Records that
    cannot be used are listed, and the others written.

    \b
    Labelling tools, the file that they export:
      label-studio (JSON, JSON-MIN)   prodigy (db-out)   doccano (JSONL)   csv
    Corpora, the folder as it is published:
      wcxb, article-extraction-benchmark, cleaneval, l3s-gn1, dragnet; webmainbench (a JSONL file)
    Label files of our own:
      labels (checked, and written anew with one line a page and the pages inside)

    \b
    Examples:
      dechrome import project-1-at-2025-06-01.json --from label-studio --out labels.jsonl
      dechrome import labels.csv --from csv --pages crawl/ --out labels.jsonl
      dechrome import web-content-extraction-benchmark/dev --from wcxb --out wcxb-dev.jsonl
    """
    from tqdm import tqdm

    from dechrome_training.exchange.formats import CORPUS_READERS, TOOL_READERS
    from dechrome_training.exchange.pages import read_pages

    if append and force:
        raise click.UsageError("--append and --force exclude each other")
    if pages and source in CORPUS_READERS:
        raise click.UsageError(f"--pages goes with labelling tools, not with {source}")
    if source in TOOL_READERS and path.is_dir():
        raise click.UsageError(f"{path} is a folder: --from {source} takes a file")
    _check_out(out, force or append, [str(path), *pages])
    if source in CORPUS_READERS:
        outcomes = CORPUS_READERS[source](path)
    else:
        known = {page.id: page for page in read_pages(pages)} if pages else None
        outcomes = TOOL_READERS[source](path, known)
    problems: list[str] = []
    left_out: Counter[str] = Counter()
    usable = _use(tqdm(outcomes, unit=" pages", disable=quiet or None), left_out, problems)
    count = _write(usable, out, append)
    if not quiet:
        rest = f"; left out: {_list(left_out)}" if left_out else ""
        click.echo(f"{_amount(count, 'page')} written{f' to {out}' if count else ''}{rest}", err=True)
    _finish(problems, failed=not count)


def _count_tasks(tasks: Iterable[Task], counts: Counter[str], problems: list[str]) -> Iterator[Task]:
    for task in tasks:
        counts["labelled" if task.is_labelled else "with the model's labels"] += 1
        problems += [f"{task.page.id}: {problem}" for problem in task.problems]
        yield task


def _use(outcomes: Iterable[Outcome], left_out: Counter[str], problems: list[str]) -> Iterator[AnnotatedPage]:
    """Yield the pages, and note what became of the other records."""
    places: dict[str, str] = {}
    for outcome in outcomes:
        problems += [f"{outcome.place}: {problem}" for problem in outcome.problems]
        if outcome.left_out:
            left_out[outcome.left_out] += 1
        if outcome.page is not None:
            if earlier := places.get(outcome.page.id):
                problems.append(
                    f"{outcome.place}: page {outcome.page.id!r} stands at {earlier} already: the last counts"
                )
            places[outcome.page.id] = outcome.place
            yield outcome.page


def _write(pages: Iterator[AnnotatedPage], out: Path, append: bool) -> int:
    """Write the pages, if there are any, and return their number."""
    from dechrome_training.label_files import append_label, open_labels, write_labels

    first = next(pages, None)
    if first is None:
        return 0
    if not append:
        return write_labels(out, chain([first], pages))
    waiting = [first, *pages]  # a malformed record must leave the file as it was
    with open_labels(out) as stream:
        for page in waiting:
            append_label(stream, page)
    return len(waiting)


def _check_out(out: Path, may_exist: bool, inputs: Iterable[str]) -> None:
    """Refuse to write over a file that is there, or over the input."""
    if not out.exists():
        return
    if any(Path(path).exists() and out.samefile(path) for path in inputs):
        raise CommandError(f"--out {out} is the input: choose another place")
    if not may_exist:
        raise CommandError(f"--out {out} is there already: choose another place, or --force")


def _finish(problems: list[str], *, failed: bool = False) -> None:
    """List the problems; end with 1 where there are any."""
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        click.echo(f"{_amount(len(problems), 'problem')}:\n{listed}", err=True)
    if problems or failed:
        click.get_current_context().exit(1)


def _amount(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to write"
