"""The model card: what a model folder says of itself to people. All its figures are in ``model.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dechrome.choosing import FAVORS
from dechrome.errors import DataError
from dechrome_training.evaluation.compare import OWN
from dechrome_training.plot import draw_curves

# What each set is and whose terms it is under; ../shared/corpora/README.md says more.
SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "chinese-web-content": ("immortal-autumn/Chinese-Web-Content-Extraction-Dataset", "MIT"),
    "goose3": ("Goose3 test pages", "Apache-2.0"),
    "harvest-forum": ("Harvest forum corpus (Weichselbraun et al., WI-IAT 2020)", "Apache-2.0"),
    "mozilla-readability": ("Mozilla Readability regression pages", "Apache-2.0"),
    "newspaper4k": ("newspaper4k test pages", "MIT"),
    "phrases": ("user-interface phrases of open-source projects", "each project's, none of GPL or AGPL"),
    "dechrome": ("phrases written for this project (its short pages are in training, too)", "Apache-2.0"),
    "trafilatura": ("Trafilatura evaluation pages (Barbaresi, ACL 2021)", "Apache-2.0"),
    "wcxb-dev": ("WCXB development set (Foley 2026)", "CC-BY-4.0"),
    "wcxb-predecessor": ("pages of WCXB's predecessor that WCXB left out", "Apache-2.0"),
}
CURVE: Final = "curve.svg"
_VIEWS: Final = ("html", "lines")
_KEPT_TABLES: Final = ("accuracy", "word F1 by page type", "word F1 by language")  # times are one machine's
Rows = Iterable[Sequence[object]]


def read_peers(path: Path) -> list[dict[str, Any]]:
    """Return the tables of accuracy that ``dechrome compare --json`` wrote, without dechrome's own rows.

    Those would be of another model, or of pages that it was trained on.

    Raises:
        DataError: the file is no such thing.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        tables = [table for table in data["tables"] if table["title"].endswith(_KEPT_TABLES)]
        if data["command"] != "compare" or not all(row["extractor"] for table in tables for row in table["rows"]):
            raise ValueError("no comparison")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not what dechrome compare --json writes: {error}") from error
    return [
        {
            "title": table["title"],
            "columns": list(table["rows"][0]),
            "rows": [list(row.values()) for row in table["rows"] if row["extractor"] != OWN],
        }
        for table in tables
    ]


def write_card(folder: Path, settings: Mapping[str, Any]) -> bool:
    """Write the model card beside the model, and the plot; return whether there is one (it needs matplotlib)."""
    curves = {view: settings["scores"].get(view, {}).get("curve", []) for view in _VIEWS}
    drawn = any(curves.values()) and draw_curves(curves, folder / CURVE)
    (folder / "README.md").write_text(format_card(settings, with_plot=drawn), encoding="utf-8")
    return drawn


def format_card(settings: Mapping[str, Any], *, with_plot: bool) -> str:
    """Return the model card of a model with these settings (``model.json``)."""
    scores = settings["scores"]
    parts = {
        "sets": _table(("set", "pages (phrases: rows)", "what it is", "licence"), _origin_rows(settings["origin"]), 1),
        "types": _by_view(scores, "words"),
        "by_set": _by_view(scores, "sets"),
        "languages": _by_view(scores, "languages"),
        "labels": _rates(scores, "labels"),
        "kinds": _rates(scores, "kinds"),
        "presets": _presets(scores),
        "trust": _trust(scores),
        "phrases": _table(("measure", "value"), _plain(scores.get("phrase", {})), 1),
        "curve": _curve(scores),
        "plot": f"![Word precision and recall over thresholds]({CURVE})\n\n" if with_plot else "",
        "peers": _peers(settings.get("peers", [])),
    }
    return _CARD.format(folds=settings["folds"], **parts)


def _table(columns: Sequence[str], rows: Rows, first_number: int) -> str:
    """Return a Markdown table; columns from ``first_number`` on are aligned to the right where they hold numbers."""
    body = [[_cell(value) for value in row] for row in rows]
    if not body:
        return "Not measured."
    is_number = [
        index >= first_number and all(line[index].replace(",", "").strip("-.0123456789") == "" for line in body)
        for index in range(len(columns))
    ]
    head, *lines = [f"| {' | '.join(line)} |" for line in (columns, *body)]
    rule = f"|{'|'.join('---:' if number else '---' for number in is_number)}|"
    return "\n".join((head, rule, *lines))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _origin_rows(origin: Mapping[str, int]) -> Rows:
    return [(name, count, *SOURCES.get(name, ("not known", "not known"))) for name, count in origin.items()]


def _by_view(scores: Mapping[str, Any], name: str) -> str:
    """Return word precision, recall and F1 of groups of pages, both views side by side."""
    groups = {view: scores.get(view, {}).get(name, {}) for view in _VIEWS}
    rows = [
        (group, first["pages"], *(groups[view].get(group, {}).get(m) for view in _VIEWS for m in _MEASURES))
        for group, first in sorted(groups["html"].items(), key=_by_size)
    ]
    return _table(("", "pages", *(f"{view} {m}" for view in _VIEWS for m in _SHORT)), rows, 1)


def _rates(scores: Mapping[str, Any], name: str) -> str:
    """Return precision, recall and F1 of labels or kinds for every view."""
    rows = [
        (view, title, rates["blocks"], *(rates.get(measure) for measure in _MEASURES))
        for view in (*_VIEWS, "phrase")
        for title, rates in sorted(scores.get(view, {}).get(name, {}).items(), key=_by_size)
    ]
    return _table(("view", name.removesuffix("s"), "blocks", *_SHORT), rows, 2)


def _presets(scores: Mapping[str, Any]) -> str:
    rows = [
        (view, favor, *(scores[view]["favor"][favor][measure] for measure in _MEASURES))
        for view in _VIEWS
        for favor in FAVORS
        if "favor" in scores.get(view, {})
    ]
    return _table(("view", "favor", *_SHORT), rows, 2)


def _trust(scores: Mapping[str, Any]) -> str:
    names = ("calibration_error", "quality_rank_correlation", "shingle_f1")
    rows = [(view, *(scores[view].get(name) for name in names)) for view in _VIEWS if scores.get(view)]
    return _table(("view", *(name.replace("_", " ") for name in names)), rows, 1)


def _plain(scores: Mapping[str, Any]) -> Rows:
    return [(name.replace("_", " "), value) for name, value in sorted(scores.items()) if isinstance(value, float)]


def _curve(scores: Mapping[str, Any]) -> str:
    views = [view for view in _VIEWS if scores.get(view, {}).get("curve")]
    points = zip(*(scores[view]["curve"] for view in views), strict=True) if views else ()
    rows = [
        (f"{row[0]['threshold']:.2f}", *(point[name] for point in row for name in ("precision", "recall", "empty")))
        for row in points
    ]
    return _table(("threshold", *(f"{view} {name}" for view in views for name in ("P", "R", "empty"))), rows, 0)


def _peers(tables: Sequence[Mapping[str, Any]]) -> str:
    if not tables:
        return ""
    shown = [f"{table['title']}\n\n{_table(table['columns'], table['rows'], 1)}" for table in tables]
    return _PEERS.format(tables="\n\n".join(shown))


def _by_size(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, int, str]:
    """Order groups: all first, then the largest; ``model.json`` keeps no order."""
    name, rates = item
    return name != "all", -int(rates.get("pages", rates.get("blocks", 0))), name


_MEASURES: Final = ("precision", "recall", "f1")
_SHORT: Final = ("P", "R", "F1")
_PEERS: Final = """
## Other extractors

From one run of `dechrome compare`. Beside them belong the scores above, which are for sites that dechrome had not seen.

{tables}
"""
_CARD: Final = """# Model card

Labels blocks of web pages and of scraped text as content, image placeholder or chrome, and chrome with its kind.
Multilayer perceptrons (scikit-learn) over the features of `dechrome.features`, a draft first and then a second look
that knows the draft of the whole page, shipped as arrays: `weights.npz` (float16, no pickle) and `model.json` (names,
settings, calibration, scores, digest). Training writes this card from `model.json`.

## Data

{sets}

Only sets whose licence allows any use; rows of phrases under GPL or AGPL are left out. No page, sentence or phrase is
in the folder, only weights.

## Scores

Cross-validation in {folds} folds grouped by registered domain (phrases: by source project): every page is labelled by
a model that has not seen its site. Word precision, recall and F1 are means over pages, of the HTML itself (html) and
of the text of all its visible lines (lines). Unless said otherwise, the pages are those of wcxb-dev. The calibration
maps are fitted on the pooled predictions for held-out folds.

### By page type

{types}

### By set

All sets with gold text. What gold means differs from set to set.

{by_set}

### By language

All sets with gold text, languages of at least 20 pages.

{languages}

### Blocks by label

{labels}

### Blocks by kind of chrome

Over content, images and chrome whose kind is known: from markup that names it, which the model sees too, or, for
phrases, from their source. `dechrome evaluate --kinds` measures on pages whose markup is hidden.

{kinds}

## Confidence and quality

Expected calibration error of `confidence` (15 bins), Spearman's rank correlation of `Page.quality` with the word F1
reached, and the F1 over shingles of four words.

{trust}

## Presets and thresholds

What `favor` does to word precision and recall:

{presets}

What `threshold` does. P is over the pages of which something remains; empty is the share of the others.

{plot}{curve}

## Single lines

Phrases, each a page of one line, of projects not seen:

{phrases}
{peers}
## Weak spots

Pages with little running text (products, collections, listings) are labelled less well than articles. Most of the gold
text is English: other languages rest on shape, place and the phrases of user interfaces in 113 languages. A single
line without its page is hard: "Save" may be anything. The title of an article is often taken for chrome, since the
gold of wcxb-dev mostly leaves it out. Kinds of chrome rest on weak labels: trust those of the tables above that reach
a high F1, and take the others as a hint.

## Rebuild

    dechrome train --recipe training/recipe.toml --data ../shared/corpora --peers training/peers.json --out MODEL_FOLDER

With `--peers FILE`, what `dechrome compare --json FILE` wrote becomes the table of other extractors.
"""
