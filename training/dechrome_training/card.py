"""The model card: what a model folder says of itself to people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
    text = _CARD.format(sets="\n".join(sets), rows="\n".join(rows), others="\n".join(others), folds=summary["folds"])
    (folder / "README.md").write_text(text, encoding="utf-8")


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
