"""embed beside SentenceTransformer.encode: the same model, documents and core, in turns; documents a second.

    python benchmarks/embed.py                        400 generated documents of 20 to 600 words, MiniLM
    python benchmarks/embed.py --words 8 300          shorter ones: some 50 to 2,000 characters
    python benchmarks/embed.py --documents DIR        the text column of an arcmill dataset instead

`encode` gets all documents at once with its own defaults (batches of 32) and normalised vectors; it cuts documents at the
model's length, so ours runs with `max_chunks=1` for the same work, and once with the default, which reads on. Each side
is a process pinned to one core, in one thread. Vectors of the same work must agree (cosine told).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))


def generated(count: int, shortest: int, longest: int) -> list[str]:
    """Words of a Zipf vocabulary; lengths are log-normal, as those of web pages."""
    import numpy as np

    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucm"))
    words = ["".join(random.choice(letters, size)) for size in random.integers(2, 9, 5000)]
    sizes = np.clip(random.lognormal(4.3, 0.8, count), shortest, longest).astype(int)
    return [" ".join(words[n] for n in np.minimum(random.zipf(1.3, size) - 1, 4999)) for size in sizes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", metavar="DIR", help="an arcmill dataset of documents")
    parser.add_argument("--count", type=int, default=400, help="documents")
    parser.add_argument("--words", type=int, nargs=2, default=[20, 600], help="least and most words of a generated one")
    parser.add_argument("--model", help="folder of a sentence-transformers model; MiniLM by default")
    parser.add_argument("--turns", type=int, default=3, help="rounds; the median is told")
    parser.add_argument("--core", type=int, default=0, help="the core that all is pinned to; -1 pins none (for a GPU)")
    given = parser.parse_args()
    if given.core >= 0:
        os.sched_setaffinity(0, {given.core})

    import numpy as np

    from dedup.semantic.embed import Embed
    from dedup.semantic.model import Embedder

    if given.documents:
        from arcmill.dataset import Dataset

        batches = Dataset.open(given.documents).batches(["text"])
        texts = [text for batch in batches for text in batch.column(0).to_pylist()][: given.count]
    else:
        texts = generated(given.count, *given.words)

    def ours(precision: str, chunks: int) -> Any:
        embedder = Embedder(Embed(model=given.model, precision=precision, max_chunks=chunks))  # type: ignore[arg-type]
        return lambda: np.concatenate([embedder.vectors(texts[i : i + 1024]) for i in range(0, len(texts), 1024)])

    plain = Embedder(Embed(model=given.model, precision="fp32")).model
    sides = {
        "SentenceTransformer.encode": lambda: plain.encode(texts, normalize_embeddings=True, show_progress_bar=False),
        "arcmill fp32, one chunk": ours("fp32", 1),
        "arcmill bf16, one chunk": ours("bf16", 1),
        "arcmill fp32, 16 chunks": ours("fp32", 16),
    }
    for side in sides.values():
        side()
    times: dict[str, list[float]] = {name: [] for name in sides}
    made: dict[str, Any] = {}
    for _ in range(given.turns):
        for name, side in sides.items():
            started = time.process_time() if given.core >= 0 else time.perf_counter()
            made[name] = side()
            times[name].append((time.process_time() if given.core >= 0 else time.perf_counter()) - started)
    base = made["SentenceTransformer.encode"].astype(np.float32)
    print(f"{len(texts):,} documents, {sum(map(len, texts)) // len(texts):,} characters on average")
    print(f"{'':<28}{'documents/s':>12}{'ratio':>8}{'least cosine to encode':>25}")
    first = sorted(times["SentenceTransformer.encode"])[given.turns // 2]
    for name in sides:
        seconds = sorted(times[name])[given.turns // 2]
        cosine = (made[name].astype(np.float32) * base).sum(axis=1).min()
        print(f"{name:<28}{len(texts) / seconds:>12.1f}{first / seconds:>8.2f}{cosine:>25.4f}")


if __name__ == "__main__":
    main()
