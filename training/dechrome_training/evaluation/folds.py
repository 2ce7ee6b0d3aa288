"""Cross-validation by site: every page labelled by a model that has not seen its site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dechrome_training import fit
from dechrome_training.corpus import Phrase
from dechrome_training.evaluation.judging import Judgement, judge_prediction
from dechrome_training.evaluation.phrases import JudgedPhrase, match_phrases
from dechrome_training.recipe import read_recipe
from dechrome_training.training import build_samples


@dataclass(frozen=True, slots=True)
class Validation:
    """What a cross-validation found: raw predictions for sites not seen, and the calibration that goes with them."""

    predictions: list[fit.Prediction]
    settings: Mapping[str, Any]

    def judge_pages(self, view: str, sources: Collection[str] = ()) -> list[Judgement]:
        """Judge the pages of one view, of all sets or of those named."""
        chosen = [p for p in self.predictions if p.sample.view == view]
        return [judge_prediction(p, self.settings) for p in chosen if not sources or p.sample.source in sources]

    def judge_phrases(self, phrases: Iterable[Phrase]) -> list[JudgedPhrase]:
        """Judge phrases; those that the recipe keeps out of training for their licence are missing."""
        chosen = [p for p in self.predictions if p.sample.view == "phrase"]
        return match_phrases(phrases, {p.sample.texts[0]: judge_prediction(p, self.settings) for p in chosen})


def cross_validate(
    recipe: Path, data: Path, folds: int, cache: Path | None, report: Callable[[str], None]
) -> Validation:
    """Fit a model on all folds but one, for every fold, and predict the pages left out.

    Folds are grouped by registered domain, phrases by source project, and everything else is the real pipeline: page,
    features, model, calibration, choice of blocks. One thing is fitted on the pages it is measured on: the maps that
    calibrate content and quality, monotone and of about fifty knots at most, come from the pooled predictions for all
    pages left out, as they do in the shipped model. So few knots over hundreds of thousands of blocks cannot learn a
    page, but the calibration error comes out a little too good.

    Raises:
        DataError: the recipe or a set is missing or malformed.
    """
    settings = replace(read_recipe(recipe), folds=folds)
    samples, fold_of = build_samples(settings, data, cache, report)
    return Validation(*fit.cross_validate(samples, fold_of, settings, report))
