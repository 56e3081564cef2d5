from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.errors import UsageError
from sequences.order import CYCLE_STEPS, Order, choose_lanes, shuffled


def positions(order: Order, first: int, last: int) -> list[tuple[int, int]]:
    return [(s.epoch, s.position + n) for s in order.stretches(first, last) for n in range(s.samples)]


@given(
    parts=st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(sum),
    lanes=st.integers(1, 12),
    run=st.integers(1, 5),
    seed=st.integers(0, 99),
    cut=st.integers(0, 200),
)
@settings(max_examples=200, deadline=None)
def test_each_epoch_has_each_place_once_wherever_it_is_asked_for(
    parts: list[int], lanes: int, run: int, seed: int, cut: int
) -> None:
    order = Order(parts, "f", seed, lanes, run, 1, True)
    rows = sum(parts)
    whole = positions(order, 0, 3 * rows)
    for epoch in range(3):
        assert sorted(whole[epoch * rows : (epoch + 1) * rows]) == [(epoch, place) for place in range(rows)]
    cut = min(cut, 3 * rows)
    again = Order(parts, "f", seed, lanes, run, 1, True)
    assert positions(again, cut, 3 * rows) == whole[cut:], "a run that begins in the middle reads the same"


def test_without_shuffling_the_order_is_that_of_the_dataset() -> None:
    order = Order([3, 4], "f", 0, 8, 2, 1, False)
    assert positions(order, 0, 14) == [(0, n) for n in range(7)] + [(1, n) for n in range(7)]
    assert [order.part_at(0, place) for place in (0, 2, 3, 6)] == [(0, 0), (0, 0), (1, 3), (1, 3)]


@pytest.mark.parametrize("global_batch", [1, 2, 7, 8, 12, 64, 96, 1024, 1021])
def test_ranks_and_workers_that_divide_the_batch_share_no_lane(global_batch: int) -> None:
    lanes, run = choose_lanes(global_batch)
    assert 1 <= lanes <= 32
    if lanes * run != global_batch * CYCLE_STEPS:
        return  # a batch with too few divisors: correct all the same (above)
    order = Order([100_003], "f", 0, lanes, run, 1, True)
    for ranks in (r for r in (1, 2, 4, 8) if global_batch % r == 0 and (global_batch // r) % run == 0):
        for workers in (1, 2, 4):
            share = global_batch // ranks
            read: dict[tuple[int, int], set[int]] = {}
            for step in range(8):
                for rank in range(ranks):
                    first = step * global_batch + rank * share
                    found = {s.lane for s in order.stretches(first, first + share)}
                    read.setdefault((rank, step % workers), set()).update(found)
            assert sum(map(len, read.values())) == len(set().union(*read.values()))


@pytest.mark.parametrize("ranks", [16, 64])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_four_lanes_a_rank_keep_many_ranks_apart(ranks: int, workers: int) -> None:
    """What docs/handoff.md advises where there are more ranks than a quarter of the lanes; one lane a rank would not do."""
    global_batch = ranks * 4
    lanes, run = choose_lanes(global_batch, 4 * ranks)
    order = Order([100_003], "f", 0, lanes, run, 1, True)
    read: dict[tuple[int, int], set[int]] = {}
    for step in range(8):
        for rank in range(ranks):
            found = {
                s.lane for s in order.stretches(step * global_batch + rank * 4, step * global_batch + rank * 4 + 4)
            }
            read.setdefault((rank, step % workers), set()).update(found)
    assert sum(map(len, read.values())) == lanes == len(set().union(*read.values()))


def test_lanes_are_chosen_by_the_batch_alone_and_may_be_given() -> None:
    assert choose_lanes(64) == (32, 8)
    assert choose_lanes(8) == (32, 1)
    assert choose_lanes(8, 16) == (16, 2)
    assert choose_lanes(8, 16, 3) == (16, 3)
    with pytest.raises(UsageError, match="at least 1"):
        choose_lanes(8, 0)


def test_an_order_is_what_it_always_was() -> None:
    """A change here would lead running jobs astray: a state of theirs would mean other rows."""
    assert shuffled(8, "fingerprint", 0, "parts").tolist() == SHUFFLED
    order = Order([6, 5, 9], "fingerprint", 7, 4, 2, 1, True)
    assert [place for _, place in positions(order, 0, 20)] == LINE


def test_neighbouring_lanes_lie_apart() -> None:
    order = Order([10_000], "f", 0, 32, 1, 1, True)
    gaps = np.abs(np.diff([s.position for s in order.stretches(0, 32)]))
    assert np.median(gaps) > 10_000 // 32


SHUFFLED = [2, 1, 4, 6, 0, 5, 7, 3]
LINE = [10, 11, 4, 5, 0, 1, 16, 17, 12, 13, 6, 7, 2, 3, 18, 19, 14, 15, 8, 9]
