"""dedup-minhash beside datatrove's four MinHash steps: same documents, same parameters (14 bands of 8,
word 5-grams), one core (the process and all that it starts are pinned to it).

Data: made here from a Zipf vocabulary with a fixed seed, so anyone has the same. A fifth of the documents are
planted near-copies of others, with words replaced so that their Jaccard index (of the words' 5-grams) is
spread from 0.5 to 1. Both sides read the same Parquet and write what they keep. The first run of the whole stage begins
its session (the embedded one, or with --master Spark's own); a second one, on the same input, is told too. Beside the
signatures: rensa's, of as many values, on words joined by fives.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
BANDS, ROWS, NGRAM = 14, 8, 5


def corpus(documents: int, seed: int = 0) -> tuple[list[str], dict[int, tuple[int, float]]]:
    """Texts, and the planted copies: number of the copy -> number of the original, Jaccard."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    vocabulary = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 10, 30_000)]
    originals = documents * 4 // 5
    sizes = np.clip(rng.lognormal(5.9, 0.6, originals), 60, 4000).astype(int)
    numbers = [np.minimum(rng.zipf(1.25, size) - 1, 29_999) for size in sizes]
    planted: dict[int, tuple[int, float]] = {}
    for copy in range(documents - originals):
        original = numbers[copy * originals // (documents - originals)]
        new, share = original.copy(), rng.uniform(0, 0.06)
        places = np.flatnonzero(rng.random(new.size) < share)
        new[places] = rng.integers(0, 30_000, places.size)
        planted[len(numbers)] = (copy * originals // (documents - originals), jaccard(original, new))
        numbers.append(new)
    texts = []
    for row in numbers:
        words = [vocabulary[n] for n in row]
        ends = set(rng.integers(0, len(words), len(words) // 12).tolist()) if len(words) else set()
        texts.append(" ".join(f"{w}." if i in ends else w for i, w in enumerate(words)))
    return texts, planted


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    one, other = ({tuple(x[i : i + NGRAM]) for i in range(len(x) - NGRAM + 1)} for x in (a.tolist(), b.tolist()))
    return len(one & other) / len(one | other)


def cpu_seconds() -> float:
    """CPU of this process and its descendants that live (the JVM and Spark's Python workers among them)."""
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    total, waiting = 0.0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0.0)
        waiting += parents.get(process, [])
    return total


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall seconds, CPU seconds."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work()
    return result, time.perf_counter() - wall, cpu_seconds() - cpu


def run_datatrove(folder: Path, source: Path) -> tuple[list[tuple[str, float, float]], set[str]]:
    """Seconds of each step, and the ids that it kept."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    logger.remove()
    config = MinhashConfig(
        n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS, hash_config=HashConfig(precision=64)
    )
    where = {name: str(folder / name) for name in ("signatures", "buckets", "clusters", "kept")}

    def reader() -> ParquetReader:
        return ParquetReader(str(source), text_key="text", id_key="id", file_progress=False, doc_progress=False)

    def step(name: str, tasks: int, *pipeline: Any) -> LocalPipelineExecutor:
        logs = str(folder / f"logs-{name}")
        return LocalPipelineExecutor(list(pipeline), tasks=tasks, workers=1, logging_dir=logs)

    steps = {
        "signatures": lambda: step("s", 1, reader(), MinhashDedupSignature(where["signatures"], config)),
        "buckets": lambda: step("b", BANDS, MinhashDedupBuckets(where["signatures"], where["buckets"], config=config)),
        "clusters": lambda: step("c", 1, MinhashDedupCluster(where["buckets"], where["clusters"], config=config)),
        "filter": lambda: step(
            "f", 1, reader(), MinhashDedupFilter(where["clusters"]), JsonlWriter(where["kept"], compression=None)
        ),
    }
    times = [(name, *timed(lambda make=make: make().run())[1:]) for name, make in steps.items()]  # type: ignore[misc]
    lines = (line for file in Path(where["kept"]).glob("*.jsonl") for line in file.open(encoding="utf-8"))
    return times, {json.loads(line)["id"] for line in lines}


def run_arcmill(
    folder: Path, source: Path, master: str
) -> tuple[list[tuple[str, float, float]], set[str], dict[str, Any]]:
    """Seconds of the signatures alone and of two whole runs, the ids kept, and the statistics of the manifest."""
    from arcmill.dataset import Dataset
    from arcmill.execute import execute
    from dedup.minhash import STAGE as minhash
    from dedup.shingles import shingle
    from dedup.signatures import document_keys
    from ingest.text import STAGE as ingest

    texts = str(folder / "texts")
    execute(ingest, ingest.config(), {"input": [str(source)]}, texts)  # type: ignore[arg-type]

    def sign() -> None:
        for batch in Dataset.open(texts).batches(["text"]):
            found = shingle(batch.column("text"), NGRAM)
            document_keys(found, BANDS, ROWS, 1, settings.groupings)

    settings = minhash.config(ngram=NGRAM, bands=BANDS, rows=ROWS)  # type: ignore[call-arg]
    times = []
    sign()  # compiles, or loads what was compiled before
    times.append(("signatures", *timed(sign)[1:]))
    times.append(("rensa signatures", *timed(lambda: sign_with_rensa(texts))[1:]))
    for name in ("whole and session", "whole, second run"):
        output = str(folder / name.replace(" ", "-"))
        asked = {"spark.master": master}
        made, wall, cpu = timed(
            lambda output=output, asked=asked: execute(minhash, settings, {"input": [texts]}, output, settings=asked)  # type: ignore[misc]
        )
        times.append((name, wall, cpu))
    kept = {id for batch in made.dataset.batches(["id"]) for id in batch.column("id").to_pylist()}
    return times, kept, made.dataset.statistics


def sign_with_rensa(texts: str) -> None:
    """As a peer: the fastest public MinHash, on the same shingles."""
    from rensa import RMinHash

    from arcmill.dataset import Dataset

    for batch in Dataset.open(texts).batches(["text"]):
        for text in batch.column("text").to_pylist():
            words = text.split()
            signature = RMinHash(num_perm=BANDS * ROWS, seed=1)
            signature.update([" ".join(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)])
            signature.digest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=3000, help="documents in the corpus (default 3000)")
    parser.add_argument("--core", type=int, default=0, help="number of the core that all is pinned to (default 0)")
    parser.add_argument("--master", default="embedded", help="spark.master of arcmill (default embedded)")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    folder = Path(tempfile.mkdtemp(prefix="bench-minhash-"))
    try:
        texts, planted = corpus(arguments.documents)
        source = folder / "source"
        source.mkdir()
        ids = [f"d{i}" for i in range(len(texts))]
        pq.write_table(pa.table({"id": ids, "text": texts}), source / "texts.parquet")
        size = sum(map(len, texts))
        print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {len(planted)} planted near-copies; one core")
        peer, peer_kept = run_datatrove(folder, source)
        ours, our_kept, statistics = run_arcmill(folder, source, arguments.master)
        report(len(texts), peer, ours)
        recall(planted, ids, {"datatrove": peer_kept, "arcmill": our_kept})
        print("arcmill:", {key: value for key, value in statistics.items() if key not in ("sources", "alarms")})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(documents: int, peer: list[tuple[str, float, float]], ours: list[tuple[str, float, float]]) -> None:
    peer = [*peer, ("four steps", sum(p[1] for p in peer), sum(p[2] for p in peer))]
    whole = {name: (wall, cpu) for name, wall, cpu in peer}
    print(f"\n{'':10} {'step':20} {'wall s':>8} {'CPU s':>8} {'documents/s':>12} {'to datatrove, wall':>19} {'CPU':>7}")
    for side, rows in (("datatrove", peer), ("arcmill", ours)):
        for name, wall, cpu in rows:
            other = whole.get("signatures" if name == "signatures" else "four steps" if "whole" in name else "")
            ratio = f"{other[0] / wall:18.1f}x {other[1] / max(cpu, 0.01):6.1f}x" if other and side == "arcmill" else ""
            print(f"{side:10} {name:20} {wall:8.2f} {cpu:8.2f} {documents / wall:12.0f} {ratio}")


def recall(planted: dict[int, tuple[int, float]], ids: list[str], kept: dict[str, set[str]]) -> None:
    """A planted pair is found where one of the two is gone."""
    print(f"\n{'Jaccard':>12} {'planted':>8} " + " ".join(f"{name:>10}" for name in kept))
    for low, high in ((0.9, 1.01), (0.8, 0.9), (0.7, 0.8), (0.0, 0.7)):
        pairs = [(ids[a], ids[b]) for b, (a, share) in planted.items() if low <= share < high]
        found = [sum(a not in side or b not in side for a, b in pairs) for side in kept.values()]
        name = f"{low:.1f} to {min(high, 1):.1f}"
        print(f"{name:>12} {len(pairs):8} " + " ".join(f"{number:10}" for number in found))
    paired = {ids[number] for b, (a, _) in planted.items() for number in (a, b)}
    wrong = [len(set(ids) - side - paired) for side in kept.values()]
    print(f"{'not planted':>12} {len(ids) - len(paired):8} " + " ".join(f"{number:10}" for number in wrong))


if __name__ == "__main__":
    main()
