"""Which pages a retrained model treats as the user's: a gate, learned from what pages look like on the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from dechrome.adapting import adapt_model, average_blocks, count_rounds, measure_shares
from dechrome.artefact import MAX_ROUNDS, Model, Network
from dechrome.context import FloatArray
from dechrome.errors import ModelError
from dechrome_training.retraining.rows import PageRows

REGULARISATION: Final = 0.03  # C; 0.003 lets other pages through, and closes no more


def average_pages(pages: Sequence[PageRows]) -> FloatArray:
    """Return the mean inputs of pages, shape (pages, inputs)."""
    return np.concatenate([average_blocks(page.inputs, page.lengths) for page in pages])


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


def starting_network(model: Model, name: str, pages: Sequence[PageRows]) -> Network:
    """Return the weights that a network has on the mean of some pages: where it goes on learning from."""
    shares = [measure_shares(model, page.head, page.inputs, page.lengths) for page in pages]
    return adapt_model(model, tuple(np.mean(shares, axis=0).tolist())).heads[name]
