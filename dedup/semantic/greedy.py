"""Greedy removal in rank order, against survivors only, over rows that share a cluster.

The result is that of walking from the best row to the worst: a row is merged into the best survivor that it is like and
shares a cluster with, and survives where there is none. Rows are taken in waves: a wave is compared with the survivors
so far, and what is left of it within itself. How the waves are cut changes memory and time, never the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.clusters import greedy
from dedup.semantic.neighbours import Pairs, Vectors

if TYPE_CHECKING:
    from dedup.semantic.membership import Membership

Longs = npt.NDArray[np.int64]
Task = tuple[Longs, Longs, Longs | None]  # rows, those they are compared with, and how many of these each (None: all)
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
    rows = [membership.rows[a:b] for a, b in pairwise(membership.starts.tolist())]
    at = np.zeros(len(rows), np.int64)
    into = np.full(total, -1, np.int64)
    survivors: list[list[Longs]] = [[] for _ in rows]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the clusters are shared out among threads; within one, matrices are small
    with ThreadPoolExecutor(threads if vectors.tensor.device.type == "cpu" else 1) as pool:

        def near(tasks: Iterable[Task], most: int) -> tuple[Longs, Longs]:
            def one(task: Task) -> Pairs:
                left, right, before = task
                return vectors.near(left, right, threshold, before)

            return _reaching(_few_at_a_time(pool, one, tasks), vectors, threshold, most)

        low, high = 0, total
        while low < total:
            # The wave ends where the first cluster would have too many rows in it, or where its halving says.
            full = [piece[a + wave] for a, piece in zip(at, rows, strict=True) if a + wave < len(piece)]
            high = int(min([high, *full]))
            stop = np.array([np.searchsorted(piece, high) for piece in rows])
            new = [piece[a:e] for a, e, piece in zip(at, stop, rows, strict=True)]
            old = ((piece, np.concatenate(known), None) for piece, known in zip(new, survivors, strict=True) if known)
            worse, better = near(old, total * total)
            best = np.full(high - low, total, np.int64)
            np.minimum.at(best, worse - low, better)
            left = [piece[best[piece - low] == total] for piece in new]
            try:
                a, b = near(_within(left, membership.label), edges)
            except _Full:
                high = low + (high - low) // 2
                continue
            worse, better = np.maximum(a, b), np.minimum(a, b)
            into[low:high] = np.where(best < total, best, -1)
            merging = greedy(better - low, worse - low)
            number = merging[merging >= 0]
            into[worse[number]] = better[number]
            for known, piece in zip(survivors, left, strict=True):
                alive = piece[into[piece] < 0]
                if len(alive):
                    known.append(alive)
            at = stop
            low, high = high, total
    torch.set_num_threads(before)
    gone = np.flatnonzero(into >= 0)
    return Merged(gone, into[gone], vectors.cosines(gone, into[gone]))


def _within(pieces: list[Longs], label: Longs) -> Iterator[Task]:
    """What of a wave is compared with one another: all of a cluster, but for guests that share their own cluster.

    Those are compared there. So own rows come first, each with those before it, then guests, cluster by cluster, each
    with those before its cluster.
    """
    for cluster, piece in enumerate(pieces):
        if len(piece) < 2:
            continue
        from_cluster = label[piece]
        order = np.lexsort((from_cluster, from_cluster != cluster))
        from_cluster = from_cluster[order]
        number = np.arange(len(piece))
        first = np.concatenate([[True], from_cluster[1:] != from_cluster[:-1]])
        start = np.maximum.accumulate(np.where(first, number, 0))
        yield piece[order], piece[order], np.where(from_cluster == cluster, number, start)


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
