"""The quality gate: scores of a model by name, and the floors that none of them may fall below.

Names are paths, and their first part is the group: ``folds`` are the cross-validated scores that training wrote into
``model.json``; ``samples`` are those on our own labelled pages, ``unseen`` and ``kinds`` those on a fixed choice of
pages of sets that no model is trained on. Each group holds for one state of its data, known by a digest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from dechrome import labelling
from dechrome.artefact import Model
from dechrome.blocks import Kind
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import Judgement, judge_pages
from dechrome_training.evaluation.kind_pages import judge_kinds, known_blocks
from dechrome_training.evaluation.results import group_by, join_blocks, mean
from dechrome_training.evaluation.selection import read_set, spread
from dechrome_training.label_files import read_labels
from dechrome_training.scores import word_scores
from dechrome_training.summary import kind_rates, label_rates

UNSEEN_SETS: Final = {"daniel": None, "dragnet": 60, "xmu-chinese-news": 60, "cleanportaleval": 60}
KIND_SETS: Final = (
    "cleaneval", "cleanportaleval", "daniel", "dragnet", "htmltotext", "ir-research-news", "l3s-gn1",
    "xmu-chinese-news",
)  # fmt: skip
_DANIEL_PAGES: Final = 40  # of each language
_KIND_PAGES: Final = 60  # of each set
_LEAST_MARGIN: Final = 0.005  # below the score that a floor is set
_TOGETHER: Final = 20  # blocks that count as one: those of a page are right and wrong together
_SPREAD: Final = 0.15  # of a page's or a block's part: seeds move means of 86 pages by 0.01


class Score(NamedTuple):
    """A score, higher being better, and the number of pages that it is over, or of as much as a page."""

    value: float
    size: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The scores of one group by name, and the digest of the data that they were measured on ("": not known)."""

    group: str
    digest: str
    scores: Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class Floors:
    """What ``floors.json`` holds: a digest per group, a floor per score, and why floors were lowered."""

    data: Mapping[str, str]
    floors: Mapping[str, float]
    lowered: tuple[Mapping[str, object], ...] = ()


def read_floors(path: Path) -> Floors:
    """Read ``floors.json``.

    Raises:
        DataError: the file is missing or malformed.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Floors(data["data"], data["floors"], tuple(data["lowered"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {error}") from error


def write_floors(path: Path, floors: Floors) -> None:
    """Write ``floors.json``, sorted by name."""
    data = {"data": floors.data, "floors": floors.floors, "lowered": list(floors.lowered)}
    order = {name: dict(sorted(part.items())) if isinstance(part, Mapping) else part for name, part in data.items()}
    path.write_text(json.dumps(order, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def find_faults(floors: Floors, measured: Measured) -> list[str]:
    """Say what is wrong with a group: other data, scores below their floors, and scores that are no longer measured."""
    known = floors.data.get(measured.group)
    if known is not None and known != measured.digest:
        return [f"{measured.group}: the data are others than the floors were measured on"]
    faults = []
    for name, floor in _of_group(floors.floors, measured.group):
        score = measured.scores.get(name)
        if score is None:
            faults.append(f"{name}: has a floor, but was not measured")
        elif not score.value >= floor:
            faults.append(f"{name}: {score.value:.4f} is below the floor {floor}")
    return faults


def raise_floors(floors: Floors, measured: Measured) -> Floors:
    """Raise the floors of a group to just below its scores; lower none, and change none where the data are others."""
    if floors.data.get(measured.group) not in (None, measured.digest):
        return floors
    raised = {name: max(floor_of(score), floors.floors.get(name, -math.inf)) for name, score in measured.scores.items()}
    data = {measured.group: measured.digest} if measured.digest else {}
    return replace(floors, data={**floors.data, **data}, floors={**floors.floors, **raised})


def lower_floor(floors: Floors, measured: Sequence[Measured], name: str, reason: str) -> Floors:
    """Lower one floor to just below its score, or a whole group (``name``) whose data are others; keep the reason.

    A floor whose score is measured no more goes.

    Raises:
        DataError: there is no such floor or group, or no reason.
    """
    if not reason.strip():
        raise DataError(f"{name}: a floor is lowered for a reason: --reason TEXT")
    groups = {part.group: part for part in measured}
    group = groups.get(name.split("/")[0])
    names = [each for each in floors.floors if each == name or (name in groups and each.startswith(f"{name}/"))]
    if group is None or not (names or name in groups):
        raise DataError(f"{name}: no such floor among what was measured")
    kept = {each: floor for each, floor in floors.floors.items() if each not in names}
    lowered = {each: floor_of(group.scores[each]) for each in names if each in group.scores}
    notes = {"name": name, "reason": reason, "from": {each: floors.floors[each] for each in names}, "to": lowered}
    data = {name: group.digest} if name in groups and group.digest else {}
    return Floors({**floors.data, **data}, {**kept, **lowered}, (*floors.lowered, notes))


def floor_of(score: Score) -> float:
    """Return the floor for a score: below it by what chance may move it, less for more pages.

    >>> floor_of(Score(0.9, 100)), floor_of(Score(0.9, 10_000))
    (0.885, 0.895)
    """
    margin = max(_LEAST_MARGIN, _SPREAD / math.sqrt(max(1, score.size)))
    return max(0.0, math.floor((score.value - margin) * 1000 + 1e-9) / 1000)


def fold_scores(settings: Mapping[str, Any]) -> Measured:
    """Return the cross-validated scores that ``model.json`` holds."""
    scores: dict[str, Score] = {}
    for view, part in settings["scores"].items():
        scores |= {f"folds/{view}/{name}": score for name, score in _view_scores(part)}
    return Measured("folds", settings.get("data", ""), scores)


def sample_scores(model: Model | None, labels: Path, group: str = "samples") -> Measured:
    """Measure a model on our own labelled pages; ``group`` is what the scores are called by."""
    judged = list(judge_pages(read_labels(labels), model))
    blocks = join_blocks([judgement.blocks for judgement in judged])
    right = blocks.labels == blocks.gold_labels
    scores = {"label accuracy": Score(float(right.mean()), right.size // _TOGETHER)}
    for name, rates in label_rates(blocks).items():
        scores |= _rate_scores(f"label {name}", rates, ("precision", "recall"))
    cookie = kind_rates(blocks)[Kind.COOKIE_NOTICE.value]
    scores |= _rate_scores("kind cookie_notice", cookie, ("precision", "recall"))
    for view, part in group_by(judged, lambda judgement: judgement.view):
        scores[f"{view} word F1"] = Score(mean(judgement.scores.f1 for judgement in part), len(part))
    return Measured(group, digest_folder(labels.parent), _prefixed(group, scores))


def unseen_scores(model: Model | None, corpora: Path) -> Measured:
    """Measure a model on the fixed choice of pages of sets that it was not trained on: word F1 by set and language."""
    pages = list(unseen_pages(corpora))
    reached: dict[str, list[float]] = {}
    sources = (labelling.Source(html=page.html, url=page.url) for page in pages)
    for page, labelled in zip(pages, labelling.label_pages(sources, model), strict=True):
        group = f"{page.source} {page.language}" if page.source == "daniel" else page.source
        reached.setdefault(group, []).append(word_scores(labelled.text, page.gold or "")[2])
    scores = {f"{group} word F1": Score(mean(values), len(values)) for group, values in reached.items()}
    return Measured("unseen", digest_pages(pages), _prefixed("unseen", scores))


def unseen_pages(corpora: Path) -> Iterator[AnnotatedPage]:
    """Choose the pages, evenly spread over each set, and of daniel over each language.

    Raises:
        DataError: a set is missing or malformed.
    """
    for name, limit in UNSEEN_SETS.items():
        pages = list(read_set(corpora / f"{name}.parquet", limit))
        for language in sorted({page.language or "" for page in pages}) if limit is None else ():
            part = [page for page in pages if page.language == language]
            yield from spread(iter(part), len(part), _DANIEL_PAGES)
        yield from pages if limit is not None else ()


def kind_scores(model: Model, corpora: Path) -> Measured:
    """Measure kinds of chrome on pages of sets that no model is trained on, with their markup hidden."""
    pages = [page for name in KIND_SETS for page in read_set(corpora / f"{name}.parquet", _KIND_PAGES)]
    scores = rate_kinds(list(judge_kinds(pages, model)))
    return Measured("kinds", digest_pages(pages), _prefixed("kinds", scores))


def rate_kinds(judgements: Sequence[Judgement]) -> dict[str, Score]:
    """Return the F1 of each kind that enough blocks have."""
    rates = kind_rates(known_blocks(judgements))
    return {f"{kind} F1": Score(part.get("f1", 0.0), int(part["blocks"]) // _TOGETHER) for kind, part in rates.items()}


def digest_pages(pages: Iterable[AnnotatedPage]) -> str:
    """Return a digest of names, HTML and gold of pages."""
    digest = hashlib.sha256()
    for page in pages:
        digest.update(repr((page.id, page.html, page.gold)).encode("utf-8", "replace"))
    return digest.hexdigest()


def _view_scores(part: Mapping[str, Any]) -> Iterator[tuple[str, Score]]:
    """Yield the scores of one view that have floors."""
    pages = part.get("words", {}).get("all", {}).get("pages", 0)
    for name in ("words", "sets", "languages"):
        for title, rates in part.get(name, {}).items():
            yield f"{name}/{title} F1", Score(rates["f1"], rates["pages"])
    for title, rates in part.get("labels", {}).items():
        yield from _rate_scores(f"labels/{title}", rates, ("precision", "recall")).items()
    for title, rates in part.get("kinds", {}).items():
        yield from _rate_scores(f"kinds/{title}", rates, ("f1",)).items()
    for favor in ("precision", "recall"):
        if favor in part.get("favor", {}):
            yield f"favor/{favor} {favor}", Score(part["favor"][favor][favor], pages)
    if part.get("quality_rank_correlation") is not None:
        yield (
            "quality rank correlation",
            Score(part["quality_rank_correlation"], pages // _TOGETHER),
        )  # moves more than means do


def _rate_scores(title: str, rates: Mapping[str, float], measures: Iterable[str]) -> dict[str, Score]:
    """Return the rates by name; one that is not defined counts as 0."""
    return {
        f"{title} {measure}": Score(rates.get(measure, 0.0), int(rates["blocks"]) // _TOGETHER) for measure in measures
    }


def _prefixed(group: str, scores: Mapping[str, Score]) -> dict[str, Score]:
    return {f"{group}/{name}": score for name, score in scores.items()}


def _of_group(floors: Mapping[str, float], group: str) -> list[tuple[str, float]]:
    return [(name, floor) for name, floor in floors.items() if name.startswith(f"{group}/")]


def digest_folder(folder: Path) -> str:
    """Return a digest of the labels and of the pages that they are of."""
    digest = hashlib.sha256()
    for path in (folder / "labels.jsonl", *sorted((folder / "pages").iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
