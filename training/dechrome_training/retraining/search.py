"""How strongly the user's pages count, and how long to train: chosen by cross-validation over the user's sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import predict_proba
from dechrome_training.corpus import assign_folds
from dechrome_training.fit import steady
from dechrome_training.retraining.rows import PageRows, choose, word_f1
from dechrome_training.retraining.warm import Layers, blend, continue_members, standardise
from dechrome_training.samples import UNKNOWN

FOLDS: Final = 5
SHARES: Final = (0.3, 0.6)  # of the weight of all rows that is the user's
EPOCHS: Final = (1, 2, 4)
BLENDS: Final = (0.4, 0.7, 1.0)  # how far from the old weights to the new ones
TOLERANCE: Final = 0.002  # word F1 that may be lost on the check pages while settings are compared
LEARNING_RATE: Final = 1e-3
ALPHA: Final = 0.1
BATCH: Final = 1024
_CHECKED_FOLDS: Final = 2  # folds whose networks look at the check pages: losses hardly differ from fold to fold
_JOBS: Final = 2


class Setting(NamedTuple):
    """How a network goes on learning. A blend of 0 leaves it as it is."""

    share: float
    epochs: int
    blend: float


STAY: Final = Setting(0.0, 0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to learn from: inputs as the network's first layer sees them, targets and weights."""

    standard: FloatArray
    targets: NDArray[np.int8]
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a cross-validation found for one network.

    ``setting`` is the best one. ``probabilities`` holds for each page what a network says of its blocks that has not
    seen the page's site, nor been chosen by it.
    """

    setting: Setting
    probabilities: list[FloatArray]
    trials: dict[Setting, tuple[float, float]]


def learn_rows(network: Network, pages: Sequence[PageRows]) -> Rows:
    """Return the rows of pages whose label is known."""
    targets = np.concatenate([page.targets for page in pages])
    weights = np.concatenate([page.weights for page in pages])
    known = np.flatnonzero((targets != UNKNOWN) & (weights > 0))
    inputs = np.concatenate([page.inputs for page in pages])[known]
    return Rows(standardise(network, inputs), targets[known], weights[known])


def mix(base: Rows, user: Rows, share: float) -> Rows:
    """Put rows together, so that the user's have ``share`` of all weight."""
    if not base.targets.size:
        return user
    factor = share / (1 - share) * base.weights.sum() / max(float(user.weights.sum()), 1e-9)
    return Rows(
        np.concatenate((base.standard, user.standard)),
        np.concatenate((base.targets, user.targets)),
        np.concatenate((base.weights, user.weights * np.float32(factor))),
    )


def fit_on(network: Network, rows: Rows, setting: Setting) -> Network:
    """Return the network after it has gone on learning."""
    if setting.blend == 0:
        return network
    with steady():
        learning = _learn(network, rows, None)
        *_, members = (next(learning) for _ in range(setting.epochs))
    return moved(network, members, setting.blend)


def moved(network: Network, members: Sequence[Layers], share: float) -> Network:
    """Return a network whose weights lie between its own and those of ``members``."""
    pairs = zip(network.members, members, strict=False)
    return Network(network.mean, network.scale, tuple(blend(old, new, share) for old, new in pairs))


def site_folds(groups: Sequence[str]) -> list[int]:
    """Return a fold for every page, by site; page by page where all are of one site."""
    names = list(groups) if len(set(groups)) > 1 else [f"{number}" for number in range(len(groups))]
    return assign_folds(names, [1.0] * len(names), min(FOLDS, len(set(names))))


def search(
    network: Network,
    base: Rows,
    pages: Sequence[PageRows],
    folds: Sequence[int],
    check: Sequence[PageRows],
    settings: Mapping[str, Any],
    scored: Callable[[PageRows], bool],
) -> Search:
    """Cross-validate all settings of one network and choose the best that loses little on the check pages.

    ``pages`` are the user's, ``folds`` one for each; ``scored`` says which of them are measured by.
    """
    numbers = np.asarray(folds)
    jobs = [(share, fold) for share in SHARES for fold in sorted(set(folds))]
    old_check = _mean_f1(network, check, settings)

    def run(share: float, fold: int) -> dict[Setting, tuple[list[FloatArray], float]]:
        outside = [page for page, number in zip(pages, folds, strict=True) if number == fold]
        inside = [page for page, number in zip(pages, folds, strict=True) if number != fold]
        if not inside:
            return {}
        rows = mix(base, learn_rows(network, inside), share)
        found: dict[Setting, tuple[list[FloatArray], float]] = {}
        learning = _learn(network, rows, 1)
        for epoch in range(1, max(EPOCHS) + 1):
            members = next(learning)
            if epoch not in EPOCHS:
                continue
            for part in BLENDS:
                candidate = moved(network, members, part)
                loss = np.nan
                if fold < _CHECKED_FOLDS and check:
                    loss = old_check - _mean_f1(candidate, check, settings)
                probabilities = [predict_proba(candidate, page.inputs) for page in outside]
                found[Setting(share, epoch, part)] = probabilities, loss
        return found

    with steady():
        results = Parallel(n_jobs=_JOBS, prefer="threads")(delayed(run)(*job) for job in jobs)
    probabilities: dict[Setting, dict[int, FloatArray]] = {}
    losses: dict[Setting, list[float]] = {}
    for (_, fold), found in zip(jobs, results, strict=True):
        for setting, (part, loss) in found.items():
            places = np.flatnonzero(numbers == fold).tolist()
            probabilities.setdefault(setting, {}).update(zip(places, part, strict=True))
            losses.setdefault(setting, []).append(loss)
    stay = {number: predict_proba(network, page.inputs) for number, page in enumerate(pages)}
    probabilities[STAY], losses[STAY] = stay, [0.0]
    scores = {
        setting: _page_scores(pages, found, settings, scored)
        for setting, found in probabilities.items()
        if len(found) == len(pages)
    }
    mean_losses = {setting: float(np.nanmean(losses[setting])) if check else 0.0 for setting in scores}
    allowed = [setting for setting in scores if mean_losses[setting] <= TOLERANCE]
    chosen = _best(allowed, scores, np.ones(len(pages), bool))
    honest: list[FloatArray] = []
    for number, fold in enumerate(folds):
        honest.append(probabilities[_best(allowed, scores, numbers != fold)][number])
    trials = {setting: (float(np.nanmean(scores[setting])), mean_losses[setting]) for setting in scores}
    return Search(chosen, honest, trials)


def _learn(network: Network, rows: Rows, members: int | None) -> Any:
    return continue_members(
        network,
        rows.standard,
        rows.targets,
        rows.weights,
        learning_rate=LEARNING_RATE,
        alpha=ALPHA,
        batch=BATCH,
        seed=0,
        members=members,
    )


def _best(allowed: Sequence[Setting], scores: Mapping[Setting, FloatArray], pages: NDArray[np.bool_]) -> Setting:
    """Return the setting with the best mean score over some pages; the gentlest of equals."""

    def rank(setting: Setting) -> tuple[float, float]:
        known = scores[setting][pages]
        known = known[~np.isnan(known)]
        return (round(float(known.mean()), 6) if known.size else 0.0, -setting.blend)

    return max(allowed, key=rank)


def _page_scores(
    pages: Sequence[PageRows],
    found: Mapping[int, FloatArray],
    settings: Mapping[str, Any],
    scored: Callable[[PageRows], bool],
) -> FloatArray:
    return np.array(
        [
            word_f1(page, choose(found[number], page.lengths, page.head, settings)) if scored(page) else np.nan
            for number, page in enumerate(pages)
        ],
        np.float32,
    )


def _mean_f1(network: Network, pages: Sequence[PageRows], settings: Mapping[str, Any]) -> float:
    scores = [
        word_f1(page, choose(predict_proba(network, page.inputs), page.lengths, page.head, settings)) for page in pages
    ]
    return float(np.mean(scores)) if scores else 0.0
