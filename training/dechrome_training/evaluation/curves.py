"""Word precision and recall of predictions as the choice of blocks changes: thresholds and presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from dechrome.choosing import FAVORS
from dechrome.inference import calibrate
from dechrome_training.choices import Choosable, choose_content, number_words, word_rates
from dechrome_training.evaluation.results import mean
from dechrome_training.fit import Prediction
from dechrome_training.samples import head_of

THRESHOLDS: Final = tuple(round(step * 0.05, 2) for step in range(1, 20))  # 0.05 to 0.95


def choosable(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> list[Choosable]:
    """Prepare the predictions of pages with gold text."""
    return [
        Choosable(
            calibrate(prediction.labels, settings["calibration"][head_of(prediction.sample.view)]),
            prediction.sample.features.lengths,
            number_words(prediction.sample.texts, prediction.sample.gold),
        )
        for prediction in predictions
        if prediction.sample.gold is not None
    ]


def measure_curve(pages: Sequence[Choosable]) -> list[dict[str, float | None]]:
    """Return word precision and recall for each threshold, means over pages.

    Precision is over the pages of which something remains; ``empty`` is the share of the others.
    """
    points = []
    for threshold in THRESHOLDS:
        kept = [(page.words, choose_content(page, threshold=threshold)) for page in pages]
        rates = [word_rates(words, keep) for words, keep in kept]
        remains = [bool(keep.any()) for _, keep in kept]
        precision = mean(rate[0] for rate, some in zip(rates, remains, strict=True) if some)
        recall = mean(rate[1] for rate in rates)
        points.append(_rounded(threshold=threshold, precision=precision, recall=recall, empty=1 - mean(remains)))
    return points


def measure_presets(pages: Sequence[Choosable], shifts: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """Return mean word precision, recall and F1 of every preset."""
    presets = {}
    for favor in FAVORS:
        rates = [word_rates(page.words, choose_content(page, shift=shifts[favor])) for page in pages]
        precision, recall, f1 = (mean(column) for column in zip(*rates, strict=True))
        presets[favor] = _rounded(precision=precision, recall=recall, f1=f1)
    return presets


def _rounded(**values: float) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else round(value, 4) for name, value in values.items()}
