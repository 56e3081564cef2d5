"""Logistic regression on sparse vectors, compiled and on one thread, so that the same files give the same bytes.

Stochastic gradients with a rate of its own for each feature: Duchi, Hazan and Singer, Adaptive Subgradient Methods
(AdaGrad), JMLR 12 (2011). Targets may be any number from 0 to 1 (cross entropy with soft labels).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]


@njit(cache=True)  # type: ignore[untyped-decorator]
def fit(places: Array, values: Array, ends: Array, targets: Array, weights: Array, order: Array, size: int, rate: float,
        decay: float, epochs: int) -> Array:  # fmt: skip
    """Weights of `size` features and, last, the offset.

    places, values: the vectors run together; vector i ends at ends[i]. order: the order of the vectors, the same in
    each epoch. decay: pull of the weights towards 0 for each unit of gradient.
    """
    out = np.zeros(size + 1, np.float64)
    sums = np.full(size + 1, 1e-6, np.float64)
    for _ in range(epochs):
        for k in range(order.shape[0]):
            row = order[k]
            start = ends[row - 1] if row > 0 else 0
            exponent = out[size]
            for i in range(start, ends[row]):
                exponent += out[places[i]] * values[i]
            exponent = min(30.0, max(-30.0, exponent))
            error = weights[row] * (1.0 / (1.0 + np.exp(-exponent)) - targets[row])
            for i in range(start, ends[row]):
                place = places[i]
                gradient = error * values[i] + decay * out[place]
                sums[place] += gradient * gradient
                out[place] -= rate * gradient / np.sqrt(sums[place])
            sums[size] += error * error
            out[size] -= rate * error / np.sqrt(sums[size])
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def probability(places: Array, values: Array, weights: Array) -> float:
    """The probability of a good file; `weights` as `fit` gives them."""
    exponent = np.float64(weights[weights.shape[0] - 1])
    for i in range(places.shape[0]):
        exponent += np.float64(weights[places[i]]) * values[i]
    return float(1.0 / (1.0 + np.exp(-min(30.0, max(-30.0, exponent)))))
