"""Random decisions that follow from a seed and an id alone, whatever the worker, the engine or the order."""

from __future__ import annotations

import struct
from hashlib import blake2b
from math import isqrt

WORD = 1 << 64
_STEP = 0x9E3779B97F4A7C15  # of a Weyl sequence: further places lie far from the earlier ones
_WORDS = struct.Struct("<8Q")


def words(seed: int, *parts: str | int) -> tuple[int, ...]:
    """Eight uniform 64-bit numbers (BLAKE2b-512) of a seed and the parts of an identity."""
    key = "\0".join(map(str, (seed, *parts)))
    return _WORDS.unpack(blake2b(key.encode("utf-8", "surrogatepass"), person=b"fim").digest())


def happens(word: int, rate: float) -> bool:
    """True for a share `rate` (0-1) of all words; what happens at a rate happens at every higher one."""
    return word < rate * WORD


def below(count: int, word: int, turn: int = 0) -> int:
    """A number from 0 to count - 1; `turn` gives further ones of the same word."""
    return (word + turn * _STEP) % WORD * count >> 64


def span(length: int, shortest: int, longest: int | None, high: int, low: int) -> tuple[int, int] | None:
    """One of all spans of `length` items that hold `shortest` to `longest` of them, each as likely as any other.

    That is Bavarian et al. 2022 (arXiv 2207.14255), section 3: two cuts anywhere, given the bounds. `high` and `low`
    are two words. None where no span fits.
    """
    longest = length if longest is None else min(longest, length)
    if not 0 < shortest <= longest:
        return None
    most = length - shortest + 1  # spans of the shortest length; each longer length has one fewer
    kinds = longest - shortest + 1
    rank = (high * WORD + low) * _spans(most, kinds) >> 128
    longer = (2 * most + 1 - isqrt((2 * most + 1) ** 2 - 8 * rank)) // 2
    while _spans(most, longer) > rank:
        longer -= 1
    start = rank - _spans(most, longer)
    return start, start + shortest + longer


def _spans(most: int, kinds: int) -> int:
    """How many spans the `kinds` shortest lengths have in all."""
    return kinds * (2 * most - kinds + 1) // 2
