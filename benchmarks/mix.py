"""How near mixtures come to what was asked, and what it takes: `mix` and the ways of public libraries, over the same documents, in one run.

    python benchmarks/mix.py                      # 3 sources of drawn lengths (log-normal), 60,000 documents
    python benchmarks/mix.py --documents 5000000 --data DIR      # DIR keeps what was drawn for the next run
    python benchmarks/mix.py web=RUN/web-counted code=RUN/code-counted     # counted documents of yours

Peers:
  datasets    `datasets.interleave_datasets(probabilities=…)`: documents drawn by chance. Its probabilities are of documents, so they are
              given here divided by the source's mean length, which makes them right in tokens on average; read until the budget is full.
  blend       what Megatron-LM's and NeMo's blended datasets do: always the source that is furthest behind its share of samples; here in
              documents, with the same correction.
Reported: the largest error of a source and that of the whole, in per cent of the tokens asked, counted from what came out; seconds of
processor and clock, and peak memory, each way in a process of its own (with those that it starts) on one core.
Drawn documents have 40 characters of text, whatever their tokens: what is measured is the choice. Ours decide and write the texts of the
mixture, shuffled; the peers only tell which document comes next.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arcmill.config import StageConfig
from arcmill.records import Document, schema

WEIGHTS = (0.6, 0.3, 0.1)
UNIT = 20_000  # documents that are drawn at once


class Unit(StageConfig):
    """Documents of a unit of the drawn corpus."""


def made(batches: Iterator[pa.RecordBatch], config: Unit) -> Iterator[pa.RecordBatch]:
    """Documents with a number of tokens each, drawn log-normal; a row of the input says how many, and of which source."""
    import numpy as np

    kind, text = schema("Document"), "forty characters, whatever the tokens are"
    for batch in batches:
        for unit in batch.column("text").to_pylist():
            name, seed, count, mean, sigma = json.loads(unit)
            sizes = np.maximum(1, np.random.default_rng(seed).lognormal(mean, sigma, count).astype(np.int64))
            entries = np.empty(2 * count, object)
            entries[0::2], entries[1::2] = sizes.astype(str), "drawn"
            keys = pa.array(["tokens", "tokens_by"] * count)
            columns = {
                "id": pa.array([f"{name}-{seed}-{number}" for number in range(count)]),
                "text": pa.array([text] * count), "source": pa.array([name] * count),
                "metadata": pa.MapArray.from_arrays(np.arange(0, 2 * count + 1, 2, dtype=np.int32), keys, pa.array(entries)),
            }  # fmt: skip
            yield pa.record_batch(
                [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in kind],
                schema=kind,
            )


def units(split: str, config: Unit) -> Iterator[Document]:
    name, documents, mean, sigma = json.loads(split)
    for seed, begin in enumerate(range(0, documents, UNIT)):
        count = min(UNIT, documents - begin)
        yield Document(f"{name}{seed}", json.dumps([name, seed, count, mean, sigma]), name)


def drawn(folder: Path, documents: int) -> dict[str, str]:
    """Documents of three sources with lengths like web pages, source files and books, as counted datasets."""
    from arcmill.execute import execute
    from arcmill.stage import Stage

    make = Stage(
        name="drawn", version=1, help="Drawn documents.", config=Unit, reads={"input": "Document"}, writes="Document",
        engine="datatrove", core=made, makes=True,
    )  # fmt: skip
    paths = {}
    for name, share, mean, sigma in (("web", 0.7, 6.3, 1.0), ("code", 0.28, 6.9, 1.2), ("books", 0.02, 10.5, 0.9)):
        split = json.dumps([name, int(share * documents), mean, sigma])
        plan = Stage(
            name=f"units-{name}-{documents}", version=1, help="Units.", config=Unit, writes="Document", engine="datatrove",
            core=units, splits=lambda config, split=split: [split],
        )  # fmt: skip
        given = execute(plan, Unit(), {}, str(folder / f"{name}-{documents}-units"), workers=1).dataset.url
        path = str(folder / f"{name}-{documents}")
        paths[name] = execute(make, Unit(), {"input": [given]}, path, workers=1).dataset.url
    return paths


def read(paths: dict[str, str]) -> dict[str, Any]:
    """Tokens of each document of each source."""
    import numpy as np
    import pyarrow.compute as pc

    from arcmill.dataset import Dataset

    found = {}
    for name, path in paths.items():
        parts = [
            pc.map_lookup(batch.column(0), "tokens", "last").cast("int64").to_numpy()
            for batch in Dataset.open(path).batches(["metadata"])
        ]
        found[name] = np.concatenate(parts)
    return found


def ours(paths: dict[str, str], asked: dict[str, int], folder: Path) -> dict[str, int]:
    """Tokens of each source by `arcmill mix`, counted from its rows."""
    import pyarrow.compute as pc

    from arcmill.execute import execute
    from sequences.mix import STAGE

    config = STAGE.config(budget_tokens=sum(asked.values()), weights=dict(asked), max_epochs=50)
    done = execute(
        STAGE, config, {name: [path] for name, path in paths.items()}, str(folder / "mixed"), workers=1
    ).dataset
    held = dict.fromkeys(paths, 0)
    for batch in done.batches(["metadata"]):
        sources = pc.map_lookup(batch.column(0), "mix_source", "last")
        tokens = pc.map_lookup(batch.column(0), "tokens", "last").cast("int64")
        for source, sum_ in zip(*(pa.table([sources, tokens], ["s", "t"]).group_by("s").aggregate([("t", "sum")])
                                  .select(["s", "t_sum"]).to_pydict().values()), strict=True):  # fmt: skip
            held[source] += sum_
    return held


def interleaved(lengths: dict[str, Any], asked: dict[str, int]) -> dict[str, int]:
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


def blended(lengths: dict[str, Any], asked: dict[str, int]) -> dict[str, int]:
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
        tokens = int(lengths[name][number])
        held[name] += tokens
        left -= tokens
    return held


WAYS = ("arcmill mix", "datasets.interleave_datasets", "blend by documents")


def one(way: str, paths: dict[str, str], budget: float) -> dict[str, Any]:
    """A way, run in this process: errors, seconds of processor and clock, peak MiB."""
    lengths = read(paths)
    total = budget * sum(int(sizes.sum()) for sizes in lengths.values())
    shares = dict(zip(lengths, WEIGHTS, strict=False))
    asked = {source: round(total * share / sum(shares.values())) for source, share in shares.items()}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        began, spent = time.perf_counter(), _processor()
        if way == WAYS[0]:
            del lengths
            held = ours(paths, asked, Path(name))
        else:
            held = (interleaved if way == WAYS[1] else blended)(lengths, asked)
        seconds = time.perf_counter() - began
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "worst": 100 * max(abs(held[source] - asked[source]) / asked[source] for source in asked),
        "whole": 100 * (sum(held.values()) - sum(asked.values())) / sum(asked.values()),
        "processor": _processor() - spent, "clock": seconds, "peak": peak / 1024,
    }  # fmt: skip


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="NAME=DATASET", help="Document datasets of count-tokens")
    parser.add_argument("--documents", type=int, default=60_000, help="documents that are drawn")
    parser.add_argument("--budget", type=float, default=0.5, help="of the tokens that there are")
    parser.add_argument("--data", type=Path, help="folder for the drawn documents, kept; default: a temporary one")
    parser.add_argument("--way", choices=WAYS, action="append", help="only this way; may be given again")
    parser.add_argument("--alone", action="store_true", help="in this process, and print JSON")
    given = parser.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    paths = dict(text.split("=", 1) for text in given.sources)
    if given.alone:
        print(json.dumps(one(given.way[0], paths, given.budget)))
        return
    with tempfile.TemporaryDirectory() as name:
        paths = paths or drawn(given.data or Path(name), given.documents)
        print("| way | worst source, % | whole, % | processor s | clock s | peak MiB |\n|---|---|---|---|---|---|")
        for way in given.way or WAYS:
            command = [sys.executable, __file__, "--alone", "--way", way, "--budget", str(given.budget)]
            command += [f"{source}={path}" for source, path in paths.items()]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
            print(
                f"| {way} | {told['worst']:.4f} | {told['whole']:+.4f} | {told['processor']:.1f} | {told['clock']:.1f} "
                f"| {told['peak']:,.0f} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
