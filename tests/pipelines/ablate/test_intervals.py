"""The intervals hold what they promise: coverage with few seeds and few documents, and no verdict without grounds."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.ablate.intervals import Interval, interval, within_a_share

SEEDS, UNITS = 3, 60


def drawn(
    chance: np.random.Generator, effect: float, seed_noise: float, unit_noise: float
) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Differences of sums: a true effect, a shift by seed, a shift by document, and sizes that differ."""
    sizes = chance.lognormal(5, 1, UNITS)
    shifts = effect + seed_noise * chance.standard_normal((SEEDS, 1)) + unit_noise * chance.standard_normal((1, UNITS))
    return shifts * sizes, sizes


@pytest.mark.parametrize(("seed_noise", "unit_noise"), [(0.02, 0.0), (0.0, 0.1), (0.02, 0.1)])
def test_intervals_of_three_seeds_cover_the_truth_as_often_as_they_say(seed_noise: float, unit_noise: float) -> None:
    chance = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        found = interval([drawn(chance, 0.5, seed_noise, unit_noise)], 0.9, 400)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert covered >= 0.86 * 400  # 2.7 standard errors under 0.9


def test_resampling_three_seeds_would_cover_far_less() -> None:
    """Why Student's t stands in for a bootstrap of seeds: what the plain one would have promised."""
    chance = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        tops, below = drawn(chance, 0.5, 0.02, 0.0)
        each = tops.sum(axis=1) / below.sum()
        again = each[chance.integers(0, SEEDS, (400, SEEDS))].mean(axis=1)
        low, high = np.quantile(again, (0.05, 0.95))
        covered += low <= 0.5 <= high
    assert covered < 0.75 * 400


def test_one_seed_or_one_document_has_no_interval() -> None:
    assert interval([(np.ones((1, 9)), np.ones(9))], 0.95, 200).low is None
    assert interval([(np.ones((3, 1)), np.ones(1))], 0.95, 200).high is None


def test_a_difference_of_nothing_leaves_zero_in() -> None:
    found = interval([(np.zeros((3, 9)), np.ones(9))], 0.95, 200)
    assert (found.low, found.high) == (0.0, 0.0) and not found.excludes_zero


def test_a_clear_difference_leaves_zero_out_and_sets_count_alike() -> None:
    chance = np.random.default_rng(1)
    parts = [drawn(chance, 1.0, 0.01, 0.1), drawn(chance, 2.0, 0.01, 0.1)]
    found = interval(parts, 0.95, 1000)
    assert found.excludes_zero and found.value == pytest.approx(1.5, abs=0.1)
    assert found.seeds == pytest.approx([found.value] * 3, abs=0.05)
    assert interval(parts, 0.95, 1000) == found


def test_a_share_stays_between_its_bounds_and_what_never_happened_may_still_happen() -> None:
    never = interval([(np.zeros((3, 50)), np.ones(50))], 0.95, 200)
    found = within_a_share(never, 50, 0.95, difference=False)
    assert found.low == 0.0 and found.high == pytest.approx(0.0582, abs=1e-4)
    both = within_a_share(never, 50, 0.95, difference=True)
    assert both.low == -(both.high or 0) and not both.excludes_zero
    always = interval([(np.ones((3, 50)), np.ones(50))], 0.95, 200)
    assert within_a_share(always, 50, 0.95, difference=False).high == 1.0
    wide = Interval(0.1, -0.2, 0.4, (0.1,))
    assert within_a_share(wide, 9, 0.95, difference=False) == Interval(0.1, 0.0, 0.4, (0.1,))
    assert within_a_share(Interval(0.1, None, None, (0.1,)), 9, 0.95, difference=False).low is None
