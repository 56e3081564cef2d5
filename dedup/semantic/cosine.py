"""Cosine similarities that are the same on every machine, for the pairs that a decision hangs on.

Blocks of similarities come from products of rounded vectors, or from float16 or float32, whose last digits depend on the
machine, its threads and the block. So they only nominate: near the threshold a pair is computed anew, here, in float64
and in a fixed order of sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
_CHUNK = 1 << 12  # pairs whose vectors are gathered at once


@njit(cache=True, nogil=True)
def _dots(a, b):  # type: ignore[no-untyped-def]
    # Products of float16 are exact in float64, and without fastmath the sum keeps its order.
    out = np.empty(a.shape[0], np.float64)
    for row in range(a.shape[0]):
        total = 0.0
        for column in range(a.shape[1]):
            total += np.float64(a[row, column]) * np.float64(b[row, column])
        out[row] = total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _cosines(a, b):  # type: ignore[no-untyped-def]
    out = np.empty(a.shape[0], np.float64)
    for row in range(a.shape[0]):
        both, left, right = 0.0, 0.0, 0.0  # three sums side by side take the time of one
        for column in range(a.shape[1]):
            x, y = np.float64(a[row, column]), np.float64(b[row, column])
            both += x * y
            left += x * x
            right += y * y
        out[row] = both / (np.sqrt(left) * np.sqrt(right))
    return out


def widened(vectors: npt.NDArray[Any]) -> Any:
    """A torch tensor of the same numbers in float32: torch widens float16 many times as fast as numpy."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(vectors)).float()


def dots(left: Any, right: Any) -> Doubles:
    """Row by row, the dot product of two float32 matrices of one shape."""
    made: Doubles = _dots(np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32))
    return made


def norms(vectors: npt.NDArray[Any]) -> Doubles:
    """Length of each row."""
    out = np.empty(len(vectors), np.float64)
    for low in range(0, len(vectors), _CHUNK):
        rows = widened(vectors[low : low + _CHUNK]).numpy()
        out[low : low + _CHUNK] = np.sqrt(dots(rows, rows))
    return out


def cosines(vectors: npt.NDArray[Any], a: Longs, others: npt.NDArray[Any], b: Longs) -> Doubles:
    """Cosine similarity of rows `a` of `vectors` to rows `b` of `others`, pair by pair. Equal rows give exactly 1."""
    out = np.empty(len(a), np.float64)
    for low in range(0, len(a), _CHUNK):
        i, j = a[low : low + _CHUNK], b[low : low + _CHUNK]
        out[low : low + _CHUNK] = _cosines(widened(vectors[i]).numpy(), widened(others[j]).numpy())
    out = np.clip(out, -1, 1)
    # Rounding of the two lengths; nothing that is held in float16 or float32 is so near to equal otherwise.
    return np.where(out > 1 - 4e-15, 1.0, out)


def reach(vectors: npt.NDArray[Any], a: Longs, b: Longs, threshold: float) -> npt.NDArray[np.bool_]:
    """Whether the cosine of each pair of rows is at least `threshold`: in float32, and in float64 where that is near."""
    import torch

    out = np.empty(len(a), np.bool_)
    # The three sums of a cosine are off by this much at most, in any order; equal rows must not hang on it.
    bound = 4 * (vectors.shape[1] + 8) * 2.0**-24
    for low in range(0, len(a), _CHUNK):
        i, j = a[low : low + _CHUNK], b[low : low + _CHUNK]
        x, y = widened(vectors[i]), widened(vectors[j])
        length = torch.linalg.vector_norm(x, dim=1) * torch.linalg.vector_norm(y, dim=1)
        rough = ((x * y).sum(dim=1) / length).numpy()
        sure = rough >= threshold + bound
        near = np.flatnonzero((rough >= threshold - bound) & ~sure)
        sure[near] = cosines(vectors, i[near], vectors, j[near]) >= threshold
        out[low : low + _CHUNK] = sure
    return out
