"""How far to follow what was learned from the user's pages: cross-validation over sites, theirs and the base sample's.

One fold of sites after the other is left out: of the user's pages, which say what is gained on sites not seen, and of
the base sample, whose pages say what is lost on pages that the retrained network was not held to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from dechrome.adapting import adapt_model, group_shares, measure_shares, model_for, move_network
from dechrome.artefact import Model, Network
from dechrome.context import FloatArray
from dechrome.inference import predict_proba, standardise
from dechrome_training.corpus import assign_folds
from dechrome_training.fit import steady
from dechrome_training.gates import fit_gate
from dechrome_training.retraining.gating import REGULARISATION, add_round, average_pages, starting_network
from dechrome_training.retraining.rows import HEADS_OF_LABELS, PageRows
from dechrome_training.retraining.warm import Rows, answers, learn, one_hot
from dechrome_training.samples import UNKNOWN
from dechrome_training.weights import block_weights

FOLDS: Final = 4
BLENDS: Final = (1.0, 0.75, 0.5, 0.25)  # how far to follow, farthest first
MOST_LOSS: Final = 0.003  # word F1 that may be lost on pages of other kinds
_JOBS: Final = 2


class Task(NamedTuple):
    """What a network learns: the target of each block of a page (-1: none), and how well probabilities do on it.

    ``concerns`` says which blocks the network is asked about. ``score`` returns nan for a page that nothing can be
    measured by.
    """

    targets: Callable[[PageRows], NDArray[np.int8]]
    concerns: Callable[[PageRows], NDArray[np.bool_]]
    score: Callable[[PageRows, FloatArray], float]


class Learned(NamedTuple):
    """A network where it began to learn, and where it ended."""

    start: Network
    end: Network


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a cross-validation found for one network.

    ``probabilities`` are those of models that have not seen the page's site, for each page of the user, by how far they
    went (0: the old model); ``scores`` follow from them; ``lost`` is what is lost on pages of the base sample.
    """

    probabilities: dict[float, list[FloatArray]]
    scores: dict[float, NDArray[np.float64]]
    lost: dict[float, float]

    def choices(self) -> list[float]:
        """Return how far to go, farthest first: where little is lost, and the user's other sites gain."""
        return [
            blend
            for blend in sorted(self.lost, reverse=True)
            if self.lost[blend] <= MOST_LOSS and mean_of(self.scores[blend] - self.scores[0.0]) > 0
        ]


def site_folds(groups: Sequence[str]) -> list[int]:
    """Return a fold for every page, by site; page by page where all are of one site."""
    names = list(groups) if len(set(groups)) > 1 else [f"{number}" for number in range(len(groups))]
    return assign_folds(names, [1.0] * len(names), min(FOLDS, len(set(names))))


def predict_pages(model: Model, name: str, pages: Sequence[PageRows]) -> list[FloatArray]:
    """Return the probabilities of a final network for the blocks of pages, each with the weights that are its own."""
    shares = [measure_shares(model, page.head, page.inputs, page.lengths) for page in pages]
    found: dict[int, FloatArray] = {}
    for share, numbers in group_shares(shares):
        joined = predict_proba(
            adapt_model(model, share).heads[name], np.concatenate([pages[n].inputs for n in numbers])
        )
        ends = np.cumsum([len(pages[n].inputs) for n in numbers])
        found.update(zip(numbers, np.split(joined, ends[:-1]), strict=True))
    return [found[number] for number in range(len(pages))]


def score_pages(model: Model, name: str, pages: Sequence[PageRows], task: Task) -> NDArray[np.float64]:
    """Return the score of each page."""
    return np.array(list(map(task.score, pages, predict_pages(model, name, pages))), float)


def held_rows(model: Model, name: str, pages: Sequence[PageRows], task: Task) -> Rows | None:
    """Return rows of pages whose targets are what the model itself says of them: learning these forgets nothing.

    They need no labels (Li and Hoiem, Learning without Forgetting, ECCV 2016).
    """
    network = model.heads[name]
    parts = []
    for page in pages:
        concerned = task.concerns(page)
        if concerned.any():
            adapted = model_for(model, page.head, page.inputs, page.lengths).heads[name]
            standard = standardise(network, page.inputs[concerned])
            all_known = np.zeros(len(concerned), np.float32)
            weights = block_weights(all_known, np.zeros(len(concerned), bool), page.lengths, 1.0)
            parts.append((standard, answers(adapted, standard), weights[concerned]))
    if not parts:
        return None
    standards, targets, weights_of = zip(*parts, strict=True)
    members = tuple(np.concatenate(member) for member in zip(*targets, strict=True))
    return Rows(np.concatenate(standards), members, np.concatenate(weights_of))


def user_rows(model: Model, name: str, pages: Sequence[PageRows], task: Task) -> Rows | None:
    """Return the rows of pages whose target is known."""
    if not pages:
        return None
    network = model.heads[name]
    targets = np.concatenate([task.targets(page) for page in pages])
    weights = np.concatenate([page.weights for page in pages])
    known = np.flatnonzero((targets != UNKNOWN) & (weights > 0))
    if not known.size:
        return None
    inputs = np.concatenate([page.inputs for page in pages])[known]
    return Rows(standardise(network, inputs), one_hot(network, targets[known]), weights[known])


def fit_gates(model: Model, base: Sequence[PageRows], own: Sequence[PageRows]) -> dict[str, Network]:
    """Return the gates of the kinds of pages that the user has."""
    gates = {}
    for head in HEADS_OF_LABELS:
        ours, others = ([page for page in pages if page.head == head] for pages in (own, base))
        if ours:
            means = average_pages(ours)
            others_means = average_pages(others) if others else means[:0]
            gates[head] = fit_gate(model.heads[head], others_means, means, REGULARISATION, balanced=True)
    return gates


def learn_more(
    model: Model, name: str, base: Sequence[PageRows], pages: Sequence[PageRows], task: Task
) -> Learned | None:
    """Let a network go on learning from a user's pages, held to what it says of ``base``; None without known rows."""
    rows = user_rows(model, name, pages, task)
    if rows is None:
        return None
    start = starting_network(model, name, pages)
    return Learned(start, learn(start, held_rows(model, name, base, task), rows))


def follow(
    model: Model, learned: Mapping[str, Learned], blends: Mapping[str, float], gates: Mapping[str, Network]
) -> Model:
    """Return the model with what was learned, followed as far as ``blends`` say."""
    moved = {name: move_network(found.start, found.end, blends[name]) for name, found in learned.items()}
    return add_round(model, {name: network for name, network in moved.items() if blends[name]}, gates)


def search(
    model: Model,
    name: str,
    base: Sequence[PageRows],
    check: Sequence[PageRows],
    pages: Sequence[PageRows],
    folds: Sequence[int],
    task: Task,
) -> Search:
    """Cross-validate how far to go with one network. ``pages`` are the user's, with a fold for each."""
    held = [*base, *check]
    held_folds = [number % FOLDS for number in assign_folds([p.group for p in held], [1.0] * len(held), FOLDS)]
    old, old_held = predict_pages(model, name, pages), score_pages(model, name, held, task)

    def run(fold: int) -> tuple[dict[float, list[FloatArray]], dict[float, NDArray[np.float64]]]:
        inside = [page for page, number in zip(pages, folds, strict=True) if number != fold]
        outside = [page for page, number in zip(pages, folds, strict=True) if number == fold]
        learned_from = [page for page, number in zip(base, held_folds, strict=False) if number != fold]
        tested = [page for page, number in zip(held, held_folds, strict=True) if number == fold]
        learned = learn_more(model, name, learned_from, inside, task)
        gates = fit_gates(model, learned_from, inside) if learned else {}
        found: dict[float, list[FloatArray]] = {}
        scores: dict[float, NDArray[np.float64]] = {}
        for blend in BLENDS:
            candidate = follow(model, {name: learned}, {name: blend}, gates) if learned else model
            found[blend] = predict_pages(candidate, name, outside)
            scores[blend] = score_pages(candidate, name, tested, task)
        return found, scores

    numbers = sorted(set(folds))
    with steady():
        results = Parallel(n_jobs=_JOBS, prefer="threads")(delayed(run)(fold) for fold in numbers)
    probabilities: dict[float, list[FloatArray]] = {0.0: old}
    lost = {0.0: 0.0}
    held_numbers = np.array(held_folds, int)
    for blend in BLENDS:
        by_page = list(old)
        losses = np.full(len(held), np.nan)
        for fold, (found, scores) in zip(numbers, results, strict=True):
            for number, part in zip(np.flatnonzero(np.array(folds) == fold).tolist(), found[blend], strict=True):
                by_page[number] = part
            losses[held_numbers == fold] = old_held[held_numbers == fold] - scores[blend]
        probabilities[blend], lost[blend] = by_page, mean_of(losses)
    scored = {blend: np.array(list(map(task.score, pages, found)), float) for blend, found in probabilities.items()}
    return Search(probabilities, scored, lost)


def mean_of(scores: NDArray[np.float64]) -> float:
    """Return the mean of what is known; 0 where nothing is."""
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else 0.0
