"""What a training run has to say of itself: where the data came from, and the scores on unseen sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import KINDS, LABELS
from dechrome.blocks import Kind, Label
from dechrome_training.evaluation.judging import JudgedBlocks, Judgement, judge_prediction
from dechrome_training.evaluation.results import group_by, join_blocks, mean, measure_rates
from dechrome_training.fit import Prediction
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, Sample
from dechrome_training.scores import calibration_error, rank_correlation

_MAIN_SET: Final = "wcxb-dev"
_COOKIE: Final = KINDS.index(Kind.COOKIE_NOTICE)


def summarise(
    predictions: Sequence[Prediction], settings: Mapping[str, Any], samples: Sequence[Sample], recipe: Recipe
) -> dict[str, Any]:
    """Return origin and scores, as ``model.json`` keeps them. Predictions are for sites that the model had not seen."""
    origin = Counter(sample.source for sample in samples if sample.view in ("html", "phrase"))
    judged = [judge_prediction(prediction, settings) for prediction in predictions]
    scores: dict[str, Any] = {}
    for view in ("html", "lines"):
        part = [judgement for judgement in judged if judgement.view == view and judgement.source == _MAIN_SET]
        scores[view] = score_pages([judgement for judgement in part if not np.isnan(judgement.scores.f1)])
    scores["phrase"] = score_phrases([judgement for judgement in judged if judgement.view == "phrase"])
    return {"origin": dict(sorted(origin.items())), "folds": recipe.folds, "scores": scores}


def score_pages(judged: Sequence[Judgement]) -> dict[str, Any]:
    """Return word precision, recall and F1 by page type, shingle F1, calibration error, and what quality is worth."""
    if not judged:
        return {}
    blocks = join_blocks([judgement.blocks for judgement in judged])
    known = blocks.gold_labels != UNKNOWN
    correct = (blocks.labels == blocks.gold_labels)[known]
    groups = [("all", list(judged)), *group_by(judged, lambda judgement: judgement.page_type)]
    return {
        "words": {name: _mean_words(part) for name, part in groups},
        "shingle_f1": round(mean(judgement.scores.shingle_f1 for judgement in judged), 4),
        "calibration_error": round(calibration_error(blocks.confidence[known].astype(np.float64), correct), 4),
        "quality_rank_correlation": round(
            rank_correlation([j.quality for j in judged], [j.scores.f1 for j in judged]), 4
        ),
    }


def score_phrases(judged: Sequence[Judgement]) -> dict[str, float]:
    """Return image and content F1 and cookie-notice precision and recall over one-line pages of unseen projects.

    A row is called a cookie notice if it is called chrome of that kind; buttons of consent dialogs count as notices,
    but for short ones ("Save") whose kind a single line does not show: those count neither way.
    """
    if not judged:
        return {}
    blocks = join_blocks([judgement.blocks for judgement in judged])
    is_cookie, called = blocks.gold_kinds == _COOKIE, blocks.kinds == _COOKIE
    told = (blocks.gold_kinds != UNKNOWN) | (blocks.gold_labels != LABELS.index(Label.CHROME))
    cookie = measure_rates(is_cookie[told], called[told], np.ones_like(blocks.characters[told]))
    content = blocks.gold_labels == LABELS.index(Label.CONTENT)
    return {
        "image_f1": _label_f1(blocks, Label.IMAGE),
        "content_f1": _label_f1(blocks, Label.CONTENT),
        "cookie_precision": round(cookie.precision, 4),
        "cookie_recall": round(cookie.recall, 4),
        "content_called_cookie": round(_share(called, content), 4),
    }


def _mean_words(judged: Sequence[Judgement]) -> dict[str, float]:
    scores = [judgement.scores for judgement in judged]
    return {
        "precision": round(mean(score.precision for score in scores), 4),
        "recall": round(mean(score.recall for score in scores), 4),
        "f1": round(mean(score.f1 for score in scores), 4),
        "pages": len(judged),
    }


def _label_f1(blocks: JudgedBlocks, label: Label) -> float:
    number = LABELS.index(label)
    rates = measure_rates(blocks.gold_labels == number, blocks.labels == number, np.ones_like(blocks.characters))
    return round(rates.f1, 4)


def _share(chosen: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    return float((chosen & of).sum() / max(1, of.sum()))
