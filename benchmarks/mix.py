"""How near mixtures come to what was asked: `mix` and the ways of public libraries, over the same documents, in one run.

    python benchmarks/mix.py                      # 3 sources of drawn lengths (log-normal), 60,000 documents
    python benchmarks/mix.py --documents 300000
    python benchmarks/mix.py web=RUN/web-counted code=RUN/code-counted     # counted documents of yours

Peers:
  datasets    `datasets.interleave_datasets(probabilities=…)`: documents drawn by chance. Its probabilities are of documents, so they are
              given here divided by the source's mean length, which makes them right in tokens on average; read until the budget is full.
  blend       what Megatron-LM's and NeMo's blended datasets do: always the source that is furthest behind its share of samples; here in
              documents, with the same correction.
Reported: the largest error of a source and that of the whole, in per cent of the tokens asked, counted from what came out; and seconds.
Ours decide and write the texts of the mixture; the peers only tell which document comes next.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
WEIGHTS = (0.6, 0.3, 0.1)


def drawn(folder: Path, documents: int) -> dict[str, str]:
    """Documents of three sources with lengths like web pages, source files and books, as counted datasets."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from arcmill.execute import execute
    from ingest.text import STAGE

    rng = np.random.default_rng(0)
    paths = {}
    for name, share, mean, sigma in (("web", 0.7, 6.3, 1.0), ("code", 0.28, 6.9, 1.2), ("books", 0.02, 10.5, 0.9)):
        sizes = np.maximum(1, rng.lognormal(mean, sigma, int(share * documents)).astype(int))
        # A text of two bytes a token keeps the corpus small; what counts is the number in the metadata.
        rows = [{"id": f"{name}{n}", "text": "a " * int(size), "tokens": str(size)} for n, size in enumerate(sizes)]
        (folder / f"{name}-raw").mkdir()
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}-raw" / "rows.parquet")
        config = STAGE.config.model_validate({"metadata_columns": ["tokens"]})
        execute(STAGE, config, {"input": [str(folder / f"{name}-raw")]}, str(folder / name), workers=1)
        paths[name] = str(folder / name)
    return paths


def read(paths: dict[str, str]) -> dict[str, list[int]]:
    """Tokens of each document of each source."""
    from arcmill.dataset import Dataset

    return {
        name: [int(dict(row)["tokens"]) for b in Dataset.open(path).batches(["metadata"]) for row in b.column(0).to_pylist()]
        for name, path in paths.items()
    }  # fmt: skip


def ours(paths: dict[str, str], asked: dict[str, int], folder: Path) -> dict[str, int]:
    """Tokens of each source by `arcmill mix`, counted from its rows."""
    from arcmill.execute import execute
    from sequences.mix import STAGE

    config = STAGE.config(budget_tokens=sum(asked.values()), weights=dict(asked), max_epochs=50)
    done = execute(
        STAGE, config, {name: [path] for name, path in paths.items()}, str(folder / "mixed"), workers=1
    ).dataset
    held = dict.fromkeys(paths, 0)
    for batch in done.batches(["metadata"]):
        for row in map(dict, batch.column(0).to_pylist()):
            held[row["mix_source"]] += int(row["tokens"])
    return held


def interleaved(lengths: dict[str, list[int]], asked: dict[str, int]) -> dict[str, int]:
    """Tokens of each source by datasets.interleave_datasets, read until the budget is full."""
    from datasets import Dataset, interleave_datasets

    names = list(lengths)
    rates = [asked[name] * len(lengths[name]) / max(1, sum(lengths[name])) for name in names]
    parts = [
        Dataset.from_dict({"source": [name] * len(sizes), "number": range(len(sizes)), "tokens": sizes})
        .shuffle(seed=0).to_iterable_dataset().repeat(100)
        for name, sizes in lengths.items()
    ]  # fmt: skip
    mixed = interleave_datasets(parts, [rate / sum(rates) for rate in rates], seed=0, stopping_strategy="all_exhausted")
    held = dict.fromkeys(names, 0)
    left = sum(asked.values())
    for row in mixed:
        if left <= 0:
            break
        held[row["source"]] += row["tokens"]
        left -= row["tokens"]
    return held


def blended(lengths: dict[str, list[int]], asked: dict[str, int]) -> dict[str, int]:
    """Tokens of each source where the next document is of the source that is furthest behind its share of documents."""
    import numpy as np

    rng = np.random.default_rng(0)
    order = {name: rng.permutation(len(sizes)) for name, sizes in lengths.items()}
    rates = {name: asked[name] * len(sizes) / max(1, sum(sizes)) for name, sizes in lengths.items()}
    taken = dict.fromkeys(lengths, 0)
    held = dict.fromkeys(lengths, 0)
    left, whole = sum(asked.values()), sum(rates.values())
    for step in range(10**9):
        if left <= 0:
            break
        name = max(rates, key=lambda source: rates[source] / whole * (step + 1) - taken[source])
        number = int(order[name][taken[name] % len(order[name])])
        taken[name] += 1
        held[name] += lengths[name][number]
        left -= lengths[name][number]
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="NAME=DATASET", help="Document datasets of count-tokens")
    parser.add_argument("--documents", type=int, default=60_000)
    parser.add_argument("--budget", type=float, default=0.5, help="of the tokens that there are")
    given = parser.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = dict(text.split("=", 1) for text in given.sources) or drawn(folder, given.documents)
        lengths = read(paths)
        total = given.budget * sum(map(sum, lengths.values()))
        shares = dict(zip(lengths, WEIGHTS, strict=False))
        asked = {source: round(total * share / sum(shares.values())) for source, share in shares.items()}
        print("| way | worst source, % | whole, % | s |\n|---|---|---|---|")
        for way, run in (
            ("arcmill mix", lambda: ours(paths, asked, folder)), ("datasets.interleave_datasets", lambda: interleaved(lengths, asked)),
            ("blend by documents", lambda: blended(lengths, asked)),
        ):  # fmt: skip
            began = time.perf_counter()
            held = run()
            seconds = time.perf_counter() - began
            worst = max(abs(held[source] - asked[source]) / asked[source] for source in asked)
            error = (sum(held.values()) - sum(asked.values())) / sum(asked.values())
            print(f"| {way} | {100 * worst:.4f} | {100 * error:+.4f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
