"""What a training run has to say of itself: where the data came from, and the scores on unseen sites."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import KINDS, LABELS
from dechrome.blocks import Kind, Label
from dechrome_training.evaluation.curves import choosable, measure_curve, measure_presets
from dechrome_training.evaluation.judging import JudgedBlocks, Judgement, judge_prediction
from dechrome_training.evaluation.results import group_by, join_blocks, mean, measure_rates
from dechrome_training.fit import Prediction
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, Sample, head_of
from dechrome_training.scores import calibration_error, rank_correlation

_MAIN_SET: Final = "wcxb-dev"
_LEAST_PAGES: Final = 20  # of a language or a set that is measured by itself
_LEAST_BLOCKS: Final = 30  # of a kind
_COOKIE: Final = KINDS.index(Kind.COOKIE_NOTICE)


def summarise(
    predictions: Sequence[Prediction], settings: Mapping[str, Any], samples: Sequence[Sample], recipe: Recipe
) -> dict[str, Any]:
    """Return origin and scores, as ``model.json`` keeps them. Predictions are for sites that the model had not seen.

    ``scores`` are those of wcxb-dev but for ``sets`` and ``languages``, which are over all sets with gold text.
    ``data`` is a digest of what was measured on.
    """
    origin = Counter(sample.source for sample in samples if sample.view in ("html", "phrase"))
    scores = {
        view: score_view([p for p in predictions if p.sample.view == view], settings) for view in ("html", "lines")
    }
    phrases = [judge_prediction(p, settings) for p in predictions if p.sample.view == "phrase"]
    return {
        "origin": dict(sorted(origin.items())),
        "folds": recipe.folds,
        "data": digest_data(predictions),
        "scores": {**scores, "phrase": score_phrases(phrases)},
    }


def digest_data(predictions: Sequence[Prediction]) -> str:
    """Return a digest of the pages and phrases that scores were measured on: their names, texts and gold."""
    rows = sorted(
        repr((p.sample.view, p.sample.id, p.sample.gold or p.sample.texts))
        for p in predictions
        if p.sample.view in ("html", "phrase")
    )
    return hashlib.sha256("\n".join(rows).encode("utf-8", "replace")).hexdigest()


def score_view(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all scores of one view of the pages."""
    scored = [prediction for prediction in predictions if prediction.sample.gold is not None]
    judged = [judge_prediction(prediction, settings) for prediction in scored]
    main = [prediction for prediction in scored if prediction.sample.source == _MAIN_SET]
    scores = score_pages([judgement for judgement in judged if judgement.source == _MAIN_SET])
    if not main:
        return scores
    pages = choosable(main, settings)
    return {
        **scores,
        "sets": _words_by(judged, lambda judgement: judgement.source),
        "languages": _words_by(judged, lambda judgement: judgement.language),
        "favor": measure_presets(pages, settings["favor"][head_of(main[0].sample.view)]),
        "curve": measure_curve(pages),
    }


def score_pages(judged: Sequence[Judgement]) -> dict[str, Any]:
    """Return word scores by page type, shingle F1, calibration error, what quality is worth, and rates of blocks."""
    if not judged:
        return {}
    blocks = join_blocks([judgement.blocks for judgement in judged])
    known = blocks.gold_labels != UNKNOWN
    correct = (blocks.labels == blocks.gold_labels)[known]
    groups = [("all", list(judged)), *group_by(judged, lambda judgement: judgement.page_type)]
    return {
        "words": {name: _mean_words(part) for name, part in groups},
        "shingle_f1": round(mean(judgement.scores.shingle_f1 for judgement in judged), 4),
        "calibration_error": _rounded(calibration_error(blocks.confidence[known].astype(np.float64), correct)),
        "quality_rank_correlation": _rounded(
            rank_correlation([j.quality for j in judged], [j.scores.f1 for j in judged])
        ),
        "labels": label_rates(blocks),
        "kinds": kind_rates(blocks),
    }


def score_phrases(judged: Sequence[Judgement]) -> dict[str, Any]:
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
        "cookie_precision": _rounded(cookie.precision),
        "cookie_recall": _rounded(cookie.recall),
        "content_called_cookie": round(_share(called, content), 4),
        "labels": label_rates(blocks),
        "kinds": kind_rates(blocks),
    }


def label_rates(blocks: JudgedBlocks) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each label that occurs, over the blocks whose label is known."""
    known = blocks.gold_labels != UNKNOWN
    gold, found = blocks.gold_labels[known], blocks.labels[known]
    return {label.value: _rates(gold == n, found == n) for n, label in enumerate(LABELS) if (gold == n).any()}


def kind_rates(blocks: JudgedBlocks) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each kind, over content, images and the chrome whose kind is known."""
    known = (blocks.gold_kinds != UNKNOWN) | np.isin(blocks.gold_labels, (0, 1))
    gold, found = blocks.gold_kinds[known], blocks.kinds[known]
    return {
        kind.value: _rates(gold == n, found == n) for n, kind in enumerate(KINDS) if (gold == n).sum() >= _LEAST_BLOCKS
    }


def _rates(gold: NDArray[np.bool_], found: NDArray[np.bool_]) -> dict[str, float]:
    rates = measure_rates(gold, found, np.ones(gold.size, np.int64))
    named = {name: round(value, 4) for name, value in rates._asdict().items() if not np.isnan(value)}
    return {**named, "blocks": int(gold.sum())}


def _words_by(judged: Sequence[Judgement], key: Callable[[Judgement], str | None]) -> dict[str, dict[str, float]]:
    groups = group_by([judgement for judgement in judged if key(judgement)], key)
    return {name: _mean_words(part) for name, part in groups if len(part) >= _LEAST_PAGES}


def _mean_words(judged: Sequence[Judgement]) -> dict[str, float]:
    scores = [judgement.scores for judgement in judged]
    return {
        "precision": round(mean(score.precision for score in scores), 4),
        "recall": round(mean(score.recall for score in scores), 4),
        "f1": round(mean(score.f1 for score in scores), 4),
        "pages": len(judged),
    }


def _rounded(value: float) -> float | None:
    """Round for ``model.json``, which has null for what is not known."""
    return None if np.isnan(value) else round(value, 4)


def _label_f1(blocks: JudgedBlocks, label: Label) -> float | None:
    number = LABELS.index(label)
    rates = measure_rates(blocks.gold_labels == number, blocks.labels == number, np.ones_like(blocks.characters))
    return _rounded(rates.f1)


def _share(chosen: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    return float((chosen & of).sum() / max(1, of.sum()))
