"""What measurements bear out: values and paired differences with intervals over documents and seeds.

A measurement is a ratio of sums over units (documents): nats by tokens, bits by bytes, right answers by items. The
denominators are the same for all arms, since the tokenizer and the items are. Two things could have come out otherwise:
which documents were held out, and how a training went. Documents are resampled (bootstrap). There are too few seeds to
resample: of three, the bootstrap sees 2/3 of the variance and its interval misses the truth far more often than it
says. So the spread between seeds enters by Student's t with (seeds - 1) degrees of freedom, drawn anew in each resample
from the differences of that resample's documents; `tests/pipelines/ablate/test_intervals.py` measures the coverage.
Few documents, or many of which some are far longer than the rest, are treated alike: what a resample departs by is
scaled by Student's factor for the effective number of documents, (sum of sizes)² / (sum of their squares).
Differences are paired: the same documents in both arms, and the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
_DRAW = 20261
_CHUNK = 1 << 22  # numbers in a block of resampled weights


@dataclass(frozen=True)
class Interval:
    """A value and where it lies with the confidence asked for; None without an interval (one seed, or one unit)."""

    value: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]  # the value of each seed

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def interval(parts: list[tuple[Numbers, Numbers]], confidence: float, resamples: int) -> Interval:
    """The mean over sets of ratios of sums: each part is one set, (numerators[seed, unit], denominators[unit]).

    Units of different sets are resampled apart; the seeds are the same in all.
    """
    seeds = parts[0][0].shape[0]
    whole = np.mean([top.sum(axis=1) / below.sum() for top, below in parts], axis=0)
    value = float(whole.mean())
    each = tuple(float(number) for number in whole)
    if seeds < 2 or any(len(below) < 2 for _, below in parts):
        return Interval(value, None, None, each)
    chance = np.random.default_rng(_DRAW)
    drawn = np.mean([_resampled(top, below, resamples, chance) for top, below in parts], axis=0)  # [resample, seed]
    spread = drawn.std(axis=1, ddof=1) / np.sqrt(seeds)
    replicates = drawn.mean(axis=1) + chance.standard_t(seeds - 1, size=resamples) * spread
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, (tail, 1 - tail))
    return Interval(value, float(low), float(high), each)


def within_a_share(found: Interval, units: int, confidence: float, *, difference: bool) -> Interval:
    """The interval of a share, or of a difference of two, between its bounds.

    Where all units came out alike, resampling has nothing to vary, and its interval no width. What was never seen in n
    units may still happen to 1 - (1 - confidence)^(1/n) of them (the rule of three), so it is that wide.
    """
    if found.low is None or found.high is None:
        return found
    least = -1.0 if difference else 0.0
    room = 1 - (1 - confidence) ** (1 / units) if found.low == found.high else 0.0
    return replace(found, low=max(least, found.low - room), high=min(1.0, found.high + room))


def _resampled(top: Numbers, below: Numbers, resamples: int, chance: np.random.Generator) -> Numbers:
    """Ratios of sums with units drawn with replacement: [resample, seed]."""
    units = len(below)
    found = np.empty((resamples, top.shape[0]))
    whole = top.sum(axis=1) / below.sum()
    step = max(1, _CHUNK // units)
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        weights = chance.multinomial(units, np.full(units, 1 / units), size=count).astype(np.float64)
        found[first : first + count] = (weights @ top.T) / (weights @ below)[:, None]
    effective = max(2.0, below.sum() ** 2 / (below**2).sum())
    freedom = effective - 1
    factor = np.sqrt(effective / freedom) * np.sqrt(freedom / chance.chisquare(freedom, size=resamples))
    scaled: Numbers = whole + (found - whole) * factor[:, None]
    return scaled
