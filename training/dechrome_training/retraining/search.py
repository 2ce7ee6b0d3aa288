"""How strongly the user's pages count, and how long to train: chosen by cross-validation over the user's sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import predict_proba
from dechrome_training.corpus import assign_folds
from dechrome_training.fit import steady
from dechrome_training.retraining.rows import PageRows
from dechrome_training.retraining.warm import Layers, blend, continue_members, standardise
from dechrome_training.samples import UNKNOWN

FOLDS: Final = 4
SHARES: Final = (0.2, 0.5)  # of the weight of all rows that is the user's
EPOCHS: Final = (1, 2)  # 4 and 8 tried: little more is learned, more is forgotten
BLENDS: Final = (0.5, 0.75, 1.0)  # how far from the old weights to the new ones
TOLERANCE: Final = 0.003  # score that may be lost on the check pages
LEARNING_RATE: Final = 1e-3
ALPHA: Final = 0.1
BATCH: Final = 1024
_DOUBT: Final = 0.02  # the old model's doubts below this are not learned from
_CHECKED_FOLDS: Final = 2  # folds whose networks look at the check pages: losses hardly differ from fold to fold
_JOBS: Final = 2


class Setting(NamedTuple):
    """How a network goes on learning. A blend of 0 leaves it as it is."""

    share: float
    epochs: int
    blend: float


STAY: Final = Setting(0.0, 0, 0.0)


class Task(NamedTuple):
    """What a network learns: the target of each block of a page (-1: none), and how well probabilities do on it.

    ``score`` returns nan for a page that nothing can be measured by.
    """

    targets: Callable[[PageRows], NDArray[np.int8]]
    score: Callable[[PageRows, FloatArray], float]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to learn from: inputs as the network's first layer sees them, targets and weights."""

    standard: FloatArray
    targets: NDArray[np.int8]
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Pages and the inputs of all of them, joined."""

    pages: Sequence[PageRows]
    inputs: FloatArray
    ends: list[int]

    def predict(self, network: Network) -> list[FloatArray]:
        """Return the probabilities of a network for each page."""
        return np.split(predict_proba(network, self.inputs), self.ends[:-1]) if self.pages else []


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a cross-validation found for one network, under each setting.

    ``probabilities`` are those of networks that have not seen the page's site, for each page; ``scores`` follow from
    them, one a page; ``lost`` is what is lost on the check pages; ``folds`` has the fold of each page.
    """

    probabilities: dict[Setting, list[FloatArray]]
    scores: dict[Setting, NDArray[np.float64]]
    lost: dict[Setting, float]
    folds: NDArray[np.int64]

    def best(self, most_blend: float = 1.0) -> tuple[Setting, list[FloatArray]]:
        """Return the best setting that loses little on the check pages, and probabilities for pages not seen.

        These are, for each page, of the setting that is best for the pages of the other folds.
        """
        allowed = [s for s, lost in self.lost.items() if lost <= TOLERANCE and s.blend <= most_blend]
        unseen = [
            self.probabilities[_best(allowed, self.scores, self.folds != fold)][number]
            for number, fold in enumerate(self.folds)
        ]
        return _best(allowed, self.scores, np.ones(self.folds.size, bool)), unseen


def join(pages: Sequence[PageRows]) -> Joined:
    """Join pages, so that a network looks at all of them at once."""
    inputs = np.concatenate([page.inputs for page in pages]) if pages else np.zeros((0, 0), np.float32)
    return Joined(pages, inputs, np.cumsum([len(page.inputs) for page in pages]).tolist())


def learn_rows(network: Network, pages: Sequence[PageRows], task: Task) -> Rows:
    """Return the rows of pages whose target is known."""
    targets = np.concatenate([task.targets(page) for page in pages])
    weights = np.concatenate([page.weights for page in pages])
    known = np.flatnonzero((targets != UNKNOWN) & (weights > 0))
    inputs = np.concatenate([page.inputs for page in pages])[known]
    return Rows(standardise(network, inputs), targets[known], weights[known])


def soften(network: Network, pages: Sequence[PageRows], task: Task) -> Rows:
    """Return rows of pages whose targets are what the network itself says: to learn from these is to forget nothing.

    Each row stands there once for every class that the network thinks possible, and counts by its probability (Li and
    Hoiem, Learning without Forgetting, ECCV 2016). Rows without a target are left out.
    """
    targets = np.concatenate([task.targets(page) for page in pages])
    known = np.flatnonzero(targets != UNKNOWN)
    inputs = np.concatenate([page.inputs for page in pages])[known]
    weights = np.concatenate([page.weights for page in pages])[known]
    likely = predict_proba(network, inputs)
    classes, places = np.nonzero((likely.T > _DOUBT) & (weights > 0))
    return Rows(
        standardise(network, inputs)[places],
        classes.astype(np.int8),
        weights[places] * likely[places, classes],
    )


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
        learning = _learn(network, rows)
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
    network: Network, base: Rows, pages: Sequence[PageRows], folds: Sequence[int], check: Joined, task: Task
) -> Search:
    """Cross-validate all settings of one network, and measure what each loses on the check pages.

    What is lost is counted from the network after as much training on the base sample alone: it has been trained on the
    check pages, too, and any further training wears off what it knows by heart.

    ``pages`` are the user's, ``folds`` one for each.
    """
    numbers = np.asarray(folds)
    controls = _controls(network, base, check, task)

    def run(share: float, fold: int) -> Iterator[tuple[Setting, list[FloatArray], float]]:
        outside = join([page for page, number in zip(pages, folds, strict=True) if number == fold])
        inside = [page for page, number in zip(pages, folds, strict=True) if number != fold]
        user = learn_rows(network, inside, task) if inside else None
        if user is None or not user.targets.size:
            return
        learning = _learn(network, mix(base, user, share))
        for epoch in range(1, max(EPOCHS) + 1):
            members = next(learning)
            for part in BLENDS if epoch in EPOCHS else ():
                candidate = moved(network, members, part)
                loss = np.nan
                if fold < _CHECKED_FOLDS:
                    loss = controls[epoch, part] - mean_score(candidate, check, task)
                yield Setting(share, epoch, part), outside.predict(candidate), loss

    jobs = [(share, fold) for share in SHARES for fold in sorted(set(folds))]
    with steady():
        results = Parallel(n_jobs=_JOBS, prefer="threads")(delayed(lambda *job: list(run(*job)))(*job) for job in jobs)
    by_page = {STAY: dict(enumerate(join(pages).predict(network)))}
    losses: dict[Setting, list[float]] = {STAY: [0.0]}
    for (_, fold), found in zip(jobs, results, strict=True):
        places = np.flatnonzero(numbers == fold).tolist()
        for setting, part, loss in found:
            by_page.setdefault(setting, {}).update(zip(places, part, strict=True))
            losses.setdefault(setting, []).append(loss)
    probabilities = {
        s: [found[n] for n in range(len(pages))] for s, found in by_page.items() if len(found) == len(pages)
    }
    scores = {s: np.array(list(map(task.score, pages, found))) for s, found in probabilities.items()}
    return Search(probabilities, scores, {s: _mean(np.array(losses[s])) for s in probabilities}, numbers)


def _controls(network: Network, base: Rows, check: Joined, task: Task) -> dict[tuple[int, float], float]:
    """Return scores on the check pages after training on the base sample alone, by epochs and blend."""
    if not base.targets.size:
        return dict.fromkeys(((e, b) for e in EPOCHS for b in BLENDS), mean_score(network, check, task))
    with steady():
        learning = _learn(network, base)
        members = {epoch: next(learning) for epoch in range(1, max(EPOCHS) + 1)}
    return {(e, b): mean_score(moved(network, members[e], b), check, task) for e in EPOCHS for b in BLENDS}


def mean_score(network: Network, joined: Joined, task: Task) -> float:
    """Return the mean score of a network on pages; 0 where nothing can be measured."""
    return _mean(np.array(list(map(task.score, joined.pages, joined.predict(network)))))


def _learn(network: Network, rows: Rows) -> Iterator[tuple[Layers, ...]]:
    return continue_members(
        network,
        rows.standard,
        rows.targets,
        rows.weights,
        learning_rate=LEARNING_RATE,
        alpha=ALPHA,
        batch=BATCH,
        seed=0,
    )


def _best(
    allowed: Sequence[Setting], scores: Mapping[Setting, NDArray[np.float64]], pages: NDArray[np.bool_]
) -> Setting:
    """Return the setting with the best mean score over some pages; the gentlest of equals."""
    return max(allowed, key=lambda setting: (round(_mean(scores[setting][pages]), 6), -setting.blend, -setting.share))


def _mean(scores: NDArray[np.float64]) -> float:
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else 0.0
