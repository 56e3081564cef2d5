"""Spherical k-means whose result is the same for any number of threads, any library and any processor.

Vectors and centroids are rounded to integers of at most 2^11 (`quantise`). The sums of a dot product of two of them
stay below 2^24, where float32 (and TF32, whose inputs hold eleven bits) is exact: the order of the sum, and with it
faiss, BLAS, a GPU or the number of threads, cannot change a nearest centroid. New centroids are exact sums too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.semantic.cosine import norms, widened

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
SCALE = 2048
BLOCK = 1 << 16  # rows searched at once


def quantise(vectors: npt.NDArray[Any]) -> Floats:
    """Rows of length about 1 as float32 integers of at most SCALE."""
    made: Floats = (widened(vectors) * SCALE).round_().numpy()
    return made


def train(vectors: npt.NDArray[Any], clusters: int, iterations: int, device: str = "cpu", threads: int = 1) -> Floats:
    """Centroids, float32 integers [clusters, dimensions], from rows in an order that is random already.

    The first `clusters` rows begin. A centroid without rows moves to the row that lies worst.
    """
    rows = quantise(vectors)
    centroids = rows[:clusters].copy()
    for _ in range(iterations):
        scores, labels = nearest(rows, centroids, 1, device, threads)
        own = labels[:, 0]
        order = np.argsort(own, kind="stable")
        present, starts = np.unique(own[order], return_index=True)
        sums = np.zeros(centroids.shape, np.float64)
        sums[present] = _group_sums(rows, order, starts)
        empty = np.setdiff1d(np.arange(clusters), present)
        if len(empty):
            worst = np.argsort(scores[:, 0], kind="stable")[: len(empty)]
            sums[empty] = rows[worst]
        length = norms(sums.astype(np.float32))
        updated = np.rint(sums / np.where(length > 0, length, 1)[:, None] * SCALE).astype(np.float32)
        if np.array_equal(updated, centroids):
            break
        centroids = updated
    return centroids


def _group_sums(rows: Floats, order: Longs, starts: Longs) -> npt.NDArray[np.float64]:
    """Sums of the rows of each group: integers below 2^53, so exact in any order."""
    ends = np.append(starts[1:], len(order))
    return np.stack([rows[order[a:b]].sum(axis=0, dtype=np.float64) for a, b in zip(starts, ends, strict=True)])


def assign(
    vectors: npt.NDArray[Any], centroids: Floats, count: int, device: str, threads: int
) -> Iterator[tuple[Floats, Longs]]:
    """For blocks of rows: scores and numbers of the `count` nearest centroids, best first."""
    for low in range(0, len(vectors), BLOCK):
        yield nearest(quantise(vectors[low : low + BLOCK]), centroids, count, device, threads)


def nearest(rows: Floats, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    """The `count` nearest centroids of quantised rows, best first; of equals the smaller number.

    Two more are searched, since libraries order equals as they like: a tie of four at the cut would be needed to show.
    faiss's search for a single one takes the first of equals.
    """
    asked = 1 if count == 1 and device == "cpu" else min(count + 2, len(centroids))
    scores, labels = (_faiss if device == "cpu" else _torch)(rows, centroids, asked, device, threads)
    order = np.lexsort((labels, -scores), axis=-1)[:, :count]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(labels, order, 1)


def _faiss(rows: Floats, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    import faiss

    faiss.omp_set_num_threads(threads)
    scores, labels = faiss.knn(rows, centroids, count, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, labels


def _torch(rows: Floats, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    """The same by torch, on a GPU (or, for tests, as device "cpu:0" on a processor)."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True  # exact here
    known = torch.from_numpy(centroids).to(device).T
    scores = np.empty((len(rows), count), np.float32)
    labels = np.empty((len(rows), count), np.int64)
    step = max(1, min(len(rows), (1 << 28) // max(1, len(centroids))))
    for low in range(0, len(rows), step):
        found = (torch.from_numpy(rows[low : low + step]).to(device) @ known).topk(count, dim=1)
        scores[low : low + step] = found.values.cpu().numpy()
        labels[low : low + step] = found.indices.cpu().numpy()
    return scores, labels
