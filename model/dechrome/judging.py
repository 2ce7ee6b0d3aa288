"""Documents -> what the model makes of their blocks: probabilities of labels, and what judges their kinds.

Pages of one kind share matrix products; endless ones are looked at in windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import accumulate, groupby, pairwise
from typing import Final, NamedTuple

import numpy as np

from dechrome.adapting import adapt_model, group_shares, has_gate, measure_shares_of_pages
from dechrome.artefact import KINDS, LABELS, Model
from dechrome.blocks import Document
from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome.features import extract_features, extract_text_features, join_features
from dechrome.inference import calibrate, final_inputs, predict_proba

BATCH_BLOCKS: Final = 512  # blocks that share one matrix product; 128 to 4096 tried: more leave the CPU cache
MAX_WINDOW: Final = 20_000  # blocks of one page that are looked at together; bounds memory on endless pages
MAX_KEPT: Final = 4_096  # blocks of one page whose inputs are kept until somebody asks for their kinds
SHORT: Final = 32  # blocks of a page, on average, below which the kinds of a whole batch share one product


class Judged(NamedTuple):
    """A run of blocks: calibrated probabilities of labels, what judges their kinds, and their numbers of words."""

    labels: FloatArray
    kinds: Callable[[IntArray], FloatArray]
    lengths: IntArray


_NO_KINDS: Final = np.zeros((0, len(KINDS)), np.float32)
_NOTHING: Final = Judged(np.zeros((0, len(LABELS)), np.float32), lambda _: _NO_KINDS, np.zeros(0, np.int64))


def judge_documents(model: Model, documents: Sequence[Document]) -> list[Judged]:
    """Judge pages together: one matrix product per network and batch."""
    judged: list[list[Judged]] = [[] for _ in documents]
    parts = [(index, part) for index, document in enumerate(documents) for part in cut_windows(document)]
    for batch in _batches(parts):
        for (index, _), found in zip(batch, _judge(model, [part for _, part in batch]), strict=True):
            judged[index].append(found)
    return [_join(runs) for runs in judged]


def head_of(document: Document) -> str:
    """Return the name of the network that labels a page: "html" or "text"."""
    return "text" if document.is_text else "html"


def cut_windows(document: Document) -> list[Document]:
    """Cut an endless page into parts that are looked at one by one; an empty one has none."""
    blocks = document.blocks
    if not blocks:
        return []
    if len(blocks) <= MAX_WINDOW:
        return [document]
    return [replace(document, blocks=blocks[start : start + MAX_WINDOW]) for start in range(0, len(blocks), MAX_WINDOW)]


def _batches(parts: Iterable[tuple[int, Document]]) -> Iterator[list[tuple[int, Document]]]:
    """Yield runs of parts of one kind, of about ``BATCH_BLOCKS`` blocks."""
    for _, run in groupby(parts, lambda item: head_of(item[1])):
        batch: list[tuple[int, Document]] = []
        blocks = 0
        for item in run:
            batch.append(item)
            blocks += len(item[1].blocks)
            if blocks >= BATCH_BLOCKS:
                yield batch
                batch, blocks = [], 0
        if batch:
            yield batch


def _judge(model: Model, parts: Sequence[Document]) -> list[Judged]:
    """Judge parts of pages of one kind together."""
    head = head_of(parts[0])
    features = (
        join_features([extract_features(part) for part in parts]) if head == "html" else extract_text_features(parts)
    )
    inputs, lengths = final_inputs(model, head, [features]), features.lengths
    runs = _runs([len(part.blocks) for part in parts])
    if not has_gate(model, head):
        return _judge_inputs(model, head, inputs, lengths, runs)
    groups = group_shares(measure_shares_of_pages(model, head, inputs, lengths, [run.start for run in runs]))
    if len(groups) == 1:
        return _judge_inputs(adapt_model(model, groups[0][0]), head, inputs, lengths, runs)
    judged: dict[int, Judged] = {}
    for shares, numbers in groups:
        own, own_lengths = (np.concatenate([array[runs[n]] for n in numbers]) for array in (inputs, lengths))
        own_runs = _runs([runs[n].stop - runs[n].start for n in numbers])
        found = _judge_inputs(adapt_model(model, shares), head, own, own_lengths, own_runs)
        judged.update(zip(numbers, found, strict=True))
    return [judged[number] for number in range(len(runs))]


def _runs(sizes: Sequence[int]) -> list[slice]:
    return [slice(start, end) for start, end in pairwise([0, *accumulate(sizes)])]


def _judge_inputs(
    model: Model, head: str, inputs: FloatArray, lengths: IntArray, runs: Sequence[slice]
) -> list[Judged]:
    """Judge pages that get the same weights; each of ``runs`` has the rows of one of them."""
    labels = calibrate(predict_proba(model.heads[head], inputs), model.settings["calibration"][head])
    if len(inputs) <= SHORT * len(runs):
        kinds = _judge_kinds_together(model, inputs, runs)
    else:
        kinds = [_judge_kinds(model, inputs, run) for run in runs]
    return [Judged(labels[run], kind, lengths[run]) for run, kind in zip(runs, kinds, strict=True)]


def _judge_kinds_together(
    model: Model, inputs: FloatArray, runs: Sequence[slice]
) -> list[Callable[[IntArray], FloatArray]]:
    """Return what judges the kinds of each run's blocks: those of all runs at once, when the first is asked for."""

    @cache
    def judge_all() -> FloatArray:
        return predict_proba(model.heads["kind"], inputs)

    def judge(start: int, numbers: IntArray) -> FloatArray:
        return judge_all().take(numbers + start, axis=0)

    return [partial(judge, run.start) for run in runs]


def _judge_kinds(model: Model, inputs: FloatArray, run: slice) -> Callable[[IntArray], FloatArray]:
    """Return what judges the kinds of a run's blocks, by their numbers: later, if they are few enough to keep."""
    network = model.heads["kind"]
    if run.stop - run.start <= MAX_KEPT:  # all inputs lie in one piece: those of the run alone would be copied first
        return lambda numbers: predict_proba(network, inputs.T.take(numbers + run.start, axis=1).T)
    kinds = predict_proba(network, inputs[run])
    return lambda numbers: kinds.take(numbers, axis=0)


def _join(runs: Sequence[Judged]) -> Judged:
    """Join the runs of one page."""
    if not runs:
        return _NOTHING
    if len(runs) == 1:
        return runs[0]
    kinds = np.concatenate([run.kinds(np.arange(len(run.labels))) for run in runs])
    labels, lengths = (np.concatenate([getattr(run, name) for run in runs]) for name in ("labels", "lengths"))
    return Judged(labels, lambda numbers: kinds.take(numbers, axis=0), lengths)
