"""dedup-semantic on vectors, beside plain NumPy SemDeDup and semhash, with the truth by brute force.

    python benchmarks/dedup_semantic.py                     200,000 x 384 generated vectors, one core
    python benchmarks/dedup_semantic.py --vectors FILE.npy  real ones [rows, dimensions]

Processor seconds and wall seconds of each side, in turns, in one process pinned to one core. Recall is the share of the
true pairs (cosine of at least 1 - eps, all N x N compared) of which at least one is removed: one measure for all.
NumPy SemDeDup has the same sample, rounds and clusters as ours, one cluster an item, and float32 throughout.
semhash is given the same vectors (its approximate index with its own settings); making strings for it is not counted.
On a GPU: benchmarks/gpu/semdedup.py.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; more threads than cores would slow it
sys.path.insert(0, str(Path(__file__).parents[1]))


def generated(rows: int, width: int, seed: int) -> Any:
    """Topics in groups of topics, so that borders of clusters run through them; a fifth are near copies (0.9 to 1)."""
    import numpy as np

    random = np.random.default_rng(seed)
    subjects = random.standard_normal((max(1, rows // 5000), width)).astype(np.float32)
    topics = subjects[random.integers(0, len(subjects), max(1, rows // 200))]
    topics = topics + 0.8 * random.standard_normal(topics.shape).astype(np.float32)
    out = np.empty((rows, width), np.float16)
    copies = random.permutation(rows)[: rows // 5]
    first = np.ones(rows, bool)
    first[copies] = False
    originals = np.flatnonzero(first)
    for low in range(0, len(originals), 1 << 16):
        at = originals[low : low + (1 << 16)]
        block = topics[random.integers(0, len(topics), len(at))]
        out[at] = unit(block + 0.7 * random.standard_normal(block.shape).astype(np.float32))
    for low in range(0, len(copies), 1 << 16):
        at = copies[low : low + (1 << 16)]
        away = unit(random.standard_normal((len(at), width)).astype(np.float32))
        away *= random.uniform(0, 0.48, (len(at), 1)).astype(np.float32)
        out[at] = unit(out[random.choice(originals, len(at))].astype(np.float32) + away)
    return out


def unit(rows: Any) -> Any:
    import numpy as np

    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def numpy_semdedup(vectors: Any, clusters: int, sample: int, rounds: int, eps: float, seed: int) -> Any:
    """SemDeDup as its paper tells it, in NumPy: rows that go."""
    import numpy as np

    wide = unit(vectors.astype(np.float32))
    drawn = wide[np.random.default_rng(seed).permutation(len(wide))[: clusters * sample]]
    centroids = drawn[:clusters].copy()
    for _ in range(rounds):
        labels = (drawn @ centroids.T).argmax(axis=1)
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        centroids[present] = unit(np.add.reduceat(drawn[order], starts))
    labels = np.empty(len(wide), np.int64)
    near = np.empty(len(wide), np.float32)
    for low in range(0, len(wide), 1 << 14):
        scores = wide[low : low + (1 << 14)] @ centroids.T
        labels[low : low + len(scores)] = scores.argmax(axis=1)
        near[low : low + len(scores)] = scores.max(axis=1)
    gone = np.zeros(len(wide), bool)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(clusters + 1))
    for low, high in itertools.pairwise(starts):
        rows = order[low:high]
        if len(rows) > 1:
            rows = rows[np.argsort(near[rows], kind="stable")]
            gone[rows] = np.triu(wide[rows] @ wide[rows].T, 1).max(axis=0) > 1 - eps
    return gone


def semhash(vectors: Any, eps: float) -> Any:
    """Rows that semhash removes."""
    import numpy as np
    from semhash import SemHash

    class NoModel:
        def encode(self, *given: Any, **more: Any) -> Any:
            raise AssertionError("vectors are given")

    index = SemHash.from_embeddings(unit(vectors.astype(np.float32)), [str(n) for n in range(len(vectors))], NoModel())
    kept = index.self_deduplicate(threshold=1 - eps).selected
    gone = np.ones(len(vectors), bool)
    gone[np.array([int(name) for name in kept])] = False
    return gone


def true_pairs(vectors: Any, eps: float) -> Any:
    """Every pair of cosine 1 - eps or more, by all N x N products."""
    import numpy as np

    from dedup.semantic.neighbours import Vectors, find_device

    held = Vectors(vectors, find_device())
    held.rows = 2048
    every = np.arange(len(vectors))
    return held.reaching(held.near(every, every, 1 - eps, every), 1 - eps)


def compare(vectors: Any, eps: float, probes: list[int], peers: list[str], core: int | None) -> None:
    import numpy as np
    import torch

    from dedup.semantic.stage import DedupSemantic

    threads = os.cpu_count() or 1
    started = time.perf_counter()
    torch.set_num_threads(threads)
    a, b = true_pairs(vectors, eps)
    print(f"{len(vectors):,} x {vectors.shape[1]}, eps {eps}: {len(a):,} true pairs, by brute force in "
          f"{time.perf_counter() - started:.0f} s on {threads} cores", flush=True)  # fmt: skip
    if core is not None:
        os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    config = DedupSemantic(eps=eps)
    clusters = config.clusters or (round(len(vectors) ** 0.5) if len(vectors) > 8192 else 1)
    made = keys(len(vectors))

    def ours(count: int) -> Any:
        from dedup.semantic.plan import semdedup

        gone = np.zeros(len(vectors), bool)
        gone[semdedup(vectors, made, config.model_copy(update={"probes": count}), 1)[0].gone] = True
        return gone

    sides: dict[str, Any] = {
        f"arcmill, {count} probe{'s' * (count > 1)}": (lambda n=count: ours(n)) for count in probes
    }
    if "numpy" in peers:
        sides["NumPy SemDeDup"] = lambda: numpy_semdedup(vectors, clusters, config.sample, config.iterations, eps, 1)
    if "semhash" in peers:
        sides["semhash"] = lambda: semhash(vectors, eps)
    small = vectors[:9000]
    from dedup.semantic.plan import semdedup

    semdedup(small, keys(len(small)), config, 1)  # compiles, and loads the libraries
    print(f"{'':<22}{'processor s':>12}{'wall s':>9}{'recall':>9}{'removed':>9}")
    turns = {name: (1 if name == "semhash" else 3) for name in sides}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    removed: dict[str, Any] = {}
    for turn in range(3):
        for name, side in sides.items():
            if turn < turns[name]:
                wall, cpu = time.perf_counter(), time.process_time()
                removed[name] = side()
                times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    for name in sides:
        cpu, wall = (sorted(column)[len(column) // 2] for column in zip(*times[name], strict=True))
        gone = removed[name]
        recall = (gone[a] | gone[b]).mean() if len(a) else 1.0
        print(f"{name:<22}{cpu:>12.1f}{wall:>9.1f}{recall:>9.5f}{int(gone.sum()):>9,}", flush=True)


def keys(rows: int) -> Any:
    import numpy as np
    import pyarrow as pa

    from dedup.semantic.plan import Keys

    ids = pa.array([f"doc-{number:08d}" for number in range(rows)], pa.large_string())
    return Keys(ids, np.full(rows, np.nan), np.zeros(rows, np.int64), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="generated vectors")
    parser.add_argument("--width", type=int, default=384, help="dimensions")
    parser.add_argument("--vectors", metavar="FILE", help="a .npy of real vectors")
    parser.add_argument("--eps", type=float, default=0.05, help="duplicates have a cosine of 1 - eps or more")
    parser.add_argument("--probes", type=int, nargs="+", default=[1, 2, 4], help="clusters a vector is compared in")
    parser.add_argument("--peers", nargs="*", default=["numpy", "semhash"], help="numpy, semhash")
    parser.add_argument("--core", type=int, default=0, help="the core that all sides are pinned to; -1 pins none")
    given = parser.parse_args()
    import numpy as np

    if given.vectors:
        vectors = unit(np.load(given.vectors)).astype(np.float16)
    else:
        vectors = generated(given.rows, given.width, 1)
    compare(vectors, given.eps, given.probes, given.peers, None if given.core < 0 else given.core)


if __name__ == "__main__":
    main()
