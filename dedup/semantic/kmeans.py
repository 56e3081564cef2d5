"""Spherical k-means whose result is the same for any number of threads, any library and any processor.

Rows and centroids are rounded to small integers (`codes`), whose dot products are exact in int8 arithmetic, in float32
and in TF32: the order of a sum, and with it faiss, BLAS, a GPU or the number of threads, cannot change a nearest
centroid. New centroids are sums of float16, which float64 holds exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dedup.semantic.codes import best, centroid_codes
from dedup.semantic.cosine import norms, widened

if TYPE_CHECKING:
    from dedup.semantic.neighbours import Vectors

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
BLOCK = 1 << 16  # rows searched at once
PRODUCTS = 1 << 20  # of a block's part that one thread searches: they stay in the processor's cache


def train(vectors: Vectors, sample: Longs, clusters: int, iterations: int, threads: int = 1) -> Floats:
    """Centroids, float32 integers [clusters, dimensions], from rows `sample`, in an order that is random already.

    The first `clusters` of them begin. A centroid without rows moves to the row that lies worst.
    """
    codes = vectors.coded(sample)
    rows = widened(vectors.values[sample].astype(np.float16, copy=False)).numpy()
    centroids = centroid_codes(rows[:clusters].astype(np.float64))
    for _ in range(iterations):
        scores, labels = nearest(codes.codes, centroids, 1, vectors.device, threads)
        own = labels[:, 0]
        order = np.argsort(own, kind="stable")
        present, starts = np.unique(own[order], return_index=True)
        sums = np.zeros(centroids.shape, np.float64)
        sums[present] = _group_sums(rows, order, starts)
        empty = np.setdiff1d(np.arange(clusters), present)
        if len(empty):
            worst = np.argsort(scores[:, 0] / codes.scale, kind="stable")[: len(empty)]
            sums[empty] = rows[worst]
        length = norms(sums.astype(np.float32))
        updated = centroid_codes(sums / np.where(length > 0, length, 1)[:, None])
        if np.array_equal(updated, centroids):
            break
        centroids = updated
    return centroids


def _group_sums(rows: Floats, order: Longs, starts: Longs) -> Doubles:
    """Sums of the rows of each group: multiples of 2^-24 below 2^29, so exact in any order."""
    ends = np.append(starts[1:], len(order))
    return np.stack([rows[order[a:b]].sum(axis=0, dtype=np.float64) for a, b in zip(starts, ends, strict=True)])


def nearest(rows: Any, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    """Products and numbers of the `count` nearest centroids of coded rows, best first; of equals the smaller number.

    faiss and torch are asked for two more, since they order equals as they like: a tie of four at the cut would be
    needed to show. faiss's search for a single one takes the first of equals, as the search of int8 does for any.
    """
    import torch

    if rows.dtype == torch.int8:
        return _int8(rows, centroids, count, threads)
    asked = 1 if count == 1 and device == "cpu" else min(count + 2, len(centroids))
    scores, labels = (_faiss if device == "cpu" else _torch)(rows, centroids, asked, device, threads)
    order = np.lexsort((labels, -scores), axis=-1)[:, :count]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(labels, order, 1)


def _int8(rows: Any, centroids: Floats, count: int, threads: int) -> tuple[Floats, Longs]:
    import torch

    known = torch.from_numpy(centroids).to(torch.int8).T
    scores = np.empty((len(rows), count), np.float32)
    labels = np.empty((len(rows), count), np.int64)
    step = max(16, PRODUCTS // len(centroids))

    def search(low: int) -> None:
        part = slice(low, low + step)
        scores[part], labels[part] = best(torch._int_mm(rows[part], known).numpy(), count)

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(search, range(0, len(rows), step)))
    torch.set_num_threads(before)
    return scores, labels


def _faiss(rows: Any, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    import faiss

    faiss.omp_set_num_threads(threads)
    scores, labels = faiss.knn(rows.numpy(), centroids, count, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, labels


def _torch(rows: Any, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    """The same by torch, on a GPU (or, for tests, as device "cpu:0" on a processor)."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True  # exact here
    known = torch.from_numpy(centroids).to(device).T
    scores = np.empty((len(rows), count), np.float32)
    labels = np.empty((len(rows), count), np.int64)
    step = max(1, min(len(rows), (1 << 28) // max(1, len(centroids))))
    for low in range(0, len(rows), step):
        found = (rows[low : low + step] @ known).topk(count, dim=1)
        scores[low : low + step] = found.values.cpu().numpy()
        labels[low : low + step] = found.indices.cpu().numpy()
    return scores, labels


def blocks(total: int) -> Iterator[Longs]:
    """Row numbers, as many as are searched at once."""
    for low in range(0, total, BLOCK):
        yield np.arange(low, min(low + BLOCK, total))
