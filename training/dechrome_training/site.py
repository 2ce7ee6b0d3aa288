"""How much a text that recurs on its site speaks against content: one number for HTML and one for text.

Fitted on predictions for unseen sites, over the pages that have others of their site beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from dechrome.batch.site_memory import empty_memory
from dechrome.choosing import choose_labels
from dechrome.context import FloatArray
from dechrome.inference import calibrate
from dechrome.recurring import lower_recurring
from dechrome_training.scores import word_scores

if TYPE_CHECKING:
    from dechrome_training.fit import Prediction

STRENGTHS: Final = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)  # logits
_VIEWS: Final = {"html": "html", "text": "lines"}  # views of a page that are whole, by the head that labels them
_ENOUGH: Final = 0.9  # of the largest gain: the curve is flat there, and a weaker correction is the safer one


class Case(NamedTuple):
    """A page with other pages of its site beside it."""

    prediction: Prediction
    pages: int  # of the site
    shift: float  # the balance of the model's choices
    probabilities: FloatArray
    recurrence: FloatArray


def fit_sites(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``site_strength`` by head, and ``site_scores``: the pages it was fitted on, and word F1 without and with.

    ``settings`` are those of the calibration. Where there are no two pages of a site, the strength is 0.
    """
    strengths, scores = {}, {}
    for head, view in _VIEWS.items():
        cases = find_cases([p for p in predictions if p.sample.view == view], settings, head)
        means = {strength: _mean_f1(cases, strength) for strength in STRENGTHS} if cases else {0.0: 0.0}
        strengths[head] = _choose(means)
        if cases:
            scores[head] = {
                "pages": len(cases),
                "without": round(means[0.0], 4),
                "with": round(means[strengths[head]], 4),
            }
    return {"site_strength": strengths, "site_scores": scores}


def find_cases(predictions: Sequence[Prediction], settings: Mapping[str, Any], head: str) -> list[Case]:
    """Return the pages with gold whose site has several, with the share of the others that each block recurs on.

    ``settings`` are those of the calibration; ``head``, "html" or "text", labels the pages, all of one view.
    """
    memory = empty_memory()
    for prediction in predictions:
        memory.count_texts(prediction.sample.group, prediction.sample.texts)
    numbers = Counter(prediction.sample.group for prediction in predictions)
    knots, shift = settings["calibration"][head], settings["favor"][head]["balanced"]
    return [
        Case(
            p,
            numbers[p.sample.group],
            shift,
            calibrate(p.labels, knots),
            memory.measure_texts(p.sample.group, p.sample.texts),
        )
        for p in predictions
        if p.sample.gold is not None and numbers[p.sample.group] > 1
    ]


def word_f1(case: Case, strength: float) -> float:
    """Return the word F1 of a page, corrected with this strength by what recurs on its site."""
    sample = case.prediction.sample
    lowered = lower_recurring(case.probabilities, case.recurrence, strength)
    labels, _ = choose_labels(lowered, sample.features.lengths, shift=case.shift)
    found = "\n".join(text for text, label in zip(sample.texts, labels, strict=True) if label == 0)
    return word_scores(found, sample.gold or "")[2]


def _mean_f1(cases: Sequence[Case], strength: float) -> float:
    return float(np.mean([word_f1(case, strength) for case in cases]))


def _choose(means: Mapping[float, float]) -> float:
    """Return the least strength that has almost the whole gain.

    >>> _choose({0.0: 0.80, 1.0: 0.82, 2.0: 0.899, 4.0: 0.90, 8.0: 0.89})
    2.0
    """
    wanted = means[0.0] + _ENOUGH * (max(means.values()) - means[0.0])
    return min(strength for strength, mean in means.items() if mean >= wanted)
