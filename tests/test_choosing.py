"""Choosing blocks: the prefix with the largest expected F1, thresholds, and shifts of the logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dechrome.choosing import Choice, check_options, choose_blocks
from dechrome.errors import InputError

STEADY: Final = settings(derandomize=True, deadline=None)
WORDLESS: Final = 0.01  # what a block without words counts for, written down again
PROBABILITIES: Final = st.floats(0, 1, width=32)
BLOCKS: Final = st.lists(st.tuples(PROBABILITIES, st.integers(0, 400)), max_size=12)


def choose(
    content: Sequence[float], words: Sequence[int], *, threshold: float | None = None, shift: float = 0.0
) -> Choice:
    return choose_blocks(
        np.array(content, np.float32), np.array(words, np.int64).reshape(-1), threshold=threshold, shift=shift
    )


def kept(choice: Choice) -> set[int]:
    return set(np.flatnonzero(choice.keep).tolist())


@pytest.mark.parametrize(
    ("content", "words", "expected", "f1"),
    [
        # Prefixes of equal blocks: 2*0.9/(1+1.8) = 0.643, 2*1.7/(2+1.8) = 0.895, 2*1.8/(3+1.8) = 0.75
        ([0.9, 0.8, 0.1], [10, 10, 10], {0, 1}, 3.4 / 3.8),
        # The same in another order.
        ([0.1, 0.9, 0.8], [10, 10, 10], {1, 2}, 3.4 / 3.8),
        # 2*0.9/(1+1.3) = 0.783, 2*1.3/(2+1.3) = 0.788: a block below one half may pay
        ([0.9, 0.4], [10, 10], {0, 1}, 2.6 / 3.3),
        # 2*0.9/(1+1.25) = 0.8, 2*1.25/(2+1.25) = 0.769
        ([0.9, 0.35], [10, 10], {0}, 1.8 / 2.25),
        # Words weigh: 2*90/(100+90.4) = 0.945, 2*90.4/(101+90.4) = 0.945
        ([0.9, 0.4], [1000, 1], {0}, 1800 / 1900.4),
        # 2*0.9/(1+400.9) = 0.004, 2*400.9/(1001+400.9) = 0.572, and 0.1 * 0.6 = 0.06 that there is nothing
        ([0.9, 0.4], [1, 1000], {0, 1}, 801.8 / 1401.9),
        # Certain blocks.
        ([1.0, 0.0, 1.0], [5, 5, 5], {0, 2}, 1.0),
        # One block: 2*0.4/(1+0.4) = 0.571 against 0.6 for nothing, and 0.667 against 0.5.
        ([0.4], [10], set(), 0.6),
        ([0.5], [10], {0}, 2 / 3),
        # Improbable: 2*0.2/(2+0.2) = 0.18 against 0.9*0.9 = 0.81 for nothing.
        ([0.1, 0.1], [10, 10], set(), 0.81),
        ([0.0, 0.0], [10, 10], set(), 1.0),
        ([], [], set(), 1.0),
    ],
)
def test_the_prefix_with_the_largest_expected_f1_is_kept(
    content: list[float], words: list[int], expected: set[int], f1: float
) -> None:
    choice = choose(content, words)
    assert kept(choice) == expected
    assert choice.expected_f1 == pytest.approx(f1, abs=2e-3)


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        ([0.7, 0.7, 0.7, 0.1], [5, 50, 500, 5], {0, 1, 2}),
        ([0.95, 0.3, 0.3, 0.3], [10, 10, 10, 10], {0}),
        ([0.5, 0.5], [1, 1], {0, 1}),
    ],
)
def test_equal_probabilities_stay_together(content: list[float], words: list[int], expected: set[int]) -> None:
    assert kept(choose(content, words)) == expected


def test_blocks_without_words_have_a_place_in_the_order() -> None:
    assert kept(choose([0.9, 0.9, 0.1, 0.1], [0, 10, 0, 10])) == {0, 1}
    assert kept(choose([0.9, 0.1], [0, 0])) == {0}


def list_prefixes(content: Sequence[float], words: Sequence[int]) -> list[tuple[set[int], float]]:
    """Return every set of the k most probable blocks, k > 0, with its expected F1."""
    weights = [count + WORDLESS for count in words]
    total = math.fsum(p * weight for p, weight in zip(content, weights, strict=True))
    order = sorted(range(len(content)), key=lambda i: -content[i])
    prefixes = []
    for size in range(1, len(order) + 1):
        chosen = order[:size]
        found = math.fsum(content[i] * weights[i] for i in chosen)
        prefixes.append((set(chosen), 2 * found / (math.fsum(weights[i] for i in chosen) + total)))
    return prefixes


@STEADY
@given(BLOCKS)
def test_the_choice_is_the_best_of_all_prefixes(blocks: list[tuple[float, int]]) -> None:
    content, words = [p for p, _ in blocks], [count for _, count in blocks]
    prefixes = list_prefixes(content, words)
    best = max((score for _, score in prefixes), default=-1.0)
    nothing = math.prod(1 - p for p in content)
    assume(abs(best - nothing) > 1e-6)
    choice = choose(content, words)
    if nothing > best:
        assert kept(choice) == set()
        assert choice.expected_f1 == pytest.approx(nothing, abs=1e-6)
        return
    assert choice.expected_f1 == pytest.approx(best, abs=1e-6)
    assert any(chosen == kept(choice) for chosen, score in prefixes if score > best - 1e-6)


@STEADY
@given(BLOCKS, st.floats(-8, 8), st.floats(-8, 8))
def test_a_larger_shift_never_keeps_what_a_smaller_one_drops(
    blocks: list[tuple[float, int]], one: float, other: float
) -> None:
    content, words = [p for p, _ in blocks], [count for _, count in blocks]
    low, high = sorted((one, other))
    shifts = sorted((low, 0.0, high))
    sets = [kept(choose(content, words, shift=shift)) for shift in shifts]
    assert sets[2] <= sets[1] <= sets[0]


@pytest.mark.parametrize(
    ("odds", "expected"),
    [
        # Probabilities 0.2, 0.1, 0.007, 0.003: 2*0.2/(1+0.31) = 0.305, 2*0.3/(2+0.31) = 0.260
        (36, {0}),
        (1e9, {0}),  # the likeliest block stays, however large the shift
        # 0.5, 0.308, 0.027, 0.012: 2*0.5/(1+0.847) = 0.541, 2*0.808/(2+0.847) = 0.567
        (9, {0, 1}),
        # 0.973, 0.941, 0.5, 0.308: 2*1.914/(2+2.722) = 0.811, 2*2.414/(3+2.722) = 0.844, 2*2.722/(4+2.722) = 0.810
        (1 / 4, {0, 1, 2}),
        # 0.993, 0.985, 0.8, 0.64: 2*2.778/(3+3.418) = 0.866, 2*3.418/(4+3.418) = 0.922
        (1 / 16, {0, 1, 2, 3}),
    ],
)
def test_a_shift_is_taken_off_the_logits_before_blocks_are_chosen(odds: float, expected: set[int]) -> None:
    shift = 4 * math.log(odds)  # half of the words are expected to be chrome
    assert kept(choose([0.9, 0.8, 0.2, 0.1], [100, 100, 100, 100], shift=shift)) == expected


def test_a_shift_does_less_on_a_short_page() -> None:
    probabilities = [0.9, 0.8, 0.2, 0.1]
    shift = 4 * math.log(1 / 4)  # on a long page
    assert kept(choose(probabilities, [75] * 4, shift=shift)) == {0, 1, 2}
    assert kept(choose(probabilities, [30] * 4, shift=shift)) == {0, 1}
    assert kept(choose(probabilities, [30] * 4, shift=shift * 2.5)) == {0, 1, 2}


def test_a_shift_does_less_where_less_is_chrome() -> None:
    doubtful = [0.99] * 3 + [0.53]
    assert kept(choose(doubtful, [100] * 3 + [20], shift=1)) == {0, 1, 2, 3}
    assert kept(choose([*doubtful, 0.01], [100] * 3 + [20, 900], shift=1)) == {0, 1, 2}


@STEADY
@given(BLOCKS, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_keeps_what_a_lower_one_drops(
    blocks: list[tuple[float, int]], one: float, other: float
) -> None:
    content, words = [p for p, _ in blocks], [count for _, count in blocks]
    low, high = sorted((one, other))
    assert kept(choose(content, words, threshold=high)) <= kept(choose(content, words, threshold=low))


@STEADY
@given(BLOCKS, st.none() | st.floats(0, 1), st.floats(-8, 8))
def test_the_expected_f1_is_within_0_and_1(
    blocks: list[tuple[float, int]], threshold: float | None, shift: float
) -> None:
    content, words = [p for p, _ in blocks], [count for _, count in blocks]
    choice = choose(content, words, threshold=threshold, shift=shift)
    assert choice.keep.shape == (len(blocks),)
    assert 0 <= choice.expected_f1 <= 1


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.0, {0, 1, 2, 3}), (0.5, {0, 1}), (0.500001, {0}), (0.1, {0, 1, 2}), (1.0, {0})],
)
def test_a_threshold_keeps_what_reaches_it(threshold: float, expected: set[int]) -> None:
    assert kept(choose([1.0, 0.5, 0.1, 0.0], [1, 2, 3, 4], threshold=threshold)) == expected


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, math.inf, "0.5"])
def test_a_threshold_out_of_range_is_refused(threshold: object) -> None:
    with pytest.raises(InputError, match="threshold must be between 0 and 1"):
        check_options(threshold, "balanced")
