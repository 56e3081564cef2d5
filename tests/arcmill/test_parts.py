"""Tasks are cut by the input alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arcmill.parts import group_by_bytes


@given(st.lists(st.integers(0, 1 << 32), max_size=200))
def test_groups_hold_every_input_once_in_order(sizes: list[int]) -> None:
    groups = group_by_bytes(sizes)
    assert [number for group in groups for number in group] == list(range(len(sizes)))
    assert all(groups)


def test_a_small_input_gives_some_tasks_and_a_large_one_bounded_ones() -> None:
    assert 8 <= len(group_by_bytes([100_000] * 160)) <= 17
    assert all(len(group) <= 64 for group in group_by_bytes([1 << 20] * 100_000))
