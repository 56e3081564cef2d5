"""Greedy removal in rank order, against survivors only, over rows that are compared in a cluster.

The result is that of walking from the best row to the worst: a row is merged into the best survivor that it is like and
is compared with (one of the two is the cluster's own), and survives where there is none. Rows are taken in waves: a wave
is compared with the survivors so far, and what is left of it within itself. How the waves are cut changes memory and
time, never the result.
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
    from dedup.semantic.membership import Groups, Membership

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
    clusters = len(membership.own.starts) - 1
    # Own rows of each cluster, then guests of each; a cluster's guests are `clusters` further on.
    parts = [_cut(group) for group in (membership.own, membership.guests)]
    rows = [piece for part in parts for piece in part]
    at = np.zeros(2 * clusters, np.int64)
    into = np.full(total, -1, np.int64)
    survivors: list[list[Longs]] = [[] for _ in rows]
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
            full = [piece[a + wave] for a, piece in zip(at, rows, strict=True) if a + wave < len(piece)]
            high = int(min([high, *full]))
            stop = np.array([np.searchsorted(piece, high) for piece in rows])
            new = [piece[a:e] for a, e, piece in zip(at, stop, rows, strict=True)]
            worse, better = near(_with_survivors(new, survivors), total * total)
            best = np.full(high - low, total, np.int64)
            np.minimum.at(best, worse - low, better)
            left = [piece[best[piece - low] == total] for piece in new]
            try:
                a, b = near(_within(left), edges)
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


def _cut(groups: Groups) -> list[Longs]:
    """The rows of each cluster."""
    return [groups.rows[a:b] for a, b in pairwise(groups.starts.tolist())]


def _with_survivors(new: list[Longs], survivors: list[list[Longs]]) -> Iterator[Task]:
    """What of a wave is compared with which survivors: own rows with all of the cluster, guests with its own ones."""
    half = len(new) // 2
    for own, guests, *known in zip(new[:half], new[half:], survivors[:half], survivors[half:], strict=True):
        for left, right in ((np.concatenate([own, guests]), known[0]), (own, known[1])):
            if len(left) and right:
                yield left, np.concatenate(right)


def _within(left: list[Longs]) -> Iterator[Task]:
    """What of a wave is compared with one another: own rows, and guests with own rows."""
    half = len(left) // 2
    for own, guests in zip(left[:half], left[half:], strict=True):
        if len(own) > 1:
            yield own, None
        if len(own) and len(guests):
            yield guests, own


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
