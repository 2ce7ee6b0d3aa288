"""Balance and presets: which shift of the logits they stand for, given what each shift does to precision and recall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from dechrome_training.calibration import MOST_BALANCE, choose_balance, lean

PAGES = 100
SWING = np.where(np.arange(PAGES) % 2, 0.05, -0.05)  # standard deviation 0.05, standard error 0.005


def rates(*means: float, swing: NDArray[np.float64] = SWING) -> Callable[[int], NDArray[np.float64]]:
    """Return what gives pages whose mean F1 at a shift is known; shifts differ from the first by the swing."""

    def rate(steps: int) -> NDArray[np.float64]:
        f1 = (means[steps] if steps < len(means) else 0.0) + swing * (steps > 0)
        return np.stack((f1, f1, f1))

    return rate


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ((0.9, 0.897, 0.896, 0.89, 0.8), 2),  # 0.004 is within the error of 0.005, 0.01 is not
        ((0.9, *[0.899] * MOST_BALANCE), MOST_BALANCE),  # none can be told from the best: the largest
        ((0.9, 0.85, 0.85, 0.85, 0.85), 0),
        ((0.9, 0.85, 0.899, 0.85, 0.85), 2),
    ],
)
def test_the_balance_is_the_largest_shift_within_one_standard_error_of_the_best(
    means: tuple[float, ...], expected: int
) -> None:
    assert choose_balance(rates(*means)) == expected


def test_the_error_is_that_of_the_difference_between_shifts_not_of_the_pages() -> None:
    spread = np.where(np.arange(PAGES) % 2, 0.4, -0.4)
    paired = rates(0.6, 0.599, 0.599, 0.599, 0.599, swing=np.zeros(PAGES))
    assert choose_balance(lambda steps: paired(steps) + spread) == 0


def preset_rate(steps: int) -> NDArray[np.float64]:
    """Precision rises by 0.02 a step, recall falls by 0.03, F1 falls by 0.06 a step away from 1."""
    return np.array([[0.8 + 0.02 * steps], [0.9 - 0.03 * steps], [0.85 - 0.06 * abs(steps - 1)]])


@pytest.mark.parametrize(
    ("sign", "step", "expected"),
    [
        (1, 0.015, 2),
        (1, 0.035, 3),
        (1, 0.2, 3),  # never reached: the last before F1 has fallen by more than 0.15
        (-1, 0.025, 0),
        (-1, 0.055, -1),
    ],
)
def test_a_preset_is_the_shift_closest_to_the_balance_that_moves_its_measure_by_the_step(
    sign: int, step: float, expected: int
) -> None:
    assert lean(preset_rate, 1, sign, step) == expected
