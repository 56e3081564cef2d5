"""Binned distributions against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.compare.distributions import QUANTILES, Distribution, compared, significance


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200))
def test_quantiles_of_lengths_are_within_a_bin(values: list[int]) -> None:
    held = Distribution(scores=False)
    held.add(np.array(values))
    exact = np.sort(values)
    for share in QUANTILES:
        at = exact[max(0, int(np.ceil(share * len(values))) - 1)]
        assert abs(held.quantile(share) - at) <= 0.011 * (at + 1)


def test_distance_is_that_of_all_values() -> None:
    drawn = np.random.default_rng(3)
    for shift in (0.0, 0.05, 0.3):
        a, b = (np.clip(drawn.normal(0.4 + moved, 0.1, size), 0, 1) for moved, size in ((0, 900), (shift, 700)))
        sides = Distribution(scores=True), Distribution(scores=True)
        for side, values in zip(sides, (a, b), strict=True):
            side.add(values)
        told = compared("score", *sides)
        every = np.concatenate([a, b])
        shares = [np.searchsorted(np.sort(values), every, side="right") / len(values) for values in (a, b)]
        exact = np.abs(shares[0] - shares[1]).max()
        assert exact - 0.01 <= told["ks"] <= exact + 1e-12
        assert sum(each["a"] for each in told["histogram"]) == 900


@pytest.mark.parametrize(("size", "p"), [(1.2238, 0.1), (1.3581, 0.05), (1.6276, 0.01)])
def test_p_is_that_of_the_tables(size: float, p: float) -> None:
    """Critical values of Kolmogorov's distribution."""
    assert significance(size / np.sqrt(500), 1000, 1000) == pytest.approx(p, rel=1e-3)


def test_nothing_and_nan() -> None:
    empty, held = Distribution(scores=True), Distribution(scores=True)
    held.add(np.array([np.nan, 0.5, 1.0]))
    assert held.count == 2 and held.told()["max"] == 1.0
    assert compared("score", empty, held)["a"] == {"count": 0}
