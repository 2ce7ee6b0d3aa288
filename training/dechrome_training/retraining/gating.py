"""Which pages a retrained model treats as the user's: a gate, learned from what pages look like on the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from dechrome.adapting import average_blocks, count_rounds
from dechrome.artefact import MAX_ROUNDS, Model, Network
from dechrome.context import FloatArray
from dechrome.errors import ModelError
from dechrome.inference import standardise
from dechrome_training.retraining.rows import PageRows

REGULARISATION: Final = 0.03  # C; 0.003 lets other pages through, and closes no more


def average_pages(pages: Sequence[PageRows]) -> FloatArray:
    """Return the mean inputs of pages, shape (pages, inputs)."""
    return np.stack([average_blocks(page.inputs, page.lengths) for page in pages])


def fit_gate(network: Network, base: FloatArray, own: FloatArray) -> Network:
    """Return a network of one layer that tells the user's pages (its second class) from those of the base sample.

    ``base`` and ``own`` are mean inputs of pages; both sides have the same weight. ``network`` has the scale of inputs.
    Without a base sample every page is the user's.
    """
    slopes, offset = np.zeros(own.shape[1], np.float32), np.float32(9)
    if len(base):
        standard = np.concatenate([standardise(network, part) for part in (base, own)])
        is_own = np.repeat((0, 1), (len(base), len(own)))
        weights = np.where(is_own == 1, len(base) / len(own), 1.0)
        fitted = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(standard, is_own, sample_weight=weights)
        slopes, offset = fitted.coef_[0].astype(np.float32), np.float32(fitted.intercept_[0])
    sides = np.array((-0.5, 0.5), np.float32)
    layer = slopes[:, None] * sides, offset * sides
    return Network(network.mean, network.scale, ((layer,),))


def add_round(model: Model, networks: Mapping[str, Network], gates: Mapping[str, Network]) -> Model:
    """Return the model with networks of another retraining, and the gates that lead to them.

    Raises:
        ModelError: it has been retrained too often.
    """
    number = count_rounds(model) + 1
    if number > MAX_ROUNDS:
        raise ModelError(f"the model has been retrained {MAX_ROUNDS} times; start from the shipped one, on all labels")
    added = {
        **{f"{name}_own{number}": network for name, network in networks.items()},
        **{f"{head}_gate{number}": gate for head, gate in gates.items()},
    }
    return replace(model, heads={**model.heads, **added})


def latest(model: Model, name: str) -> Network:
    """Return the network that the last retraining left."""
    rounds = range(count_rounds(model), 0, -1)
    return next((model.heads[own] for n in rounds if (own := f"{name}_own{n}") in model.heads), model.heads[name])
