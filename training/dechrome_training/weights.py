"""How much each block counts in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome_training.recipe import Recipe
from dechrome_training.samples import Sample

_FULL: Final = 30  # known blocks from which on all pages count alike
_SCALE: Final = 15.0  # of all weights: what the regularisation of the tables of words is relative to


def block_weights(shares: FloatArray, images: NDArray[np.bool_], lengths: IntArray, weight: float) -> FloatArray:
    """Return the weight of each block in training: by its length and by how clear its label is; 0 if not known.

    A page counts by the root of its number of known blocks up to 30, so that neither long listings nor long threads
    drown the articles.
    """
    shares = np.where(images, 0.0, shares)
    raw = (lengths + 2.0) ** 0.75 * (0.3 + 1.4 * np.abs(shares - 0.5))
    raw[np.isnan(raw)] = 0.0
    total = raw.sum()
    known = int((raw > 0).sum())
    scaled: FloatArray = (raw / total * np.sqrt(min(known, _FULL)) * _SCALE * weight if total > 0 else raw).astype(
        np.float32
    )
    return scaled


def sample_weights(samples: Sequence[Sample], recipe: Recipe) -> list[FloatArray]:
    """Return the weights of every sample's blocks under the recipe's weights for sets and views."""
    return [
        block_weights(s.shares, s.images, s.features.lengths, page_weight(s.source, s.view, recipe)) for s in samples
    ]


def page_weight(source: str, view: str, recipe: Recipe) -> float:
    """Return the weight of a page of a set, written in one of the views."""
    return recipe.sets.get(source, 1.0) * recipe.views[view]
