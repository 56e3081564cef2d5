"""Spherical k-means whose result is the same for any number of threads, any library and any processor.

Rows and centroids are rounded to small integers (`codes`), whose dot products are exact in int8 arithmetic, in float32
and in TF32: the order of a sum, and with it faiss, BLAS, a GPU or the number of threads, cannot change a nearest
centroid. New centroids are sums of float16, which float64 holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.errors import EngineError
from dedup.semantic.codes import LARGEST, best, centroid_codes
from dedup.semantic.cosine import norms, widened

if TYPE_CHECKING:
    from dedup.semantic.neighbours import Vectors

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
BLOCK = 1 << 16  # rows searched at once
PRODUCTS = 1 << 20  # of a block's part that one thread searches: they stay in the processor's cache
GPU_PRODUCTS = 1 << 23  # 32 MiB, which stay in a GPU's


def train(vectors: Vectors, sample: Longs, clusters: int, iterations: int, threads: int = 1) -> Floats:
    """Centroids, float32 integers [clusters, dimensions], from rows `sample`, in an order that is random already.

    The first `clusters` of them begin. A centroid without rows moves to the row that lies worst.
    """
    codes = vectors.coded(sample)
    rows = vectors.values[sample].astype(np.float16, copy=False)
    add_up = _host_sums(rows) if vectors.device == "cpu" else _device_sums(rows, vectors.device)
    centroids = centroid_codes(rows[:clusters].astype(np.float64))
    for _ in range(iterations):
        scores, labels = nearest(codes.codes, centroids, 1, vectors.device, threads)
        own = labels[:, 0]
        sums, present = add_up(own, clusters)
        empty = np.flatnonzero(~present)
        if len(empty):
            worst = np.argsort(scores[:, 0] / codes.scale, kind="stable")[: len(empty)]
            sums[empty] = rows[worst]
        length = norms(sums.astype(np.float32))
        updated = centroid_codes(sums / np.where(length > 0, length, 1)[:, None])
        if np.array_equal(updated, centroids):
            break
        centroids = updated
    return centroids


# Sums of rows of float16 by cluster [clusters, dimensions], and which clusters have any. They are multiples of 2^-24 below
# 2^29, so float64 holds them exactly in any order, atomic additions of a GPU included.
Sums = Callable[[Longs, int], tuple[Doubles, npt.NDArray[np.bool_]]]


def _host_sums(rows: npt.NDArray[np.float16]) -> Sums:
    wide: Floats = widened(rows).numpy()

    def add_up(own: Longs, clusters: int) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        order = np.argsort(own, kind="stable")
        counts = np.bincount(own, minlength=clusters)
        sums = np.zeros((clusters, wide.shape[1]), np.float64)
        ends = np.cumsum(counts)
        for cluster in np.flatnonzero(counts).tolist():
            low, high = ends[cluster] - counts[cluster], ends[cluster]
            sums[cluster] = wide[order[low:high]].sum(axis=0, dtype=np.float64)
        return sums, counts > 0

    return add_up


def _device_sums(rows: npt.NDArray[np.float16], device: str) -> Sums:
    import torch

    held = torch.from_numpy(rows).to(device)

    def add_up(own: Longs, clusters: int) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        label = torch.from_numpy(np.ascontiguousarray(own)).to(device)
        sums = torch.zeros((clusters, held.shape[1]), dtype=torch.float64, device=device)
        for low in range(0, len(held), BLOCK):
            sums.index_add_(0, label[low : low + BLOCK], held[low : low + BLOCK].double())
        return sums.cpu().numpy(), np.bincount(own, minlength=clusters) > 0

    return add_up


def nearest(rows: Any, centroids: Floats, count: int, device: str, threads: int) -> tuple[Floats, Longs]:
    """Products and numbers of the `count` nearest centroids of coded rows, best first; of equals the smaller number.

    faiss is asked for two more, since it orders equals as it likes: a tie of four at the cut would be needed to show. Its
    search for a single one takes the first of equals, as the searches of int8 and of torch do for any.
    """
    import torch

    if rows.dtype == torch.int8:
        return _int8(rows, centroids, count, threads)
    if device != "cpu":
        return _torch(rows, centroids, count, device)
    asked = 1 if count == 1 else min(count + 2, len(centroids))
    scores, labels = _faiss(rows, centroids, asked, threads)
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


def _faiss(rows: Any, centroids: Floats, count: int, threads: int) -> tuple[Floats, Longs]:
    import faiss

    faiss.omp_set_num_threads(threads)
    scores, labels = faiss.knn(rows.numpy(), centroids, count, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, labels


def _torch(rows: Any, centroids: Floats, count: int, device: str) -> tuple[Floats, Longs]:
    """The same by torch, on a GPU (or, for tests, as device "cpu:0" on a processor).

    The largest is looked for `count` times: `topk` of a GPU reads a row many times over. `max` takes the first of equals.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True  # exact here
    prove_exact(device)
    known = torch.from_numpy(centroids).to(device).T
    scores = torch.empty((len(rows), count), dtype=torch.float32, device=device)
    labels = torch.empty((len(rows), count), dtype=torch.int64, device=device)
    step = max(1, GPU_PRODUCTS // len(centroids))
    for low in range(0, len(rows), step):
        products = rows[low : low + step] @ known
        for place in range(count):
            found = products.max(dim=1)
            scores[low : low + step, place], labels[low : low + step, place] = found
            if place + 1 < count:
                products.scatter_(1, found.indices[:, None], -torch.inf)
    return scores.cpu().numpy(), labels.cpu().numpy()


@cache
def prove_exact(device: str) -> None:
    """EngineError where products of integers are not exact, on which the clusters' being the same everywhere hangs."""
    import torch

    random = np.random.default_rng(0)
    for extreme in (True, False):
        a, b = (random.integers(-LARGEST, LARGEST + 1, (64, 1024)).astype(np.float32) for _ in range(2))
        if extreme:  # the largest sum that two rows of length 2^12 have
            a, b = np.full_like(a, LARGEST), np.full_like(b, LARGEST)
        found = (torch.from_numpy(a).to(device) @ torch.from_numpy(b).to(device).T).cpu().numpy()
        if not np.array_equal(found.astype(np.int64), a.astype(np.int64) @ b.astype(np.int64).T):
            raise EngineError(
                f"dedup-semantic: products of integers are not exact on {device}; CUDA_VISIBLE_DEVICES= uses the processor"
            )


def blocks(total: int) -> Iterator[Longs]:
    """Row numbers, as many as are searched at once."""
    for low in range(0, total, BLOCK):
        yield np.arange(low, min(low + BLOCK, total))
