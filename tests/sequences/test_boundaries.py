"""Boundaries and positions, beside a loop over the tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcmill.errors import InputError
from sequences.boundaries import cu_seqlens, cu_seqlens_of, position_ids, position_ids_of

LENGTH = 24


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for size in draw(st.lists(st.integers(1, 7), max_size=8)):
        start = made[-1]["start"] + made[-1]["length"] if made else 0
        if start + size <= LENGTH:
            offset, role = draw(st.integers(0, 3)), draw(st.sampled_from(["document", "fim", "psm", "spm", "chat"]))
            made.append({"start": start, "length": size, "offset": offset, "role": role})
    return made


def plainly(segments: list[dict[str, Any]], continued: bool) -> tuple[list[int], list[int]]:
    bounds, positions = [0], []
    for segment in segments:
        first = segment["offset"] if continued and segment["role"] not in ("psm", "spm") else 0
        positions += range(first, first + segment["length"])
        bounds.append(len(positions))
    if len(positions) < LENGTH:
        positions += range(LENGTH - len(positions))
        bounds.append(LENGTH)
    return bounds, positions


@given(segments=rows(), continued=st.booleans())
def test_one_row(segments: list[dict[str, Any]], continued: bool) -> None:
    bounds, positions = plainly(segments, continued)
    assert cu_seqlens(segments, LENGTH).tolist() == bounds
    found = position_ids(segments, LENGTH, continued=continued)
    assert found.tolist() == positions
    assert found.dtype == cu_seqlens(segments, LENGTH).dtype == np.int32


@given(batch=st.lists(rows(), min_size=1, max_size=5), skipped=st.integers(0, 3))
def test_a_batch_is_its_rows(batch: list[list[dict[str, Any]]], skipped: int) -> None:
    flat = [segment for segments in batch for segment in segments]
    starts, lengths = [s["start"] for s in flat], [s["length"] for s in flat]
    splits = np.cumsum([skipped, *map(len, batch)])  # the offsets of a slice of an Arrow column do not begin at 0
    expected = [0] + [
        bound + number * LENGTH for number, row in enumerate(batch) for bound in plainly(row, False)[0][1:]
    ]
    assert cu_seqlens_of(starts, lengths, splits, LENGTH).tolist() == expected
    assert position_ids_of(starts, lengths, splits, LENGTH).tolist() == [plainly(row, False)[1] for row in batch]


@pytest.mark.parametrize(
    ("spans", "place"), [([(0, 5), (6, 2)], 1), ([(0, 5), (4, 2)], 1), ([(0, 25)], 0), ([(1, 3)], 0), ([(0, 0)], 0)]
)
def test_what_no_pack_writes_is_refused(spans: list[tuple[int, int]], place: int) -> None:
    segments = [{"start": start, "length": length} for start, length in spans]
    for function in (cu_seqlens, position_ids):
        with pytest.raises(InputError, match=f"segment {place} of row 0"):
            function(segments, LENGTH)
