"""The arguments of ``dechrome clean`` -> the job that they stand for: inputs, outputs, and what is done to records."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Final

from dechrome.batch.addresses import is_pipe, is_remote, stat
from dechrome.batch.cleaning import Options
from dechrome.batch.formats import format_of, split_suffix
from dechrome.batch.job import UNREADABLE, Job
from dechrome.batch.outputs import STDOUT
from dechrome.batch.page_outputs import PageFormat, name_outputs
from dechrome.batch.records import Input, InputFormat, PageFile, PageType
from dechrome.batch.results import Task, form_of
from dechrome.batch.writers import OutputFormat, default_format, output_target
from dechrome.cli.inputs import STDIN, check_arguments, find_files_and_roots, find_inputs, is_corpus
from dechrome.cli.inputs import Input as Found
from dechrome.cli.outputs import check_output, is_folder, is_input, page_format_of
from dechrome.cli.summary import Failures
from dechrome.errors import InputError

LAYOUTS: Final = frozenset(form.value for form in InputFormat if form is not InputFormat.PAGES)
_PAGE_FORMS: Final = frozenset(form.value for form in PageFormat if form is not PageFormat.JSONL)
_RECORD_FORMS: Final = frozenset(form.value for form in OutputFormat)

_FORMS: Final = {InputFormat.JSONL: "jsonl", InputFormat.PARQUET: "parquet", InputFormat.WARC: "wet"}

Find = Callable[..., Iterator[tuple[Found, InputFormat]]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command was told beyond what is done to each record."""

    paths: tuple[str, ...]
    out: str
    options: Options
    form: str | None = None
    layout: str = "auto"
    workers: int = 1
    timeout: float = 60.0
    memory: int | None = None
    restart: bool = False
    keep_dropped: bool = False
    site_memory: bool = False
    engine: str = "local"
    ray_address: str | None = None
    state: str | None = None
    quiet: bool = False
    log_json: bool = False


def is_job(paths: Sequence[str], out: str, form: str | None, layout: str) -> bool:
    """Tell whether this is work for a job: records, or more pages than one into something that is no stream of text."""
    if layout in LAYOUTS or is_remote(out) or any(is_remote(path) or is_corpus(path) for path in paths):
        return True
    if form in _RECORD_FORMS - _PAGE_FORMS - {PageFormat.JSONL}:
        return True
    if is_folder(out):
        return tuple(paths) != (STDIN,)
    if out != STDOUT and (form == PageFormat.JSONL or (form is None and is_corpus(out))):
        return not all(os.path.isfile(path) or path == STDIN for path in paths)
    folders = [path for path in paths if os.path.isdir(path)]
    return any(is_corpus(found.name) for path in folders for found in find_inputs([path], corpora=True))


def plan_job(settings: Settings, folder: Path, failures: Failures, *, one_file: bool) -> Job:
    """Find the inputs, and say what becomes of them; what cannot be searched is added to ``failures``.

    Raises:
        InputError: there is nothing to read, or no such output can be made of it; the message says why.
    """
    paths, out = settings.paths, settings.out
    if out == STDOUT and settings.keep_dropped and not settings.state:
        raise InputError("--keep-dropped needs a place: --out, or --state FOLDER")
    check_arguments(paths, corpora=True)
    skipped = None if one_file or is_remote(out) else Path(out).resolve()
    if one_file and out != STDOUT and not is_remote(out):
        check_output(Path(out), paths)
    elif skipped in find_files_and_roots(paths)[1]:
        raise InputError(f"--out {out} is the folder of the input: choose another one")
    elif is_remote(out) and out.rstrip("/") in [path.rstrip("/") for path in paths]:
        raise InputError(f"--out {out} is the input: choose another place")
    task = _task(settings, one_file=one_file)
    find = partial(_find, paths, skipped, settings.layout, f"{out.rstrip('/')}/" if is_remote(out) else "")
    found = find(on_error=lambda error: failures.append((str(error.filename), error.strerror or "")))
    inputs = _list_inputs(found, task, Path(out if out != STDOUT else "stdout").name if one_file else None)
    if settings.options.labels and any(form_of(source, task) is OutputFormat.WET for source in inputs):
        raise InputError("WET has no place for labels: --format jsonl or parquet")
    if any(source.form is InputFormat.PAGES for source in inputs) and STDIN in paths:
        raise InputError("a page on standard input stands alone: no other inputs beside it")
    if not inputs:
        raise InputError(f"{' '.join(paths)}: nothing to read outside of --out")
    _refuse_to_overwrite(inputs, out, one_file=one_file)
    if one_file and task.form is None:
        task = replace(task, form=_common_form(inputs, out))
    taken = frozenset(source.target for source in inputs)
    return Job(
        inputs, out, task, folder, partial(_list_pages, find, paths, out, task, taken), one_file, settings.site_memory,
        settings.workers, settings.timeout, settings.memory,
        resumable=out != STDOUT and not any(path == STDIN or is_pipe(path) for path in paths),
    )  # fmt: skip


def _refuse_to_overwrite(inputs: Sequence[Input], out: str, *, one_file: bool) -> None:
    """Raise ``InputError`` where an output would take the place of an input."""
    places = {_locate(source.address): source.address for source in inputs}
    for source in inputs:
        target = out if one_file else f"{out.rstrip('/')}/{source.target}"
        if out != STDOUT and (address := places.get(_locate(target))):
            raise InputError(f"--out {out} would write over the input {address}: choose another place")


def _locate(address: str) -> str:
    return address if address == STDIN or is_remote(address) else os.path.realpath(address)


def _common_form(inputs: Sequence[Input], out: str) -> OutputFormat:
    """Return how inputs are written into one file whose name does not say: as they are, if that goes together."""
    forms = {default_format(source.form) for source in inputs}
    form = forms.pop() if len(forms) == 1 else OutputFormat.JSONL
    return OutputFormat.JSONL if form is OutputFormat.PARQUET and out == STDOUT else form


def _task(settings: Settings, *, one_file: bool) -> Task:
    """Say how pages and records are written."""
    name, options = settings.form, settings.options
    if name is None and one_file and settings.out != STDOUT:
        layout = format_of(settings.out)
        name = _FORMS[layout] if layout else page_format_of(settings.out).value
    if name == PageFormat.MARKDOWN:
        options = replace(options, markdown=True)
    if one_file and name == PageFormat.MARKDOWN:
        name = OutputFormat.TEXT.value
    if one_file and name == PageFormat.HTML:
        raise InputError("HTML is written page by page: --out FOLDER")
    if settings.out == STDOUT and name == OutputFormat.PARQUET:
        raise InputError("Parquet cannot be written to standard output: --out FILE.parquet")
    if name == OutputFormat.DOLMA and (one_file or options.min_quality or options.min_chars):
        raise InputError("dolma writes a folder with attributes for every document: --out FOLDER, and nothing dropped")
    page_form: PageFormat | None = PageFormat.MARKDOWN if options.markdown else PageFormat.TEXT
    if one_file:
        page_form = None
    elif name in _PAGE_FORMS:
        page_form = PageFormat(name)
    elif name is not None:
        page_form = None
    form = OutputFormat(name) if name in _RECORD_FORMS else None
    page_type = PageType(settings.layout) if settings.layout not in LAYOUTS else PageType.AUTO
    return Task(options, form, page_form, page_type, settings.keep_dropped)


def _find(
    paths: Sequence[str], skipped: Path | None, layout: str, out: str,
    on_error: Callable[[OSError], object] | None = None,
) -> Iterator[tuple[Found, InputFormat]]:  # fmt: skip
    """Yield the files that arguments name, each with its layout, but not those of the remote folder ``out``."""
    fixed = InputFormat(layout) if layout in LAYOUTS else None
    for found in find_inputs(paths, skipped, on_error, corpora=True):
        if out and found.name.startswith(out):
            continue
        yield found, fixed or format_of(found.name) or InputFormat.PAGES


def _list_inputs(found: Iterator[tuple[Found, InputFormat]], task: Task, name: str | None) -> tuple[Input, ...]:
    """Return the corpus files and, first, one input for all page files, each with its output: ``name``, or its own."""
    corpora: list[Input] = []
    taken: set[str] = set()
    size = pages_found = 0
    digest = hashlib.sha256()
    for file, form in found:
        address = STDIN if file.path is None and not is_remote(file.name) else file.name
        try:
            length, stamp = stat(address)
        except (OSError, InputError):
            length, stamp = 0, UNREADABLE  # the reader says so
        if form is InputFormat.PAGES:
            size, pages_found = size + length, pages_found + 1
            digest.update(f"{address}\0{length}\0{stamp}\n".encode("utf-8", "surrogateescape"))
        else:
            source = Input(address, form, file.target.as_posix(), length, stamp)
            corpora.append(replace(source, target=name or _name_output(source, task, taken)))
    if not pages_found:
        return tuple(corpora)
    pages = Input("pages", InputFormat.PAGES, "pages", size, digest.hexdigest(), pages_found)
    return (replace(pages, target=name or _name_output(pages, task, taken)), *corpora)


def _name_output(source: Input, task: Task, taken: set[str]) -> str:
    """Return the name of an input's output: its own with the suffix of the output's format, unless that is taken."""
    target = next(name for name in _name_targets(source.target, form_of(source, task)) if name not in taken)
    taken.add(target)
    return target


def _name_targets(target: str, form: OutputFormat) -> Iterator[str]:
    """Yield names for the output of the input that came as ``target``, the best first.

    >>> from itertools import islice
    >>> list(islice(_name_targets("a/b.parquet", OutputFormat.JSONL), 3))
    ['a/b.jsonl', 'a/b.parquet.jsonl', 'a/b-2.jsonl']
    >>> list(islice(_name_targets("b.jsonl.gz", OutputFormat.JSONL), 2))
    ['b.jsonl.gz', 'b-2.jsonl.gz']
    """
    first = output_target(form, target)
    stem = split_suffix(first)[0]
    suffix = first[len(stem) :]
    yield first
    source = PurePosixPath(target).name
    if not source.endswith(suffix):
        yield f"{first[: len(first) - len(PurePosixPath(first).name)]}{source}{suffix}"
    for number in count(2):
        yield f"{stem}-{number}{suffix}"


def _list_pages(find: Find, paths: Sequence[str], out: str, task: Task, reserved: frozenset[str]) -> Iterator[PageFile]:
    """Yield the page files, each with the name of its output, none of ``reserved``: the same ones every time."""
    files, roots = find_files_and_roots(paths)
    folder = Path(out)
    # a folder inside the one that is read is left out when that is searched
    roots = [] if is_remote(out) else [root for root in roots if root not in folder.resolve().parents]
    taken = set(reserved)

    def is_free(name: str) -> bool:
        path = folder / name
        return name not in taken and (is_remote(out) or not (os.path.exists(path) and is_input(path, files, roots)))

    for file, form in find():
        if form is InputFormat.PAGES:
            target = file.target.as_posix()
            if task.page_form is not None:
                target = next(filter(is_free, name_outputs(target, task.page_form)))
                taken.add(target)
            yield PageFile(file.name, target)
