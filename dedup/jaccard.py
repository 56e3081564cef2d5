"""Exact Jaccard index of shingle sets, each a sorted array of distinct 64-bit hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Longs = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@njit(cache=True)
def _intersections(a, a_from, a_to, b, b_from, b_to, out):  # type: ignore[no-untyped-def]
    for pair in range(out.size):
        i, i_end = a_from[pair], a_to[pair]
        j, j_end = b_from[pair], b_to[pair]
        common = 0
        while i < i_end and j < j_end:
            x, y = a[i], b[j]
            common += x == y
            # Both steps without a branch: which side is smaller is a coin toss that no predictor learns.
            i += x <= y
            j += y <= x
        out[pair] = common


def jaccard(a: Hashes, a_from: Longs, a_to: Longs, b: Hashes, b_from: Longs, b_to: Longs) -> npt.NDArray[np.float64]:
    """|A and B| / |A or B| of each pair i: A = a[a_from[i]:a_to[i]], B likewise; no set may be empty."""
    common = np.empty(a_from.size, np.int64)
    _intersections(a, a_from, a_to, b, b_from, b_to, common)
    result: npt.NDArray[np.float64] = common / (a_to - a_from + b_to - b_from - common)
    return result


def as_set(hashes: Hashes) -> Hashes:
    """Sorted and distinct."""
    ordered = np.sort(hashes)
    if ordered.size < 2:
        return ordered
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]
