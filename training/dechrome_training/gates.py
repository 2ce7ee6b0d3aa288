"""Gates: which pages get the weights that were learned from pages of one sort, by what they are on the whole."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import standardise


def fit_gate(
    network: Network, others: FloatArray, own: FloatArray, regularisation: float, *, balanced: bool
) -> Network:
    """Return a network of one layer that tells pages of one sort (its second class) from the others.

    ``others`` and ``own`` are mean inputs of pages, shape (pages, inputs), as ``average_blocks`` makes them;
    ``network`` has the scale of the inputs, ``regularisation`` is C. ``balanced`` gives both sides the same weight.
    Without others, every page is of the sort.
    """
    slopes, offset = np.zeros(own.shape[1], np.float32), np.float32(9)
    if len(others):
        standard = np.concatenate([standardise(network, part) for part in (others, own)])
        is_own = np.repeat((0, 1), (len(others), len(own)))
        weights = np.where(is_own == 1, len(others) / len(own) if balanced else 1.0, 1.0)
        fitted = LogisticRegression(C=regularisation, max_iter=1000).fit(standard, is_own, sample_weight=weights)
        slopes, offset = fitted.coef_[0].astype(np.float32), np.float32(fitted.intercept_[0])
    sides = np.array((-0.5, 0.5), np.float32)
    layer = slopes[:, None] * sides, offset * sides
    return Network(network.mean, network.scale, ((layer,),))
