from __future__ import annotations

import numpy as np
import pytest

from sequences.compact import Compact


@pytest.mark.parametrize(
    ("ids", "bytes_a_token"),
    [
        ([0, 1, 65535], 2),
        ([0, 65536, 151_551], 3),
        ([7, 65535, (1 << 24) - 1], 3),
        ([0, 1 << 24, (1 << 31) - 1], 4),
        ([-1, 5, -(1 << 31)], 4),
    ],
)
@pytest.mark.parametrize("most", [1, 2, 255])
def test_what_is_put_in_comes_out(ids: list[int], bytes_a_token: int, most: int) -> None:
    tokens = np.resize(np.array(ids, np.int32), (5, 13))
    mask = np.resize(np.array([1, 0, most], np.uint8), (5, 13))
    compact = Compact(tokens, mask)
    out, out_mask = np.empty(13, np.int32), np.empty(13, np.uint8)
    for row in (4, 0, 2, 2):
        compact.copy(row, out, out_mask)
        assert np.array_equal(out, tokens[row]) and np.array_equal(out_mask, mask[row])
    assert compact.nbytes == 5 * (13 * bytes_a_token + (2 if most == 1 else 13))


def test_a_row_group_of_a_large_vocabulary_takes_three_bytes_and_a_bit_a_token() -> None:
    tokens = np.arange(4096 * 4, dtype=np.int32).reshape(4, 4096) + 140_000
    assert Compact(tokens, np.ones((4, 4096), np.uint8)).nbytes == 4 * 4096 * 25 // 8


def test_no_rows() -> None:
    assert Compact(np.empty((0, 8), np.int32), np.empty((0, 8), np.uint8)).nbytes == 0
