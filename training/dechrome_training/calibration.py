"""What turns raw probabilities into promises and choices: calibration, balance and presets, the meaning of quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from dechrome.characters import IntArray
from dechrome.choosing import choose_labels
from dechrome.context import FloatArray
from dechrome.inference import calibrate
from dechrome_training.choices import Choosable, choose_content, number_words, word_rates
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, head_of

if TYPE_CHECKING:
    from dechrome_training.fit import Prediction

Knots = tuple[list[float], list[float]]
_KNOTS: Final = 41
_STEP: Final = 0.25  # logits
_SHIFTS: Final = 60  # steps that presets go from the balance, at most
MOST_BALANCE: Final = 8  # steps
_MAX_LOSS: Final = 0.15  # of word F1, for the sake of precision or recall
_STRAIGHT: Final[Knots] = ([0.0, 1.0], [0.0, 1.0])


def identity() -> dict[str, Any]:
    """Return settings that leave probabilities, and the ends of blocks, as they are."""
    return {
        "calibration": dict.fromkeys(("html", "text"), _STRAIGHT),
        "quality": dict.fromkeys(("html", "text"), _STRAIGHT),
        "favor": {head: {"precision": 1.0, "balanced": 0.0, "recall": -1.0} for head in ("html", "text")},
        "tail_threshold": 1.0,
    }


def decide(
    labels: FloatArray, lengths: IntArray, head: str, settings: Mapping[str, Any]
) -> tuple[NDArray[np.int8], float, FloatArray]:
    """Decide on the blocks of a page from raw probabilities, as labelling does under a model's settings.

    Returns the number of each block's label, the expected word F1, and the calibrated probabilities.
    """
    probabilities = calibrate(labels, settings["calibration"][head])
    chosen, expected = choose_labels(probabilities, lengths, shift=settings["favor"][head]["balanced"])
    return chosen, expected, probabilities


def measure_calibration(predictions: Sequence[Prediction], recipe: Recipe) -> dict[str, Any]:
    """Measure, for HTML and for text, calibration, quality and presets on predictions for unseen sites."""
    settings = identity()
    for head in ("html", "text"):
        part = [p for p in predictions if head_of(p.sample.view) == head]
        blocks = [p for p in part if p.sample.view != "phrase"]
        if not blocks:
            continue
        knots = _fit_content(blocks)
        settings["calibration"][head] = knots
        scored = [
            Choosable(
                calibrate(p.labels, knots), p.sample.features.lengths, number_words(p.sample.texts, p.sample.gold)
            )
            for p in part
            if p.sample.gold
        ]
        if scored:
            settings["favor"][head] = _fit_favor(scored, recipe.favor_step)
            settings["quality"][head] = _fit_quality(scored, settings["favor"][head]["balanced"])
    return settings


def _fit_content(predictions: Sequence[Prediction]) -> Knots:
    content = np.concatenate([p.labels[:, 0] for p in predictions])
    targets = np.concatenate([p.sample.targets for p in predictions])
    known = targets != UNKNOWN
    return _fit_knots(content[known], (targets[known] == 0).astype(float))


def _fit_quality(pages: Sequence[Choosable], balance: float) -> Knots:
    expected, reached = [], []
    for page in pages:
        labels, promised = choose_labels(page.probabilities, page.lengths, shift=balance)
        expected.append(promised)
        reached.append(word_rates(page.words, labels == 0)[2])
    return _fit_knots(np.array(expected), np.array(reached), knots=12)


def _fit_favor(pages: Sequence[Choosable], step: float) -> dict[str, float]:
    """Find the shifts of the logits that the presets stand for."""

    @cache
    def rate(steps: int) -> NDArray[np.float64]:
        """Return word precision, recall and F1 of every page, shape (3, pages)."""
        return np.array([word_rates(page.words, choose_content(page, shift=steps * _STEP)) for page in pages]).T

    balance = choose_balance(rate)
    return {
        "precision": _STEP * lean(rate, balance, 1, step),
        "balanced": _STEP * balance,
        "recall": _STEP * lean(rate, balance, -1, step),
    }


def choose_balance(rate: Callable[[int], NDArray[np.float64]]) -> int:
    """Return the largest shift whose mean F1 is within one standard error of the best one's.

    Of choices that cross-validation cannot tell apart it is the one that keeps least (the one standard error rule:
    Breiman et al., Classification and Regression Trees, 1984, 3.4.3; the error is that of the paired difference).
    Pages of kinds that training has not seen have more chrome that looks like content than pages of those it has.
    """
    scores = np.array([rate(steps)[2] for steps in range(MOST_BALANCE + 1)])
    lost = scores[scores.mean(axis=1).argmax()] - scores
    error = lost.std(axis=1) / np.sqrt(lost.shape[1])
    return int(np.flatnonzero(lost.mean(axis=1) <= error).max())


def lean(rate: Callable[[int], NDArray[np.float64]], balance: int, sign: int, step: float) -> int:
    """Find the shift closest to the balance that moves mean word precision (sign 1) or recall (-1) by ``step``.

    Where none does before the mean F1 has fallen by ``_MAX_LOSS``, it is the last shift before that.
    """
    row = 0 if sign > 0 else 1
    base = rate(balance).mean(axis=1)
    best = balance
    for steps in range(balance + sign, balance + sign * (_SHIFTS + 1), sign):
        scores = rate(steps).mean(axis=1)
        if scores[2] < base[2] - _MAX_LOSS:
            break
        best = steps
        if scores[row] >= base[row] + step:
            break
    return best


def _fit_knots(values: NDArray[Any], outcomes: NDArray[Any], knots: int = _KNOTS) -> Knots:
    """Fit a monotone piecewise linear map from values to mean outcomes, both 0..1 (Zadrozny and Elkan, KDD 2002)."""
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(values, outcomes)
    places = np.unique(np.round(np.quantile(values, np.linspace(0, 1, knots)), 5))
    places = np.unique(np.concatenate((places, np.linspace(0, 1, 11))))
    smooth = [float(fitted.predict(_around(places, index)).mean()) for index in range(places.size)]
    return [float(place) for place in places], [round(v, 5) for v in np.maximum.accumulate(smooth).tolist()]


def _around(places: NDArray[Any], index: int) -> NDArray[Any]:
    """Return points around a knot, so that the steps of the isotonic fit even out."""
    low = (places[max(0, index - 1)] + places[index]) / 2
    high = (places[min(places.size - 1, index + 1)] + places[index]) / 2
    return np.linspace(low, high, 21)
