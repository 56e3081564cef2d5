"""Greedy removal in rank order, against survivors only, over rows that share a cluster.

The result is that of walking from the best row to the worst: a row is merged into the best survivor that it is like and
shares a cluster with, and survives where there is none. Rows are taken in waves: a wave is compared with the survivors
so far, and what is left of it within itself. How the waves are cut changes memory and time, never the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.clusters import greedy
from dedup.semantic.neighbours import Pairs, Vectors

if TYPE_CHECKING:
    from dedup.semantic.membership import Membership

Longs = npt.NDArray[np.int64]
Task = tuple[Longs, Longs | None]  # rows, and those they are compared with (None: one another)
WAVE = 4096  # rows of one cluster in a wave
EDGES = 1 << 24  # pairs of a wave that are held; a wave with more is halved


class Merged(NamedTuple):
    """`gone` are the removed rows, ascending; `into` the survivor of each; `score` their cosine similarity."""

    gone: Longs
    into: Longs
    score: npt.NDArray[np.float64]


class _Full(Exception):
    """More pairs in a wave than are held at once."""


def merge(
    vectors: Vectors, membership: Membership, threshold: float, threads: int = 1, wave: int = WAVE, edges: int = EDGES
) -> Merged:
    """Rows are ranks: 0 is the best. `threshold` is the smallest cosine of duplicates."""
    import torch

    total = len(vectors.values)
    rows, end = membership.rows, membership.starts[1:]
    at = membership.starts[:-1].copy()
    into = np.full(total, -1, np.int64)
    survivors: list[list[Longs]] = [[] for _ in end]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the clusters are shared out among threads; within one, matrices are small
    with ThreadPoolExecutor(threads if vectors.tensor.device.type == "cpu" else 1) as pool:

        def near(tasks: Iterable[Task], most: int) -> tuple[Longs, Longs]:
            def one(task: Task) -> Pairs:
                left, right = task
                return vectors.near(left, left if right is None else right, threshold, triangle=right is None)

            return _reaching(_few_at_a_time(pool, one, tasks), vectors, threshold, most)

        low, high = 0, total
        while low < total:
            # The wave ends where the first cluster would have too many rows in it, or where its halving says.
            full = at + wave < end
            high = min([high, *rows[(at + wave)[full]].tolist()])
            stop = [a + int(np.searchsorted(rows[a:e], high)) for a, e in zip(at, end, strict=True)]
            touched = [c for c in range(len(end)) if stop[c] > at[c]]
            old = [(rows[at[c] : stop[c]], np.concatenate(survivors[c])) for c in touched if survivors[c]]
            worse, better = near(((left, right) for left, right in old), total * total)
            best = np.full(high - low, total, np.int64)
            np.minimum.at(best, worse - low, better)
            left = [piece[best[piece - low] == total] for piece in (rows[at[c] : stop[c]] for c in touched)]
            try:
                worse, better = near(((piece, None) for piece in left if len(piece) > 1), edges)
            except _Full:
                high = low + (high - low) // 2
                continue
            into[low:high] = np.where(best < total, best, -1)
            merging = greedy(better - low, worse - low)
            number = merging[merging >= 0]
            into[worse[number]] = better[number]
            for c, piece in zip(touched, left, strict=True):
                alive = piece[into[piece] < 0]
                if len(alive):
                    survivors[c].append(alive)
            at = np.array(stop, np.int64)
            low, high = high, total
    torch.set_num_threads(before)
    gone = np.flatnonzero(into >= 0)
    return Merged(gone, into[gone], vectors.cosines(gone, into[gone]))


def _few_at_a_time(pool: ThreadPoolExecutor, one: Callable[[Task], Pairs], tasks: Iterable[Task]) -> Iterator[Pairs]:
    """The pairs of each task, in order; no more than a few tasks are ahead, so that their pairs are not heaped up."""
    waiting = iter(tasks)
    while chunk := list(islice(waiting, 32)):
        yield from pool.map(one, chunk)


def _reaching(found: Iterable[Pairs], vectors: Vectors, threshold: float, most: int) -> tuple[Longs, Longs]:
    """The pairs of all clusters that truly reach the threshold; _Full where they are more than `most`."""
    worse: list[Longs] = []
    better: list[Longs] = []
    held = 0
    for pairs in found:
        if not len(pairs.a):
            continue
        held += len(pairs.a)
        if held > most:
            raise _Full
        a, b = vectors.reaching(pairs, threshold)
        worse.append(a)
        better.append(b)
    empty: Longs = np.empty(0, np.int64)
    return (np.concatenate(worse), np.concatenate(better)) if worse else (empty, empty)
