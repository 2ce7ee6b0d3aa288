"""Pages as the final networks see them: what retraining learns from and is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import Model
from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome.inference import final_inputs
from dechrome_training.align import words_of
from dechrome_training.calibration import decide
from dechrome_training.samples import UNKNOWN, Sample, head_of
from dechrome_training.weights import block_weights

HEADS_OF_LABELS: Final = ("html", "text")


@dataclass(frozen=True, slots=True, eq=False)
class PageRows:
    """One page without its text. ``head`` names the network that labels it.

    ``inputs`` are those of the final networks, a row a block; ``shares``, ``images`` and ``kinds`` are as in a
    sample; ``lengths`` are the model's words per block, ``words`` those that scores count; ``weights`` say how much a
    block counts in training. ``gold_words`` is the number of words of the gold text, None if there is none.
    """

    id: str
    group: str
    source: str
    view: str
    language: str | None
    page_type: str | None
    inputs: FloatArray
    shares: FloatArray
    images: NDArray[np.bool_]
    kinds: NDArray[np.int8]
    lengths: IntArray
    words: IntArray
    weights: FloatArray
    gold_words: int | None

    @property
    def head(self) -> str:
        """The network that labels the page: "html" or "text"."""
        return head_of(self.view)

    @property
    def targets(self) -> NDArray[np.int8]:
        """The label of each block: 0 content, 1 image, 2 chrome, -1 not known."""
        return targets_of(self.shares, self.images)


def targets_of(shares: FloatArray, images: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the label of each block by its share of content: 0 content, 1 image, 2 chrome, -1 not known."""
    known = np.where(shares >= 0.5, 0, 2)
    known[np.isnan(shares)] = UNKNOWN
    known[images] = 1
    return known.astype(np.int8)


def measure_rows(model: Model, samples: Sequence[Sample], weight: float = 1.0) -> list[PageRows]:
    """Return the rows of samples that the model's tables and drafts have not seen."""
    return [
        PageRows(
            sample.id,
            sample.group,
            sample.source,
            sample.view,
            sample.language,
            sample.page_type,
            final_inputs(model, head_of(sample.view), [sample.features]),
            sample.shares,
            sample.images,
            sample.kinds,
            sample.features.lengths,
            count_words(sample),
            block_weights(sample.shares, sample.images, sample.features.lengths, weight),
            None if sample.gold is None else len(words_of(sample.gold)),
        )
        for sample in samples
    ]


def count_words(sample: Sample) -> IntArray:
    """Return the words of each block, as scores count them."""
    return np.array([len(words_of(text)) for text in sample.texts], np.int64)


def choose(labels: FloatArray, lengths: IntArray, head: str, settings: Mapping[str, Any]) -> NDArray[np.int8]:
    """Return the number of each block's label, deciding as labelling does; ``labels`` are raw probabilities."""
    return decide(labels, lengths, head, settings)[0]


def word_f1(page: PageRows, labels: NDArray[np.int8]) -> float:
    """Return the word F1 of the blocks labelled content, from shares and numbers of words alone.

    A block's words count as right by its share of content. Two empty texts agree fully.
    """
    kept = labels == 0
    found = float(page.words[kept].sum())
    right = float((np.nan_to_num(page.shares) * page.words)[kept].sum())
    wanted = float(page.gold_words or 0)
    if not found and not wanted:
        return 1.0
    return min(1.0, 2 * right / (found + wanted))
