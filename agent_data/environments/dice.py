"""Random numbers that are the same on every machine and in every Python, for the states of worlds.

Only `random.Random.random()` is promised to stay as it is; the other methods may change between versions of Python.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from a seed: a text or a number."""

    def __init__(self, seed: str | int) -> None:
        self._random = random.Random(str(seed))

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return int(self._random.random() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, share: float) -> bool:
        """True in this share (0-1) of draws."""
        return self._random.random() < share

    def choice(self, values: Sequence[T]) -> T:
        """One of the values. IndexError where there is none."""
        return values[self.below(len(values))]

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        """`count` different places of the sequence, in the order they were drawn; all of them where it holds fewer."""
        left = list(values)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]

    def weighted(self, values: Sequence[T], weights: Sequence[int]) -> T:
        """One of the values, by whole-number weights."""
        drawn = self.below(sum(weights))
        for value, weight in zip(values, weights, strict=True):
            drawn -= weight
            if drawn < 0:
                return value
        raise ValueError("weights sum to nothing")
