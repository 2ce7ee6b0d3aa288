"""What the model made of a page; its labelled blocks are made from that when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import KINDS, LABELS
from dechrome.blocks import Document, Kind, Label, LabelledBlock
from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome.xpaths import element_paths

_CONTENT, _IMAGE, _CHROME = LABELS  # to look a member up in its class takes longer than all else of a block
_CHROME_NUMBER: Final = LABELS.index(Label.CHROME)
_CLASSES: Final = tuple(name.value for name in (*LABELS, *KINDS))


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """A page with a label for each of its blocks.

    ``labels`` has the number of each label, shape (blocks,), ``probabilities`` those of all labels, shape (blocks,
    labels). ``judge_kinds`` returns the probabilities of kinds, shape (numbers, kinds), for numbers of blocks.
    """

    document: Document
    labels: NDArray[np.int8]
    probabilities: FloatArray
    judge_kinds: Callable[[IntArray], FloatArray]


class ClassCount(NamedTuple):
    """How many blocks and characters a class has on a page, and the text of its first block."""

    blocks: int
    characters: int
    first: str


def count_classes(verdict: Verdict) -> dict[str, ClassCount]:
    """Count the blocks of each class: the labels content and image, and the kinds of chrome."""
    blocks, classes = verdict.document.blocks, verdict.labels.astype(np.intp)
    chrome = np.flatnonzero(classes == _CHROME_NUMBER)
    if chrome.size:
        classes[chrome] = len(LABELS) + verdict.judge_kinds(chrome).argmax(axis=1)
    lengths = np.fromiter(map(len, map(itemgetter(0), blocks)), np.intp, classes.size)
    counts, characters = np.bincount(classes).tolist(), np.bincount(classes, lengths).astype(np.intp).tolist()
    first = np.zeros(len(_CLASSES), np.intp)
    first[classes[::-1]] = np.arange(classes.size)[::-1]  # of several values for one place, the last counts
    return {
        _CLASSES[number]: ClassCount(count, characters[number], blocks[first[number]].text)
        for number, count in enumerate(counts)
        if count
    }


def find_kept(verdict: Verdict, keep: frozenset[Label]) -> NDArray[np.bool_]:
    """Tell for each block whether its label is in ``keep``."""
    return np.array([label in keep for label in LABELS]).take(verdict.labels)


def make_blocks(verdict: Verdict, keep: frozenset[Label]) -> list[LabelledBlock]:
    """Return the labelled blocks whose label is in ``keep``."""
    kept = np.flatnonzero(find_kept(verdict, keep))
    labels, probabilities = verdict.labels.take(kept), verdict.probabilities.take(kept, axis=0)
    blocks = [verdict.document.blocks[number] for number in kept.tolist()]
    kinds, sure = _name_kinds(verdict, kept)
    rows = zip(
        blocks,
        labels.tolist(),
        kinds,
        probabilities[np.arange(kept.size), labels].tolist(),
        probabilities.tolist(),
        sure,
        element_paths(verdict.document.tree, [block.element for block in blocks]),
        strict=True,
    )
    return [
        LabelledBlock(
            block.text,
            LABELS[number],
            kind,
            confidence,
            {_CONTENT: content, _IMAGE: image, _CHROME: chrome},
            kind_confidence,
            path,
            block.start,
            block.end,
            block.spans,
        )
        for block, number, kind, confidence, (content, image, chrome), kind_confidence, path in rows
    ]


def _name_kinds(verdict: Verdict, kept: IntArray) -> tuple[list[Kind | None], list[float | None]]:
    """Return the kind of each of some blocks, and its probability; None for all but chrome."""
    kinds: list[Kind | None] = [None] * kept.size
    sure: list[float | None] = [None] * kept.size
    chrome = np.flatnonzero(verdict.labels.take(kept) == _CHROME_NUMBER)
    if chrome.size:
        found = verdict.judge_kinds(kept.take(chrome))
        for place, number, probability in zip(
            chrome.tolist(), found.argmax(axis=1).tolist(), found.max(axis=1).tolist(), strict=True
        ):
            kinds[place], sure[place] = KINDS[number], probability
    return kinds, sure
