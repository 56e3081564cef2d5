"""Candidate pairs: documents that share a band key, taken bucket by bucket from a sorted stream.

A bucket of at most `cap` documents gives all its pairs. In a larger one (boilerplate, templates) every
document is paired with the `anchors` best of the bucket only, and the pairs left out are counted, not
forgotten: the documents concerned stay, unless another band, an anchor, or what that is merged into finds them out. Documents too short
for a shingle share a key only where they are equal, so the best of the bucket stands for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from arcmill.errors import EngineError

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN = 1 << 62  # uids from here on are those of documents that were there before
Longs = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """Pairs of uids (smaller first), bytes of their texts, pairs left out, and buckets too large for all pairs."""

    a: Longs
    b: Longs
    size: Longs
    skipped: int
    hot: int


@njit(cache=True)
def _emit(keys, uids, sizes, short, cap, anchors, a, b, size_of):  # type: ignore[no-untyped-def]
    """Count (where `a` is empty) or write the pairs of all buckets."""
    used, skipped, hot = 0, 0, 0
    first, total = 0, keys.size
    while first < total:
        last = first + 1
        while last < total and keys[last] == keys[first]:
            last += 1
        size = last - first
        reach = size
        if short[first]:
            reach = 1
        elif size > cap:
            reach = anchors
            hot += 1
            rest, old = size - anchors, 0
            for i in range(first + anchors, last):
                old += uids[i] >= KNOWN
            skipped += rest * (rest - 1) // 2 - old * (old - 1) // 2
        if size > 1:
            for i in range(first, min(first + reach, last)):
                for j in range(i + 1, last):
                    if uids[i] >= KNOWN and uids[j] >= KNOWN:
                        continue  # both were there before
                    if a.size:
                        a[used] = min(uids[i], uids[j])
                        b[used] = max(uids[i], uids[j])
                        size_of[used] = sizes[i] + sizes[j]
                    used += 1
        first = last
    return used, skipped, hot


def pairs_of(keys: Longs, uids: Longs, sizes: Longs, short: npt.NDArray[np.bool_], cap: int, anchors: int) -> Pairs:
    """Pairs of whole buckets: rows sorted by key, best document of each bucket first."""
    none = np.empty(0, np.int64)
    count, skipped, hot = _emit(keys, uids, sizes, short, cap, anchors, none, none, none)
    a, b, size = (np.empty(count, np.int64) for _ in range(3))
    if count:
        _emit(keys, uids, sizes, short, cap, anchors, a, b, size)
    return Pairs(a, b, size, int(skipped), int(hot))


Rows = tuple[Longs, Longs, Longs, npt.NDArray[np.bool_]]


def stream_pairs(batches: Iterator[pa.RecordBatch], cap: int, anchors: int) -> Iterator[Pairs]:
    """Pairs from sorted batches (columns key, uid, size, short); a bucket that a batch breaks off waits
    for the next. Raises EngineError where they are not sorted, since pairs would be missed without a word.
    """
    held: list[Rows] = []
    last = np.iinfo(np.int64).min
    for batch in batches:
        if not batch.num_rows:
            continue
        keys, uids, sizes = (batch.column(name).to_numpy() for name in ("key", "uid", "size"))
        short = batch.column("short").to_numpy(zero_copy_only=False)
        if keys[0] < last or (keys[1:] < keys[:-1]).any():
            raise EngineError("dedup-minhash: band keys came out of order from the engine")
        last = keys[-1]
        if keys[0] == keys[-1] and (not held or held[-1][0][-1] == keys[0]):
            held.append((keys, uids, sizes, short))  # the whole batch belongs to the bucket that waits
            continue
        cut = int(np.searchsorted(keys, keys[-1], side="left"))
        held.append((keys[:cut], uids[:cut], sizes[:cut], short[:cut]))
        yield _flush(held, cap, anchors)
        held = [(keys[cut:], uids[cut:], sizes[cut:], short[cut:])]
    if held:
        yield _flush(held, cap, anchors)


def _flush(held: list[Rows], cap: int, anchors: int) -> Pairs:
    keys, uids, sizes, short = (np.concatenate(columns) for columns in zip(*held, strict=True))
    return pairs_of(keys, uids, sizes, short, cap, anchors)
