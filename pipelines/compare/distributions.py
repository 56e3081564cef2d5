"""Distributions of numbers in bounded memory: counts by bins, from which quantiles and distances are read.

Lengths have 64 bins an octave (1.1 % wide), scores a thousand between 0 and 1. So a quantile is within a bin of the
exact one, and the Kolmogorov-Smirnov distance is that of the binned values (at most the exact one).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

OCTAVE = 64
SCORE_BINS = 1000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BARS = 12  # of a histogram that is shown
Numbers = np.ndarray[Any, np.dtype[Any]]


class Distribution:
    """Numbers that were seen. `scores`: they lie between 0 and 1; else they are counts from 0."""

    def __init__(self, scores: bool) -> None:
        self.scores = scores
        self.bins = np.zeros(SCORE_BINS + 1 if scores else 48 * OCTAVE, dtype=np.int64)
        self.count, self.sum = 0, 0.0
        self.least, self.most = math.inf, -math.inf

    def add(self, values: Numbers) -> None:
        """Count these values; NaN does not count."""
        values = np.asarray(values, dtype=np.float64)
        values = values[~np.isnan(values)]
        if not len(values):
            return
        if self.scores:
            places = np.clip(np.floor(values * SCORE_BINS), 0, SCORE_BINS)
        else:
            places = np.floor(np.log2(np.maximum(values, 0) + 1) * OCTAVE)
        self.bins += np.bincount(places.astype(np.int64), minlength=len(self.bins))[: len(self.bins)]
        self.count += len(values)
        self.sum += float(values.sum())
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))

    def edges(self) -> Numbers:
        """Where the bins begin, and the last one ends."""
        numbers = np.arange(len(self.bins) + 1)
        return numbers / SCORE_BINS if self.scores else np.exp2(numbers / OCTAVE) - 1

    def quantile(self, share: float) -> float:
        """The value below which a share (0-1) of the numbers lies: the middle of its bin, or its one whole number."""
        place = int(np.searchsorted(np.cumsum(self.bins), share * self.count, side="left"))
        low, high = self.edges()[place : place + 2].tolist()
        middle = (low + high) / 2
        if not self.scores and high - low <= 1:  # of whole numbers it holds one
            middle = math.ceil(low - 1e-9)
        return float(min(max(middle, self.least), self.most))

    def told(self) -> dict[str, Any]:
        """Count, mean, least, most and quantiles."""
        if not self.count:
            return {"count": 0}
        named = {f"p{round(share * 100)}": self.quantile(share) for share in QUANTILES}
        return {"count": self.count, "mean": self.sum / self.count, "min": self.least, **named, "max": self.most}


def compared(name: str, a: Distribution, b: Distribution) -> dict[str, Any]:
    """Both sides, how far they are apart (Kolmogorov-Smirnov, with its asymptotic p), and a histogram of few bars."""
    told: dict[str, Any] = {"name": name, "a": a.told(), "b": b.told()}
    if not a.count or not b.count:
        return told
    gap = np.cumsum(a.bins) / a.count - np.cumsum(b.bins) / b.count
    distance = float(np.abs(gap).max())
    told |= {
        "ks": distance,
        "ks_p": significance(distance, a.count, b.count),
        "ks_at": float(a.edges()[int(np.abs(gap).argmax()) + 1]),
    }
    told["histogram"] = _histogram(a, b)
    return told


def significance(distance: float, n: int, m: int) -> float:
    """The asymptotic two-sided p of a KS distance (Kolmogorov 1933; Smirnov 1948)."""
    size = math.sqrt(n * m / (n + m)) * distance
    if size < 0.2:  # the series does not converge there, and p is 1
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * size) ** 2) for k in range(1, 101))
    return float(min(max(2 * sum(terms), 0.0), 1.0))


def _histogram(a: Distribution, b: Distribution) -> list[dict[str, Any]]:
    held = np.flatnonzero(a.bins + b.bins)
    first, last = int(held[0]), int(held[-1]) + 1
    cuts = np.unique(np.linspace(first, last, min(BARS, last - first) + 1).round().astype(int))
    edges = a.edges()
    return [
        {"from": float(edges[low]), "to": float(edges[high]), "a": int(a.bins[low:high].sum()), "b": int(b.bins[low:high].sum())}
        for low, high in itertools.pairwise(cuts)
    ]  # fmt: skip
