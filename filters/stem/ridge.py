"""Ridge regression on sets of hashed features: w that minimises |A w - y|^2 + strength |w|^2, y without its mean.

A row of A has 1 / sqrt(n) in the n slots of its text, so every row has length 1. Solved by conjugate gradients, whose sums
run in a fixed order on one thread: the same labels give the same weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rows", "solve"]

_STEPS = 300
_TOLERANCE = 1e-6  # of the residual's length, relative to the first


class Rows:
    """Sets of slots, one a row, in one array. Only slots that occur are kept: slot number i stands for `names[i]`."""

    def __init__(self, sets: list[NDArray[np.int32]], width: int) -> None:
        self.width = width
        self.ends = np.cumsum([len(slots) for slots in sets], dtype=np.int64)
        self.names, slots = np.unique(np.concatenate([np.empty(0, np.int32), *sets]), return_inverse=True)
        self.slots = slots.astype(np.int32)

    def __len__(self) -> int:
        return len(self.ends)

    def first(self, count: int) -> Rows:
        """The first `count` rows."""
        part = Rows([], self.width)
        part.names = self.names
        part.ends = self.ends[:count]
        part.slots = self.slots[: int(part.ends[-1]) if count else 0]
        return part

    def times(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """A w: a value a row; an empty row gives 0."""
        out = np.zeros(len(self))
        _times(self.slots, self.ends, weights[self.names], out)
        return out


@njit(cache=True)
def _times(slots, ends, weights, out):  # type: ignore[no-untyped-def]
    start = 0
    for row in range(ends.size):
        total = 0.0
        for at in range(start, ends[row]):
            total += weights[slots[at]]
        if ends[row] > start:
            out[row] = total / np.sqrt(ends[row] - start)
        start = ends[row]


@njit(cache=True)
def _transposed_times(slots, ends, values, out):  # type: ignore[no-untyped-def]
    start = 0
    for row in range(ends.size):
        if ends[row] > start:
            value = values[row] / np.sqrt(ends[row] - start)
            for at in range(start, ends[row]):
                out[slots[at]] += value
        start = ends[row]


@njit(cache=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for at in range(a.size):
        total += a[at] * b[at]
    return total


def solve(
    rows: Rows, targets: NDArray[np.float64], strength: float, use: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Weights of all slots. `use` says which rows are learned from (all). `targets` are without their mean."""
    mask = np.ones(len(rows)) if use is None else use.astype(np.float64)

    def back(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros(len(rows.names))
        _transposed_times(rows.slots, rows.ends, values * mask, out)
        return out

    def forth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros(len(rows))
        _times(rows.slots, rows.ends, values, out)
        return out

    weights = np.zeros(len(rows.names))
    residual = back(targets)
    direction = residual.copy()
    size = first = _dot(residual, residual)
    for _ in range(_STEPS):
        if size <= first * _TOLERANCE**2:
            break
        curved = back(forth(direction)) + strength * direction
        step = size / _dot(direction, curved)
        weights += step * direction
        residual -= step * curved
        before, size = size, _dot(residual, residual)
        direction = residual + (size / before) * direction
    everywhere = np.zeros(rows.width)
    everywhere[rows.names] = weights
    return everywhere
