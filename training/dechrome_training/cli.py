"""The commands ``train``, ``evaluate`` and ``compare``, which join the ``dechrome`` command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dechrome_training.evaluation.tables import Table

Command = TypeVar("Command", bound=Callable[..., Any])
Item = TypeVar("Item")

_EXIT_CODES = """
\b
Exit codes:
  0    done
  2    nothing was done: wrong usage, no such file, malformed data, no valid model
  130  interrupted;  141  the reader of the output went away
"""
NOT_TO_USE = 3
_TRAIN_EXIT_CODES = """
\b
Exit codes:
  0    done; with --add: use the new model
  3    with --add: the model is written, but do not use it; the last line says why
  2    nothing was done: wrong usage, no such file, malformed data, no valid model
  130  interrupted
"""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_ANY = click.Path(exists=True, path_type=Path)
_NEW = click.Path(path_type=Path)
_QUIET = click.option("--quiet", "-q", is_flag=True, help="No progress.")
_CACHE = click.option("--cache", type=_NEW, metavar="FOLDER",
                      help="Keep measured pages here; a second run with other settings is quick.")  # fmt: skip


def _page_options(command: Command) -> Command:
    """Add the options that say which pages are measured and where the results go."""
    for option in (
        _QUIET,
        click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT",
                     help="Write all tables to this file, too."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N",
                     help="At most N pages of each set, evenly spread."),
        click.option("--sets", metavar="NAME,...", default="", callback=lambda _, __, value: _split(value),
                     help="Sets to take from folders. [default: all but phrases]"),
        click.option("--data", type=_ANY, multiple=True, required=True, metavar="FILE|FOLDER",
                     help="Parquet set, labels.jsonl, or a folder of these. May be given several times."),
        click.option("--model", type=_FOLDER, metavar="FOLDER", help="Folder of another model."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(epilog=_TRAIN_EXIT_CODES)
@click.option(
    "--add",
    type=_ANY,
    multiple=True,
    metavar="LABELS",
    help="Pages that you labelled (labels.jsonl). May be given several times.",
)
@click.option(
    "--base", metavar="FOLDER", default="shipped", show_default=True, help="With --add: the model to start from."
)
@click.option(
    "--from-scratch", is_flag=True, help="Start from nothing: --add, and the sets of --data if given, by --recipe."
)
@click.option("--recipe", type=_FILE, help="What to train on and how, as TOML.")
@click.option("--data", type=_FOLDER, metavar="FOLDER", help="The parquet sets that the recipe names.")
@click.option("--out", type=_NEW, required=True, metavar="FOLDER", help="Where the model is written.")
@click.option("--peers", type=_FILE, help="What dechrome compare --json wrote: other extractors' scores for the card.")
@_CACHE
@_QUIET
@click.pass_context
def train(
    context: click.Context, add: tuple[Path, ...], base: str, from_scratch: bool, recipe: Path | None,
    data: Path | None, out: Path, peers: Path | None, cache: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Retrain the model on pages that you labelled, or train one from nothing.

    With --add, training goes on from a model, on your pages and on a sample of what that model was trained on. It takes
    minutes, ends with a verdict (use the new model or not, and why), and writes report.html beside the model. Old and
    new model are compared on your pages, each page by networks that have not seen its site, and on check pages that
    come with the model.

    With --recipe, a model is trained on annotated pages alone: weights.npz, model.json, sample.npz to retrain from, and
    a model card with scores for unseen sites; with matplotlib, a plot, too. The same data give the same bytes.

    \b
    Examples:
      dechrome train --add labels.jsonl --out my_model
      dechrome train --add more.jsonl --base my_model --out my_next_model
      dechrome clean page.html --model my_model
      dechrome train --recipe training/recipe.toml --data ../shared/corpora --out new_model --cache .cache
      dechrome train --from-scratch --add labels.jsonl --recipe training/recipe.toml --out own_model
    """
    _check_train_options(add, base, from_scratch, recipe, data, peers)
    if recipe is not None:
        from dechrome_training.training import run_training

        run_training(recipe, data, out, cache, _reporter(quiet), peers, add)
        return
    from dechrome_training.evaluation.tables import format_tables
    from dechrome_training.retraining.retrain import run_retraining

    verdict = run_retraining(add, _model_folder(base), out, _reporter(quiet))
    click.echo(format_tables(verdict.tables))
    click.echo(f"\n{verdict.sentence}")
    if not verdict.use:
        context.exit(NOT_TO_USE)


def _check_train_options(
    add: tuple[Path, ...], base: str, from_scratch: bool, recipe: Path | None, data: Path | None, peers: Path | None
) -> None:
    if from_scratch and (not add or recipe is None or base != "shipped"):
        raise click.UsageError("--from-scratch takes --add and --recipe, and no --base")
    if recipe is not None and not from_scratch and (add or data is None):
        raise click.UsageError("--recipe takes --data; with --add, --from-scratch says that no model is started from")
    if recipe is None and (not add or data is not None or peers is not None):
        raise click.UsageError("give --add with pages that you labelled, or --recipe with --data")


@click.command(epilog=_EXIT_CODES)
@_page_options
@click.option("--view", type=click.Choice(["html", "lines", "piece"]),
              help="html: pages as they are. lines: the text of all lines. piece: a few blocks cut out of each page, "
                   "as HTML pages of their own. [default: html; folds: html and lines]")  # fmt: skip
@click.option("--kinds", is_flag=True,
              help="Measure kinds of chrome on pages whose markup names them, with the markup hidden.")  # fmt: skip
@click.option("--sites", is_flag=True,
              help="Measure what the other pages of its site, read beforehand, add to a page.")  # fmt: skip
@click.option("--folds", type=click.IntRange(min=2), metavar="N",
              help="Cross-validate by site: fit N models by --recipe, each on the other folds.")  # fmt: skip
@click.option("--recipe", type=_FILE, help="With --folds: what to train on and how.")
@click.option("--against", metavar="FOLDER",
              help="Compare with this model, or: shipped, page by page; is the difference chance?")  # fmt: skip
@_CACHE
def evaluate(
    data: tuple[Path, ...], sets: tuple[str, ...], view: str | None, limit: int | None, model: Path | None,
    kinds: bool, sites: bool, folds: int | None, recipe: Path | None, against: str | None, cache: Path | None,
    json_path: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Measure a model on annotated pages.

    Prints word and shingle scores by page type and language, precision and recall of labels and kinds over blocks,
    and how far confidence and quality can be trusted. Phrases (phrases.parquet) are labelled one by one.

    Pages that a model was trained on flatter it. --folds measures on sites that it has not seen. --kinds tells pages
    of sets that the model was trained on from others.

    \b
    Examples:
      dechrome evaluate --data datasets/labels.jsonl
      dechrome evaluate --data ../shared/corpora --sets wcxb-dev --view lines
      dechrome evaluate --data ../shared/corpora/phrases.parquet
      dechrome evaluate --data ../shared/corpora --kinds
      dechrome evaluate --data ../shared/corpora --sets daniel,l3s-gn1 --sites
      dechrome evaluate --model my_model --against shipped --data labels.jsonl
      dechrome evaluate --data ../shared/corpora --sets wcxb-dev,phrases --folds 5 --recipe training/recipe.toml
    """
    if (folds is None) != (recipe is None):
        raise click.UsageError("--folds and --recipe go together")
    if view == "piece" and (folds or sites):
        raise click.UsageError("--view piece takes neither --folds nor --sites")
    if folds is not None and (model or limit or len(data) > 1):
        raise click.UsageError("--folds takes one --data folder, and neither --model nor --limit")
    if kinds and (folds or view):
        raise click.UsageError("--kinds takes neither --folds nor --view")
    if sites and (folds or kinds):
        raise click.UsageError("--sites takes neither --folds nor --kinds")
    if against and (folds or kinds or sites):
        raise click.UsageError("--against takes neither --folds nor --kinds nor --sites")
    from dechrome.labelling import load_model
    from dechrome_training.evaluation.evaluate import (
        evaluate_against,
        evaluate_folds,
        evaluate_kinds,
        evaluate_model,
        evaluate_sites,
    )

    if folds and recipe:
        tables = evaluate_folds(recipe, data[0], folds, sets, view, cache, _reporter(quiet))
    elif against:
        pair = load_model(model), load_model(_model_folder(against))
        tables = evaluate_against(*pair, data, sets, view or "html", limit, _watcher(quiet))
    elif kinds:
        tables = evaluate_kinds(load_model(model), data, sets, limit, _watcher(quiet))
    elif sites:
        tables = evaluate_sites(load_model(model), data, sets, view or "html", limit, _watcher(quiet))
    else:
        tables = evaluate_model(load_model(model), data, sets, view or "html", limit, _watcher(quiet))
    _print(tables, json_path, _facts(model, against, folds, limit))


@click.command(epilog=_EXIT_CODES)
@_page_options
@click.option("--view", type=click.Choice(["html", "lines"]), default="html", show_default=True,
              help="html: HTML pages. lines: the text of all their lines.")  # fmt: skip
@click.option("--tools", metavar="NAME,...", default="", callback=lambda _, __, value: _split(value),
              help="Extractors to run beside dechrome. [default: all that are installed]")  # fmt: skip
@click.option("--profile", is_flag=True, help="Measure dechrome's stages and its start, too.")
def compare(
    data: tuple[Path, ...], sets: tuple[str, ...], view: str, limit: int | None, model: Path | None,
    tools: tuple[str, ...], profile: bool, json_path: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Measure dechrome and other extractors on the same pages.

    All run in this one process, page by page: word and shingle scores, snippets found, CPU time per page. The others
    come with pip install 'dechrome[compare]'.

    \b
    Extractors for html:  trafilatura, trafilatura-fast, trafilatura-recall, rs-trafilatura, resiliparse, justext,
                          readability, everything (all text, unfiltered)
    Extractors for lines: c4-lines, c4, justext-lines, everything

    \b
    Examples:
      dechrome compare --data ../shared/corpora --sets wcxb-dev --limit 200
      dechrome compare --data ../shared/corpora --sets wcxb-dev --view lines
      dechrome compare --data ../shared/corpora --sets wcxb-dev --tools trafilatura --profile --json speed.json
    """
    from dechrome.labelling import load_model
    from dechrome_training.evaluation import compare as comparing
    from dechrome_training.evaluation import stages

    loaded = load_model(model)
    chosen = comparing.choose_tools(view, tools, loaded)
    watched = _watcher(quiet)(comparing.read_comparable(data, sets, view, limit))
    tables = comparing.compare_tables(comparing.compare_tools(watched, view, chosen), view)
    if profile:
        pages = comparing.read_comparable(data, sets, "html", limit)
        tables += stages.profile_tables(
            (comparing.make_input(page, "html").html for page in _watcher(quiet)(pages)), loaded, model
        )
    _print(tables, json_path, {"command": "compare", "model": str(model or ""), "limit": limit})


def _model_folder(name: str) -> Path:
    """Return the folder of a model; "shipped" is that of ours."""
    from dechrome.labelling import SHIPPED_MODEL

    return SHIPPED_MODEL if name == "shipped" else Path(name)


def _facts(model: Path | None, against: str | None, folds: int | None, limit: int | None) -> dict[str, object]:
    facts: dict[str, object] = {"command": "evaluate", "model": str(model or ""), "folds": folds, "limit": limit}
    return {**facts, "against": against} if against else facts


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _reporter(quiet: bool) -> Callable[[str], None]:
    """Return what prints progress: a line on standard error, with the time since the start."""
    if quiet:
        return lambda message: None
    import time

    begun = time.monotonic()
    return lambda message: click.echo(f"{time.monotonic() - begun:7.1f} s  {message}", err=True)


def _watcher(quiet: bool) -> Callable[[Iterable[Item]], Iterable[Item]]:
    """Return what shows a progress bar on a terminal for the pages that pass through it."""
    if quiet or not sys.stderr.isatty():
        return lambda pages: pages
    from tqdm import tqdm

    return lambda pages: tqdm(pages, unit=" pages", dynamic_ncols=True)


def _print(tables: list[Table], json_path: Path | None, facts: dict[str, object]) -> None:
    from dechrome.errors import InputError
    from dechrome_training.evaluation.tables import format_tables, to_json

    click.echo(format_tables(tables))
    if json_path is not None:
        try:
            json_path.write_text(to_json(tables, facts), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{json_path}: {error.strerror}") from error
