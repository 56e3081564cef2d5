"""Best-fit decreasing: compiled, and as a few plain lines say it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequences.best_fit import best_fit


def plainly(lengths: list[int], capacity: int) -> list[int]:
    """Row of each item: each item, the longest first, into the row with the least room that is enough."""
    rooms: list[int] = []
    came: list[int] = []  # when a row came to its room
    row_of = [-1] * len(lengths)
    for clock, item in enumerate(sorted(range(len(lengths)), key=lambda number: -lengths[number])):
        fits = [row for row, room in enumerate(rooms) if room >= lengths[item]]
        if not fits:
            rooms.append(capacity)
            came.append(0)
            fits = [len(rooms) - 1]
        row = min(fits, key=lambda number: (rooms[number], -came[number]))
        rooms[row] -= lengths[item]
        came[row] = clock
        row_of[item] = row
    return row_of


@settings(max_examples=300, deadline=None)
@given(data=st.data(), capacity=st.sampled_from([1, 2, 20, 63, 64, 65, 4095, 4096, 4097, 300_000]))
def test_items_go_where_the_plain_rule_puts_them(data: st.DataObject, capacity: int) -> None:
    size = st.one_of(st.integers(1, capacity), st.integers(1, min(capacity, 9)))
    lengths = data.draw(st.lists(size, max_size=60))
    row_of, rows = best_fit(lengths, capacity)
    assert list(row_of) == plainly(lengths, capacity)
    assert rows == len(set(row_of.tolist()))
    loads = np.bincount(row_of, weights=lengths, minlength=rows) if lengths else np.zeros(0)
    assert loads.max(initial=0) <= capacity
    least = sorted(loads)[:2]
    assert len(least) < 2 or sum(least) > capacity  # two rows that fit into one would be a waste


@pytest.mark.parametrize("lengths", [[0], [3, -1], [3, 11]])
def test_lengths_that_no_row_holds_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="not from 1 to 10"):
        best_fit(lengths, 10)
