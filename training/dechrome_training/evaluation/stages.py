"""Where dechrome's time goes: CPU time per page of every stage, and of the start."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from dechrome import labelling
from dechrome.artefact import Model
from dechrome.bounds import check_encoded
from dechrome.encoding import decode_page
from dechrome.errors import DataError
from dechrome.features import extract_features
from dechrome.html_blocks import split_html
from dechrome.inference import final_inputs, predict_proba
from dechrome_training.evaluation.tables import Table

Result = TypeVar("Result")
_STARTS: Final = 3  # processes started; the median counts
_START: Final = """
import sys, time
data = sys.stdin.buffer.read()
begun = time.process_time()
import dechrome
imported = time.process_time()
dechrome.label_html(data).text
print(begun, imported - begun, time.process_time() - imported)
"""


class Stages(NamedTuple):
    """CPU time of one HTML page, in milliseconds.

    ``labels`` is from bytes to a page whose labels are chosen, and measured apart from the stages up to ``choice``.
    ``text`` joins what remains; ``blocks`` makes the labelled blocks, with their kinds and XPaths, for whoever looks at
    them. ``total`` is bytes to labelled blocks.
    """

    decode: float
    bounds: float
    parse: float
    walk: float
    features: float
    inputs: float
    inference: float
    choice: float
    labels: float
    text: float
    blocks: float
    total: float


def profile_tables(pages: Iterable[bytes], model: Model | None, folder: Path | None) -> list[Table]:
    """Return the tables of stages and of the start; ``folder`` is where the model came from."""
    remaining = iter(pages)
    first = next(remaining)
    return [stage_table(profile_pages(chain([first], remaining), model)), start_table(first, folder)]


def profile_pages(pages: Iterable[bytes], model: Model | None) -> list[Stages]:
    """Measure every page, the first one after two rounds to warm up.

    Bounds and parse are run once more by themselves; walk is what cutting into blocks takes beyond them, choice what
    labelling takes beyond all stages before it.
    """
    loaded = model or labelling.load_model()
    measured: list[Stages] = []
    for number, data in enumerate(pages):
        for _ in range(3 if number == 0 else 1):
            stages = _measure(data, loaded)
        measured.append(stages)
    return measured


def stage_table(measured: list[Stages]) -> Table:
    """Return mean and 95th percentile of every stage."""
    columns = np.array(measured, np.float64)
    whole = columns[:, Stages._fields.index("total")].mean()
    return Table(
        f"{len(measured):,} HTML pages: CPU ms per page of dechrome, by stage",
        ("stage", "mean", "p95", "share"),
        tuple(
            (name, float(column.mean()), float(np.percentile(column, 95)), float(column.mean() / whole))
            for name, column in zip(Stages._fields, columns.T, strict=True)
        ),
        "labels: bytes to labels; text: joining what remains, after it; blocks: labelled blocks, for whoever looks at\n"
        "them; total: labels and blocks. walk and choice are differences: choice also holds what labels, measured\n"
        "first, pays for memory that the other stages then find warm.",
    )


def start_table(data: bytes, model: Path | None) -> Table:
    """Measure import and first page in processes of their own.

    Raises:
        DataError: such a process failed.
    """
    environment = {**os.environ, **({"DECHROME_MODEL": str(model.resolve())} if model else {})}
    runs = []
    for _ in range(_STARTS):
        run = subprocess.run(
            [sys.executable, "-c", _START], input=data, capture_output=True, env=environment, check=False
        )
        if run.returncode:
            raise DataError(f"the first page failed: {run.stderr.decode(errors='replace').strip()}")
        runs.append([float(value) for value in run.stdout.split()])
    python, imported, page = (statistics.median(column) for column in zip(*runs, strict=True))
    return Table(
        "start: CPU seconds in a new process",
        ("step", "seconds"),
        (
            ("Python itself", python),
            ("import dechrome", imported),
            ("model and first page", page),
            ("import and first page", imported + page),
        ),
        f"Median of {_STARTS} processes.",
    )


def _measure(data: bytes, model: Model) -> Stages:
    page, labels = _time(lambda: labelling.label_html(data, model=model))
    _, text = _time(lambda: page.text)
    _, blocks = _time(lambda: page.blocks)
    decoded, decode = _time(lambda: decode_page(data))
    encoded = data if decoded.is_same else decoded.text.encode("utf-8", "replace")
    refused, bounds = _time(lambda: check_encoded(encoded))
    _, parse = (None, 0.0) if refused else _time(lambda: LexborHTMLParser(encoded).root)
    document, split = _time(lambda: split_html(decoded.text, data=data if decoded.is_same else None))
    features, measure = _time(lambda: extract_features(document))
    inputs, join = _time(lambda: final_inputs(model, "html", [features]))
    _, infer = _time(lambda: predict_proba(model.heads["html"], inputs))
    choice = labels - (decode + split + measure + join + infer)
    walk = split - bounds - parse
    return Stages(
        decode, bounds, parse, walk, measure, join, infer, choice, labels, text, blocks, total=labels + blocks
    )


def _time(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what ``work`` returns, and its CPU time in milliseconds."""
    start = time.process_time()
    result = work()
    return result, (time.process_time() - start) * 1000
