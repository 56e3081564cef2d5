"""From a classifier's output to a probability, and how well it ranks.

Platt, Probabilistic Outputs for Support Vector Machines (1999): a logistic curve of two parameters, with his smoothed
targets; fitted by Newton's method after Lin, Lin and Weng (2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Calibration", "fit", "roc_auc"]

_LEAST = 1e-5  # fastText's softmax leaves about this much to the other label
_STEPS = 100


class Calibration(NamedTuple):
    """score = 1 / (1 + exp(-(slope * logit(p) + offset))), for p the model's probability of its positive label."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        exponent = np.clip(self.slope * _logit(probabilities) + self.offset, -500.0, 500.0)
        return 1.0 / (1.0 + np.exp(-exponent))


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    return np.log(clipped / (1.0 - clipped))


def fit(probabilities: NDArray[np.float64], positive: NDArray[np.bool_]) -> Calibration:
    """Fit on held-out documents. Both labels weigh the same, so a score is the probability under equal shares.

    Raises ValueError unless there are documents of both labels.
    """
    count, total = int(positive.sum()), len(positive)
    if not 0 < count < total:
        raise ValueError("calibration needs held-out documents of both labels")
    x = np.stack([_logit(probabilities), np.ones(total)], axis=1)
    target = np.where(positive, (count + 1) / (count + 2), 1 / (total - count + 2))
    weight = np.where(positive, 0.5 / count, 0.5 / (total - count))
    parameters = np.array([1.0, 0.0])
    loss = _loss(x @ parameters, target, weight)
    for _ in range(_STEPS):
        predicted = 1.0 / (1.0 + np.exp(-np.clip(x @ parameters, -500.0, 500.0)))
        gradient = x.T @ (weight * (predicted - target))
        hessian = (x * (weight * predicted * (1.0 - predicted))[:, None]).T @ x + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10 and _loss(x @ (parameters - size * step), target, weight) > loss:
            size /= 2
        parameters = parameters - size * step
        before, loss = loss, _loss(x @ parameters, target, weight)
        if before - loss < 1e-12:
            break
    slope, offset = (round(float(value), 9) for value in parameters)
    # A slope that is not positive would turn the ranking round: such a model has learned nothing.
    return Calibration(slope, offset) if slope > 0 else Calibration(1e-9, 0.0)


def _loss(exponent: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    return float((weight * (np.logaddexp(0.0, exponent) - target * exponent)).sum())


def roc_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Share of (positive, negative) pairs that the scores put in the right order; ties count half (Mann-Whitney)."""
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        raise ValueError("AUC needs documents of both labels")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))
