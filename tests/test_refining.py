"""What the second pass sees of the first: the best runs of blocks, the best container, and no trace of other pages."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dechrome.features import Features, extract_features, join_features
from dechrome.html_blocks import split_html
from dechrome.refining import DRAFT_NAMES, measure_draft
from dechrome.text_blocks import split_text

ARTICLE: Final = extract_features(
    split_html(
        "<div><p>Home</p><p>News</p></div><div><p>The fox ran over the hill.</p><p>Ad</p><p>The dog slept on.</p></div>"
        "<div><p>Terms</p></div>"
    )
)
DRAFT: Final = np.array([0.1, 0.2, 0.9, 0.4, 0.8, 0.1], np.float32)
WORDS: Final = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from([0.01, 0.2, 0.4, 0.5, 0.6, 0.9, 0.99])), min_size=1, max_size=12
)


def column(name: str, draft: np.ndarray = DRAFT, features: Features = ARTICLE) -> list[float]:
    return [float(value) for value in measure_draft(draft, features)[:, DRAFT_NAMES.index(name)]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("draft_inside@segment0.50", [0, 0, 1, 1, 1, 0]),
        ("draft_inside@segment0.25", [0, 0, 1, 1, 1, 0]),
        ("draft_inside@segment0.75", [0, 0, 1, 0, 0, 0]),
        ("draft_from@segment0.50", [-np.log(3), -np.log(2), 0, 0, 0, np.log(2)]),
        ("draft_inside@best", [0, 0, 1, 1, 1, 0]),
        ("draft_from@best", [-np.log(3), -np.log(2), 0, 0, 0, np.log(2)]),
    ],
)
def test_the_article_is_the_best_run_and_the_best_container(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(column(name), expected, atol=1e-6)


def test_the_region_is_described() -> None:
    weights = np.array([1, 1, 6, 1, 4, 1]) + 0.5
    held = DRAFT * weights
    article = slice(2, 5)
    for region in ("segment0.50", "best"):
        assert column(f"draft_words@{region}")[0] == pytest.approx(held[article].sum() / weights[article].sum())
        outside = (held.sum() - held[article].sum()) / (weights.sum() - weights[article].sum() + 1)
        assert column(f"draft_words_outside@{region}")[0] == pytest.approx(outside)
        assert column(f"draft_share@{region}")[0] == pytest.approx(held[article].sum() / held.sum())
        assert column(f"draft_log_words@{region}")[0] == pytest.approx(np.log1p(weights[article].sum()))
    f1 = 2 * held[article].sum() / (weights[article].sum() + held.sum())
    assert column("draft_f1@best") == pytest.approx([f1] * 6)
    assert column("draft_f1@container1")[2:5] == pytest.approx([f1] * 3)
    assert column("draft_levels@best")[2:5] == [0, 0, 0]
    assert column("draft_levels@best")[0] >= 1


def text_of(rows: list[tuple[int, float]]) -> tuple[Features, np.ndarray]:
    features = extract_features(split_text("\n".join(" ".join(["fox"] * words) for words, _ in rows)))
    return features, np.array([draft for _, draft in rows], np.float32)


@settings(derandomize=True, deadline=None)
@given(WORDS, st.sampled_from([0.25, 0.5, 0.75]))
def test_no_other_run_of_blocks_gains_more(rows: list[tuple[int, float]], cut: float) -> None:
    features, draft = text_of(rows)
    inside = np.array(column(f"draft_inside@segment{cut:.2f}", draft, features))
    gains = np.rint(1000 * (features.lengths + 0.5) * (draft.astype(np.float64) - cut))
    best = max(gains[first:last].sum() for first in range(len(rows)) for last in range(first + 1, len(rows) + 1))
    assert (np.diff(np.flatnonzero(inside)) == 1).all()
    assert gains[inside == 1].sum() == best


@settings(derandomize=True, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4))
def test_pages_side_by_side_are_measured_as_alone(pages: list[list[tuple[int, float]]]) -> None:
    features, drafts = zip(*map(text_of, pages), strict=True)
    joined = measure_draft(np.concatenate(drafts), join_features(features))
    alone = np.concatenate([measure_draft(draft, page) for draft, page in zip(drafts, features, strict=True)])
    np.testing.assert_allclose(joined, alone, atol=1e-5)
