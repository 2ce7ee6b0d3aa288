"""What a site's other pages tell of a page: word F1 without and with it, by how many pages a site has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dechrome.artefact import Model
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.results import mean
from dechrome_training.evaluation.tables import Table
from dechrome_training.fit import predict
from dechrome_training.samples import head_of, page_samples
from dechrome_training.site import Case, find_cases, word_f1

_SIZES: Final = (("2-4", 2, 4), ("5-9", 5, 9), ("10+", 10, 1 << 62))  # pages of a site
_NOTE: Final = (
    "Pages with other pages of their site in the set, with what recurs on these lowered by {:g} logits at most."
)


def site_tables(pages: Iterable[AnnotatedPage], model: Model, view: str) -> list[Table]:
    """Label the pages of each set alone, and knowing what recurs on other pages of their site."""
    by_set: dict[str, list[AnnotatedPage]] = {}
    for page in pages:
        by_set.setdefault(page.source, []).append(page)
    head = "html" if view == "html" else "text"
    strength = model.site_strength(head)
    rows: list[tuple[str | int | float, ...]] = []
    for name, part in by_set.items():
        samples = [sample for page in part for sample in page_samples(page, (view,)) if head_of(sample.view) == head]
        cases = find_cases(predict(model, samples), model.settings, head)
        sizes = [(f"{name} {size}", [c for c in cases if low <= c.pages <= high]) for size, low, high in _SIZES]
        rows += [(title, *_measure(chosen, strength)) for title, chosen in ((name, cases), *sizes) if chosen]
    columns = ("pages of a site", "pages", "alone", "with sites", "gain")
    return [Table(f"Site memory, {view}", columns, tuple(rows), _NOTE.format(strength))]


def _measure(cases: Sequence[Case], strength: float) -> tuple[int, float, float, float]:
    alone = mean(word_f1(case, 0.0) for case in cases)
    together = mean(word_f1(case, strength) for case in cases)
    return len(cases), alone, together, together - alone
