"""What a training run has to say of itself: the scores on unseen sites, and the model card."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dechrome.artefact import KINDS
from dechrome.blocks import Kind
from dechrome.choosing import choose_blocks
from dechrome.inference import calibrate
from numpy.typing import NDArray

from dechrome_training.fit import Prediction
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, Sample
from dechrome_training.scores import calibration_error, rank_correlation, shingle_scores, word_scores

_MAIN_SET = "wcxb-dev"


def summarise(
    predictions: Sequence[Prediction], settings: Mapping[str, Any], samples: Sequence[Sample], recipe: Recipe
) -> dict[str, Any]:
    """Return origin and scores, as ``model.json`` keeps them. Predictions are for sites that the model had not seen."""
    origin = Counter(sample.source for sample in samples if sample.view in ("html", "phrase"))
    scores = {
        view: score_pages([p for p in predictions if p.sample.view == view and p.sample.source == _MAIN_SET], settings)
        for view in ("html", "lines")
    }
    scores["phrase"] = score_phrases([p for p in predictions if p.sample.view == "phrase"], settings)
    return {"origin": dict(sorted(origin.items())), "folds": recipe.folds, "scores": scores}


def score_pages(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return word precision, recall and F1 by page type, shingle F1, calibration error, and what quality is worth."""
    by_type: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    shingles, qualities, reached, confidences, correct = [], [], [], [], []
    for prediction in predictions:
        sample = prediction.sample
        if not sample.gold:
            continue
        head = "html" if sample.view == "html" else "text"
        labels = calibrate(prediction.labels, settings["calibration"][head])
        choice = choose_blocks(labels[:, 0], sample.features.lengths)
        found = "\n".join(text for text, kept in zip(sample.texts, choice.keep, strict=True) if kept)
        words = word_scores(found, sample.gold)
        for name in ("all", sample.page_type or "unknown"):
            by_type[name].append(words)
        shingles.append(shingle_scores(found, sample.gold)[2])
        qualities.append(float(np.interp(choice.expected_f1, *settings["quality"][head])))
        reached.append(words[2])
        known = sample.targets != UNKNOWN
        confidences.append(np.where(choice.keep, labels[:, 0], 1 - labels[:, 0])[known])
        correct.append(((sample.targets == 0) == choice.keep)[known])
    if not reached:
        return {}
    return {
        "words": {name: _means(rows) for name, rows in sorted(by_type.items())},
        "shingle_f1": round(float(np.mean(shingles)), 4),
        "calibration_error": round(calibration_error(np.concatenate(confidences), np.concatenate(correct)), 4),
        "quality_rank_correlation": round(rank_correlation(qualities, reached), 4),
    }


def score_phrases(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> dict[str, float]:
    """Return image F1 and cookie-notice precision and recall over one-line pages of unseen projects.

    A row is called a cookie notice if it is called chrome of that kind. Buttons of consent dialogs count as right.
    """
    if not predictions:
        return {}
    labels = np.concatenate([calibrate(p.labels, settings["calibration"]["text"]) for p in predictions])
    kinds = np.concatenate([p.kinds for p in predictions]).argmax(axis=1)
    targets = np.concatenate([p.sample.targets for p in predictions])
    gold_kinds = np.concatenate([p.sample.kinds for p in predictions])
    pictures = labels[:, 1] >= 0.5
    content = (labels[:, 0] >= 0.5) & ~pictures
    cookie = KINDS.index(Kind.COOKIE_NOTICE)
    called = ~pictures & ~content & (kinds == cookie)
    return {
        "image_f1": _f1(pictures, targets == 1),
        "content_f1": _f1(content, targets == 0),
        "cookie_precision": _share(called, gold_kinds == cookie),
        "cookie_recall": _share(gold_kinds == cookie, called),
        "content_called_cookie": _share(targets == 0, called),
    }


def write_card(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write the model card beside the model."""
    words = {view: summary["scores"].get(view, {}).get("words", {}) for view in ("html", "lines")}
    types = sorted(set(words["html"]) | set(words["lines"]))
    rows = [
        f"| {name} | {words['html'].get(name, {}).get('f1', '')} | {words['lines'].get(name, {}).get('f1', '')} |"
        for name in types
    ]
    sets = [f"| {name} | {count} |" for name, count in summary["origin"].items()]
    others = [
        f"| {view} | {name} | {value} |"
        for view, scores in summary["scores"].items()
        for name, value in scores.items()
        if name != "words"
    ]
    text = _CARD.format(
        sets="\n".join(sets), rows="\n".join(rows), others="\n".join(others), folds=summary["folds"]
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _means(rows: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    precision, recall, f1 = np.mean(rows, axis=0).tolist()
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(f1, 4),
        "pages": len(rows),
    }


def _share(of: NDArray[np.bool_], that: NDArray[np.bool_]) -> float:
    return round(float((of & that).sum() / max(1, of.sum())), 4)


def _f1(found: NDArray[np.bool_], gold: NDArray[np.bool_]) -> float:
    return round(float(2 * (found & gold).sum() / max(1, found.sum() + gold.sum())), 4)


_CARD = """# Model card

Labels blocks of web pages and of scraped text as content, image placeholder or chrome, and chrome with its kind.
Multilayer perceptrons (scikit-learn) over the features of `dechrome.features`, shipped as arrays: `weights.npz`
(float16, no pickle) and `model.json` (names, settings, calibration, scores, digest).

## Data

| set | pages (phrases: rows) |
|---|---:|
{sets}

Only sets whose licence allows any use; rows of phrases under GPL or AGPL are left out. No page, sentence or phrase is
in the folder, only weights.

## Scores

Cross-validation in {folds} folds grouped by registered domain (phrases: by source project) on wcxb-dev: word F1, mean
over pages, of the HTML itself (html) and of the text of all its visible lines (lines).

| page type | html | lines |
|---|---:|---:|
{rows}

| view | measure | value |
|---|---|---:|
{others}

`quality_rank_correlation` is Spearman's, of `Page.quality` with the word F1 reached. The calibration maps are fitted on
the pooled predictions for held-out folds.

## Weak spots

Pages with little running text (products, collections, listings) are labelled less well than articles. Most of the gold
text is English: other languages rest on shape, place and the phrases of user interfaces in 113 languages. A single
line without its page is hard: "Save" may be anything.

## Rebuild

    dechrome train --recipe training/recipe.toml --data ../shared/corpora --out MODEL_FOLDER
"""
