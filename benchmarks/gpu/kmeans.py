"""k-means and similarity on a GPU: the search of dedup-semantic beside faiss, and the floor of each step.

    python benchmarks/gpu/kmeans.py                     2,000,000 x 384 on a GPU, 20,000 x 64 on a processor
    python benchmarks/gpu/kmeans.py --vectors 500000 --width 1024

Steps: *training* (the sample, `--iterations` rounds), *assignment* (every vector to its nearest centroid), *similarity*
(pairs of one block of vectors that reach a cosine of 0.95, found and proved). faiss trains with the same sample, clusters and
rounds, on the GPU where it was built for one, else on all cores; it assigns by an exhaustive search. Similarity's peer is a plain
float16 product in torch with a threshold, which proves nothing. Ours are integers (exact in TF32), the same on any device.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from machine import ceilings, installed, seconds
from table import Row, log, told

sys.path.insert(0, str(Path(__file__).parents[1]))


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    import numpy as np
    import torch
    from dedup_semantic import generated

    from dedup.semantic import kmeans
    from dedup.semantic.neighbours import Vectors

    big = place == "cuda"
    rows = given.vectors or (2_000_000 if big else 20_000)
    width = given.width or (384 if big else 64)
    clusters = given.clusters or round(rows**0.5)
    most, threads = ceilings(place), len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    values = generated(rows, width, 1)
    device = "cuda" if big else "cpu:0"  # the GPU's own way, on a processor
    held = Vectors(values, device)
    sample = np.random.default_rng(0).permutation(rows)[: clusters * given.sample]
    size = f"{rows:,} x {width}, {clusters:,} clusters"
    log(size)
    found: list[Row] = []
    faiss = faiss_sides(values, sample, clusters, given.iterations, big)

    def add(
        what: str, took: float, floor: float, done: float, unit: str, peer: tuple[str, float] | None, note: str = ""
    ) -> None:
        log(f"{what}: {took:.3f} s" + (f", {peer[0]} {peer[1]:.3f} s" if peer else ""))
        told_peer = f"{peer[0]}: {done / peer[1]:,.0f} {unit}" if peer else "faiss is not installed: not measured"
        found.append(Row(what, size, done / took, unit, took, floor, told_peer, peer[1] / took if peer else None, note))

    trained: list[Any] = []
    took = seconds(
        lambda: trained.append(kmeans.train(held, sample, clusters, given.iterations, threads)), place, given.turns
    )
    work = 2.0 * len(sample) * clusters * width
    add("k-means, training", took, given.iterations * work / most["float32 op/s"], given.iterations * len(sample),
        "rows/s", faiss and (faiss[0], seconds(faiss[1], place, given.turns)), f"{len(sample):,} rows, {given.iterations} rounds at most")  # fmt: skip

    def assign() -> None:
        for block in kmeans.blocks(rows):
            kmeans.nearest(held.coded(block).codes, trained[-1], 2, device, threads)

    took = seconds(assign, place, given.turns)
    add("k-means, assignment", took, 2.0 * rows * clusters * width / most["float32 op/s"], rows, "rows/s",
        faiss and (faiss[0], seconds(faiss[2], place, given.turns)), "the two nearest")  # fmt: skip
    block = np.arange(min(rows, 65_536 if big else 4096))
    triangle = np.arange(len(block))
    took = seconds(lambda: held.reaching(held.near(block, block, 0.95, triangle), 0.95), place, given.turns)
    tensor = held.tensor[: len(block)]

    def plain() -> None:
        for low in range(0, len(block), 4096):
            torch.nonzero((tensor[low : low + 4096] @ tensor[: low + 4096].T) >= 0.95).cpu()

    pairs = len(block) * (len(block) - 1) / 2
    add("similarity", took, 2.0 * pairs * width / most["float16 op/s"], pairs, "pairs/s",
        ("plain torch, unproved", seconds(plain, place, given.turns)), f"{len(block):,} vectors, each pair once")  # fmt: skip
    return found


def faiss_sides(values: Any, sample: Any, clusters: int, rounds: int, big: bool) -> tuple[str, Any, Any] | None:
    """faiss's name here, its training and its assignment; None where it is not installed."""
    if not installed("faiss"):
        return None
    import faiss
    import numpy as np

    on_gpu = big and hasattr(faiss, "StandardGpuResources")
    width, drawn = values.shape[1], values[sample].astype(np.float32)
    models: list[Any] = []

    def train() -> None:
        models.append(faiss.Kmeans(width, clusters, niter=rounds, spherical=True, gpu=on_gpu, seed=1,
                                   max_points_per_centroid=len(sample)))  # fmt: skip
        models[-1].train(drawn)

    def assign() -> None:
        for low in range(0, len(values), 65_536):
            models[-1].index.search(values[low : low + 65_536].astype(np.float32), 2)

    return ("faiss on the GPU" if on_gpu else "faiss on the processor"), train, assign


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, help="rows (2,000,000; 20,000 on a processor)")
    parser.add_argument("--width", type=int, help="dimensions (384; 64 on a processor)")
    parser.add_argument("--clusters", type=int, help="the square root of the rows, if not given")
    parser.add_argument("--sample", type=int, default=64, help="rows of the sample for each cluster")
    parser.add_argument("--iterations", type=int, default=10, help="rounds of the k-means")
    parser.add_argument("--turns", type=int, default=3, help="rounds; the median is told")
    return told(parser, measure, "k-means and similarity")


if __name__ == "__main__":
    sys.exit(main())
