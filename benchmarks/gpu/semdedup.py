"""SemDeDup of ten million vectors on one GPU, end to end: time by step, memory planned and met, floor, peer.

    python benchmarks/gpu/semdedup.py                        10,000,000 x 384 on a GPU, 20,000 x 64 on a processor
    python benchmarks/gpu/semdedup.py --vectors 2000000 --peer

The search is that of the stage: k-means, two clusters a vector, greedy against survivors, each decision proved in float64;
from vectors in the host's memory to rows that go, with the survivor of each. Reading and writing of datasets is not in it. The memory
plan is printed first, and a run that does not fit is refused before it begins. --peer runs SemDeDup as published in plain torch
on the same device (float32, one cluster a vector, k-means of the same sample and rounds), as many implementations have it.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import NotMeasured, ceilings, waited
from table import Row, log, told

sys.path.insert(0, str(Path(__file__).parents[1]))


def plan(rows: int, width: int, clusters: int, sample: int) -> tuple[float, float]:
    """Bytes that the device and the host must have.

    Device: vectors in float16, the sample's integers and the centroids in float32, a block of products (2^28 float32, searched
    for the nearest, and as much again for the search), one of codes. Host: the vectors twice (as given and by generation's or
    reading's copy), and 200 bytes a row of ids, ranks and clusters.
    """
    on_device = (
        2.0 * rows * width
        + 4.0 * (clusters * sample + clusters) * width
        + 3 * 4.0 * (1 << 28)
        + 8.0 * (1 << 16) * width
    )
    return on_device, 4.0 * rows * width + 200.0 * rows + 8.0 * clusters * sample * width


@contextmanager
def timed(steps: dict[str, float], place: str) -> Any:
    """Wall seconds of the stage's steps, as `dedup.semantic.plan` calls them."""
    from dedup.semantic import kmeans
    from dedup.semantic import plan as stage

    def around(name: str, call: Any) -> Any:
        def timing(*given: Any, **more: Any) -> Any:
            started = time.perf_counter()
            out = call(*given, **more)
            waited(place)
            steps[name] = steps.get(name, 0.0) + time.perf_counter() - started
            return out

        return timing

    before = [(kmeans, "train"), (stage, "members"), (stage, "Vectors"), (stage, "merge")]
    kept = [(owner, name, getattr(owner, name)) for owner, name in before]
    names = {"train": "k-means", "members": "assignment", "Vectors": "vectors to the device", "merge": "comparison"}
    for owner, name, call in kept:
        setattr(owner, name, around(names[name], call))
    try:
        yield
    finally:
        for owner, name, call in kept:
            setattr(owner, name, call)


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    import torch
    from dedup_semantic import generated, keys

    from dedup.semantic.plan import semdedup
    from dedup.semantic.stage import DedupSemantic

    big = place == "cuda"
    rows = given.vectors or (10_000_000 if big else 20_000)
    width = given.width or (384 if big else 64)
    config = DedupSemantic(eps=given.eps)
    clusters = 1 if rows <= 8192 else round(rows**0.5)
    wanted = plan(rows, width, clusters, config.sample)
    log(
        f"{rows:,} x {width}, {clusters:,} clusters: plan {wanted[0] / 2**30:.1f} GiB on the device, {wanted[1] / 2**30:.1f} GiB here"
    )
    free = torch.cuda.mem_get_info()[0] if big else None
    if free is not None and wanted[0] > free:
        raise NotMeasured(
            f"{wanted[0] / 2**30:.1f} GiB are wanted on the device and {free / 2**30:.1f} GiB are free: --vectors fewer"
        )
    if wanted[1] > available():
        raise NotMeasured(
            f"{wanted[1] / 2**30:.1f} GiB are wanted here and {available() / 2**30:.1f} GiB are free: --vectors fewer"
        )
    most = ceilings(place)
    started = time.perf_counter()
    vectors = on_device(rows, width) if big else generated(rows, width, 1)
    log(f"vectors made in {time.perf_counter() - started:.0f} s")
    device = "cuda" if big else "cpu:0"
    semdedup(vectors[:9000], keys(min(rows, 9000)), config, 1, device)  # compiles
    if big:
        torch.cuda.reset_peak_memory_stats()
    steps: dict[str, float] = {}
    started = time.perf_counter()
    made = keys(rows)
    steps["order of the ids"] = time.perf_counter() - started
    with timed(steps, place):
        removed, facts = semdedup(vectors, made, config, given.threads, device)
    took = time.perf_counter() - started
    searched = 2.0 * width * clusters * (rows + facts["trained_on"] * config.iterations)
    compared = 2.0 * width * (rows * config.probes) ** 2 / clusters / 2
    moved = rows * width * (4 + 2 + 2 * config.probes) + 8.0 * rows * clusters
    floor = max(searched / most["float32 op/s"] + compared / most["float16 op/s"], moved / most["copy bytes/s"])
    size = f"{rows:,} x {width}, {clusters:,} clusters, {config.probes} probes"
    peak = (
        f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB on the device ({wanted[0] / 2**30:.1f} planned), "
        if big
        else ""
    )
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    note = f"{len(removed.gone):,} removed; peak {peak}{used / 2**30:.1f} GiB here ({wanted[1] / 2**30:.1f} planned)"
    out = [Row("SemDeDup, end to end", size, rows / took, "vectors/s", took, floor, note=note)]
    steps["rest (ranks, scores)"] = took - sum(steps.values())
    out += [Row(f"of it {name}", size, rows / max(part, 1e-9), "vectors/s", part) for name, part in steps.items()]
    if given.peer:
        started = time.perf_counter()
        gone = published(vectors, clusters, config.sample, config.iterations, given.eps, place)
        waited(place)
        other = time.perf_counter() - started
        out[0].peer, out[0].ratio = (
            f"plain torch, as published: {rows / other:,.0f} vectors/s ({gone:,} removed)",
            other / took,
        )
    return out


def on_device(rows: int, width: int) -> Any:
    """Vectors as those of `generated` (topics in groups, a fifth near copies at a cosine of 0.9 to 1), made by the GPU."""
    import numpy as np
    import torch

    unit = torch.nn.functional.normalize
    random = torch.Generator("cuda").manual_seed(1)
    how = {"generator": random, "device": "cuda"}
    subjects = torch.randn(max(1, rows // 5000), width, **how)
    topics = subjects[torch.randint(len(subjects), (max(1, rows // 200),), **how)]
    topics = topics + 0.8 * torch.randn(topics.shape, **how)
    held = torch.empty(rows, width, dtype=torch.float16, device="cuda")
    order = torch.randperm(rows, **how)
    copies, originals = order[: rows // 5], order[rows // 5 :]
    for at in originals.split(1 << 18):
        block = topics[torch.randint(len(topics), (len(at),), **how)]
        held[at] = unit(block + 0.7 * torch.randn(block.shape, **how)).half()
    for at in copies.split(1 << 18):
        away = unit(torch.randn(len(at), width, **how)) * (0.48 * torch.rand(len(at), 1, **how))
        held[at] = unit(held[originals[torch.randint(len(originals), (len(at),), **how)]].float() + away).half()
    out = np.empty((rows, width), np.float16)
    for low in range(0, rows, 1 << 20):
        out[low : low + (1 << 20)] = held[low : low + (1 << 20)].cpu().numpy()
    del held
    torch.cuda.empty_cache()
    return out


def available() -> float:
    """Bytes of memory that this machine can still give."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable"):
            return float(line.split()[1]) * 1024
    return float("inf")


def published(vectors: Any, clusters: int, sample: int, rounds: int, eps: float, place: str) -> int:
    """How many rows go by SemDeDup as its paper tells it, in float32 on one device."""
    import torch

    torch.manual_seed(1)
    held = torch.from_numpy(vectors).to(place)
    drawn = held[torch.randperm(len(held), device=place)[: clusters * sample]].float()
    centroids = torch.nn.functional.normalize(drawn[:clusters], dim=1)
    step = max(1, (1 << 28) // clusters)
    for _ in range(rounds):
        labels = torch.cat([(part @ centroids.T).argmax(dim=1) for part in drawn.split(step)])
        sums = torch.zeros_like(centroids).index_add_(0, labels, drawn)
        centroids = torch.nn.functional.normalize(
            torch.where(sums.norm(dim=1, keepdim=True) > 0, sums, centroids), dim=1
        )
    found = [(part.float() @ centroids.T).max(dim=1) for part in held.split(step)]
    near, labels = torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])
    order = torch.argsort(labels)
    bounds = [0, *torch.bincount(labels, minlength=clusters).cumsum(0).tolist()]
    gone = 0
    for low, high in itertools.pairwise(bounds):
        rows = order[low:high]
        if len(rows) > 1:
            part = torch.nn.functional.normalize(held[rows[torch.argsort(near[rows])]].float(), dim=1)
            gone += int((torch.triu(part @ part.T, 1).amax(dim=0) > 1 - eps).sum())
    return gone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, help="rows (10,000,000; 20,000 on a processor)")
    parser.add_argument("--width", type=int, help="dimensions (384; 64 on a processor)")
    parser.add_argument("--eps", type=float, default=0.05, help="duplicates have a cosine of 1 - eps or more")
    parser.add_argument("--threads", type=int, default=1, help="threads of the host")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True, help="plain torch, as published")
    return told(parser, measure, "SemDeDup")


if __name__ == "__main__":
    sys.exit(main())
