"""The last tokens of a budget: which few documents change places so that a sum comes nearest to what was asked.

`mix` cuts a shuffled order where its sum is nearest to the target, so it misses by up to half a document. Where documents
are long or few that is more than a per mille. Here documents next to the cut are exchanged: some of those inside
go out, some of those outside come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

EXHAUSTIVE = 24  # documents of which every choice is tried
PAIRED = 160  # documents next to the cut, on either side, that are also exchanged in pairs
ROUNDS = 32
Numbers = np.ndarray[Any, np.dtype[np.int64]]


def trim(missing: int, inside: Sequence[int], outside: Sequence[int], goal: int) -> tuple[list[int], list[int]]:
    """Which of `inside` go out and which of `outside` come in, by number.

    `missing`: tokens that the sum lacks (negative: has too many). `inside` and `outside` are token counts, nearest to the
    cut first. Ends when no more than `goal` tokens are missing, or nothing tried comes nearer. Of at most `EXHAUSTIVE`
    documents the result is the nearest that there is.
    """
    if abs(missing) <= goal:
        return [], []
    if len(inside) + len(outside) <= EXHAUSTIVE:
        return _best(missing, inside, outside)
    left, out, into = _greedy(missing, inside, outside)
    for _ in range(ROUNDS):
        if abs(left) <= goal:
            break
        # What came in may go out again, and the other way round.
        can_go = [(n, False) for n in range(len(inside)) if n not in out] + [(n, True) for n in sorted(into)]
        can_come = [(n, False) for n in range(len(outside)) if n not in into] + [(n, True) for n in sorted(out)]
        go_tokens = [outside[n] if back else inside[n] for n, back in can_go]
        come_tokens = [inside[n] if back else outside[n] for n, back in can_come]
        rest, going, coming = _exchange(left, go_tokens, come_tokens)
        if abs(rest) >= abs(left):
            break
        left = rest
        for place in going:
            number, back = can_go[place]
            into.discard(number) if back else out.add(number)
        for place in coming:
            number, back = can_come[place]
            out.discard(number) if back else into.add(number)
    return sorted(out), sorted(into)


def _greedy(missing: int, inside: Sequence[int], outside: Sequence[int]) -> tuple[int, set[int], set[int]]:
    """In the order of the cut, every document that does not overshoot."""
    moved: set[int] = set()
    left = abs(missing)
    for number, tokens in enumerate(outside if missing > 0 else inside):
        if 0 < tokens <= left:
            moved.add(number)
            left -= tokens
    return (left, set(), moved) if missing > 0 else (-left, moved, set())


def _exchange(missing: int, inside: Sequence[int], outside: Sequence[int]) -> tuple[int, list[int], list[int]]:
    """The best exchange of none, one or two documents for none, one or two; what is missing then, and the documents."""
    going, going_of = _few(inside)
    coming, coming_of = _few(outside)
    order = np.argsort(coming, kind="stable")
    sums = coming[order]
    wanted = missing + going
    above = np.minimum(np.searchsorted(sums, wanted), len(sums) - 1)
    below = np.maximum(above - 1, 0)
    place = np.where(np.abs(sums[above] - wanted) < np.abs(sums[below] - wanted), above, below)
    rest = wanted - sums[place]
    best = int(np.argmin(np.abs(rest)))
    return int(rest[best]), list(going_of[best]), list(coming_of[int(order[place[best]])])


def _few(tokens: Sequence[int]) -> tuple[Numbers, list[tuple[int, ...]]]:
    """Sums of no document, of one, and of pairs of the first; and which documents they are of."""
    chosen: list[tuple[int, ...]] = [(), *((number,) for number in range(len(tokens)))]
    chosen += list(combinations(range(min(len(tokens), PAIRED)), 2))
    return np.array([sum(tokens[number] for number in one) for one in chosen], dtype=np.int64), chosen


def _best(missing: int, inside: Sequence[int], outside: Sequence[int]) -> tuple[list[int], list[int]]:
    """Every choice, by two halves; among equals one that moves few documents."""
    changes = [*(-tokens for tokens in inside), *outside]
    half = len(changes) // 2
    first, second = _sums(changes[:half]), _sums(changes[half:])
    moved = np.array([bin(mask).count("1") for mask in range(len(second))])
    order = np.lexsort((moved, second))
    sums = second[order]
    wanted = missing - first
    # The first of equal sums moves fewest; of those below, the last run's first.
    above = np.minimum(np.searchsorted(sums, wanted), len(sums) - 1)
    below = np.searchsorted(sums, sums[np.maximum(above - 1, 0)])
    place = np.where(np.abs(sums[above] - wanted) < np.abs(sums[below] - wanted), above, below)
    rest = np.abs(wanted - sums[place])
    counts = np.array([bin(mask).count("1") for mask in range(len(first))]) + moved[order[place]]
    best = int(np.lexsort((counts, rest))[0])
    mask = best | int(order[place[best]]) << half
    chosen = [number for number in range(len(changes)) if mask >> number & 1]
    return [n for n in chosen if n < len(inside)], [n - len(inside) for n in chosen if n >= len(inside)]


def _sums(changes: Sequence[int]) -> Numbers:
    """The sum of every subset, by its bit mask."""
    sums = np.zeros(1, dtype=np.int64)
    for change in changes:
        sums = np.concatenate([sums, sums + change])
    return sums
