"""What turns raw probabilities into promises: calibration, the meaning of page quality, and the presets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from dechrome.choosing import choose_labels
from dechrome.inference import calibrate
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN
from dechrome_training.scores import word_scores

if TYPE_CHECKING:
    from dechrome_training.fit import Prediction

Knots = tuple[list[float], list[float]]
_KNOTS: Final = 41
_SHIFTS: Final = tuple(step * 0.25 for step in range(21))  # logits
_MAX_LOSS: Final = 0.1  # of word F1, for the sake of precision or recall
_STRAIGHT: Final[Knots] = ([0.0, 1.0], [0.0, 1.0])


def identity() -> dict[str, Any]:
    """Return settings that leave probabilities, and the ends of blocks, as they are."""
    return {
        "calibration": dict.fromkeys(("html", "text"), _STRAIGHT),
        "quality": dict.fromkeys(("html", "text"), _STRAIGHT),
        "favor": {head: {"precision": 1.0, "balanced": 0.0, "recall": -1.0} for head in ("html", "text")},
        "tail_threshold": 1.0,
    }


def measure_calibration(predictions: Sequence[Prediction], recipe: Recipe) -> dict[str, Any]:
    """Measure, for HTML and for text, calibration, quality and presets on predictions for unseen sites."""
    settings = identity()
    for head in ("html", "text"):
        part = [p for p in predictions if (p.sample.view == "html") == (head == "html")]
        blocks = [p for p in part if p.sample.view != "phrase"]
        if not blocks:
            continue
        knots = _fit_content(blocks)
        settings["calibration"][head] = knots
        scored = [p for p in part if p.sample.gold]
        if scored:
            settings["quality"][head] = _fit_quality(scored, knots)
            settings["favor"][head] = _fit_presets(scored, knots, recipe.favor_step)
    return settings


def _fit_content(predictions: Sequence[Prediction]) -> Knots:
    content = np.concatenate([p.labels[:, 0] for p in predictions])
    targets = np.concatenate([p.sample.targets for p in predictions])
    known = targets != UNKNOWN
    return _fit_knots(content[known], (targets[known] == 0).astype(float))


def _fit_quality(predictions: Sequence[Prediction], knots: Knots) -> Knots:
    expected, reached = [], []
    for prediction in predictions:
        probabilities = calibrate(prediction.labels, knots)
        labels, promised = choose_labels(probabilities, prediction.sample.features.lengths)
        expected.append(promised)
        reached.append(_page_scores(prediction, labels)[2])
    return _fit_knots(np.array(expected), np.array(reached), knots=12)


def _fit_presets(predictions: Sequence[Prediction], knots: Knots, step: float) -> dict[str, float]:
    """Find the smallest shifts that move mean word precision, or recall, by ``step``.

    Where none does before the mean F1 has fallen by ``_MAX_LOSS``, it is the last shift before that.
    """
    calibrated = [(p, calibrate(p.labels, knots)) for p in predictions[::2]]

    def mean(shift: float) -> NDArray[np.float64]:
        rows = [
            _page_scores(p, choose_labels(probabilities, p.sample.features.lengths, shift=shift)[0])
            for p, probabilities in calibrated
        ]
        averages: NDArray[np.float64] = np.mean(rows, axis=0)
        return averages

    base = mean(0.0)
    found = {"balanced": 0.0}
    for column, (name, sign) in enumerate((("precision", 1.0), ("recall", -1.0))):
        best = 0.0
        for shift in _SHIFTS[1:]:
            scores = mean(sign * shift)
            if scores[2] < base[2] - _MAX_LOSS:
                break
            best = sign * shift
            if scores[column] >= base[column] + step:
                break
        found[name] = best
    return found


def _page_scores(prediction: Prediction, labels: NDArray[np.int8]) -> tuple[float, float, float]:
    texts = [text for text, label in zip(prediction.sample.texts, labels, strict=True) if label == 0]
    return word_scores("\n".join(texts), prediction.sample.gold or "")


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
