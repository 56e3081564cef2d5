"""`arcmill compare` of two datasets of documents, beside DuckDB (SQL over the same Parquet files), on one core.

    python benchmarks/compare_runs.py [--rows 1000000] [--rounds 2] [--folder DIR]

Both sides hold `--rows` documents of about 1.2 kB, cut at random from the texts of this machine; four fifths are in both.
DuckDB answers part of what compare tells: overlap by id and by text (md5), rows and bytes by source, quantiles of length
and score. Each runs in a process of its own, on the same core, in turns; the best round counts. The numbers that both
tell must be equal, or the benchmark fails. Memory is the peak resident set of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS, BATCH = 16, 1000


class Made(StageConfig):
    """Documents `first` to `last`."""

    first: int = Field(0, description="number of the first document")
    last: int = Field(1000, description="number after the last")


def documents(split: str, config: Made) -> Iterator[pa.RecordBatch]:
    """Every sixteenth document of the range: its text and figures follow from its number."""
    import pyarrow as pa
    from pack import machine_texts

    from arcmill.records import schema

    held: list[str] = []
    size = 0
    for text in machine_texts():
        held.append(text)
        size += len(text)
        if size > 16 << 20:
            break
    whole = "".join(held)
    drawn = random.Random()
    numbers = range(config.first + int(split), config.last, SPLITS)
    for begin in range(0, len(numbers), BATCH):
        rows = []
        for number in numbers[begin : begin + BATCH]:
            drawn.seed(number)
            length = int(drawn.lognormvariate(6.6, 0.9)) + 20
            at = drawn.randrange(len(whole) - length)
            rows.append(
                {"id": f"{number:032x}", "text": whole[at : at + length], "source": f"source-{number % 7}", "language": "en",
                 "quality_score": drawn.random(), "quality_bucket": number % 5}
            )  # fmt: skip
        yield pa.RecordBatch.from_pylist(rows, schema("Document"))


STAGE = Stage(
    name="made-documents", version=1, help="Documents for a benchmark.", config=Made, writes="Document", engine="datatrove",
    core=documents, splits=lambda config: [str(number) for number in range(SPLITS)],
)  # fmt: skip


def ours(a: str, b: str) -> dict[str, Any]:
    """What compare tells, as far as DuckDB is asked the same."""
    from pipelines.compare import compare

    held = compare(a, b)["contents"][0]
    return {
        "both_ids": held["overlap"]["ids"]["both"], "both_texts": held["overlap"]["texts"]["both"],
        "sources": {row["value"]: row["rows_a"] for row in held["mix"]["source"]},
        "median": next(d["a"]["p50"] for d in held["distributions"] if d["name"] == "characters"),
    }  # fmt: skip


def duckdb(a: str, b: str) -> dict[str, Any]:
    """The same by SQL, over the parts of both datasets."""
    import duckdb

    base = duckdb.connect(config={"threads": 1, "temp_directory": tempfile.mkdtemp()})
    for name, folder in (("a", a), ("b", b)):
        base.execute(f"create view {name} as select * from read_parquet('{folder}/part-*.parquet')")
        base.execute(f"create temp table h{name} as select id, md5(text) as digest from {name}")
    one = base.execute
    found = {
        "both_ids": one("select count(*) from (select id from ha intersect select id from hb)").fetchone()[0],
        "both_texts": one("select count(*) from (select digest from ha intersect select digest from hb)").fetchone()[0],
        "sources": dict(one("select source, count(*) from a group by source").fetchall()),
        "median": one("select approx_quantile(length(text), 0.5) from a").fetchone()[0],
    }
    for name in ("a", "b"):
        one(f"select source, quality_bucket, count(*), sum(strlen(text)) from {name} group by all").fetchall()
        one(f"select approx_quantile(length(text), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]), "
            f"approx_quantile(quality_score, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) from {name}").fetchall()  # fmt: skip
    return found


def child(which: str, a: str, b: str, core: int) -> None:
    """One measured run; its figures as JSON."""
    os.sched_setaffinity(0, {core})
    started = time.perf_counter()
    found = {"ours": ours, "duckdb": duckdb}[which](a, b)
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss, which a process takes over from the one that started it.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"found": found, "cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - started,
                      "memory": int(peak.split()[1]) / 1024}))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", help="where the datasets lie, and stay")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    if options.child:
        child(*options.child, core)
        return
    from arcmill.execute import execute

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or scratch
        fifth = options.rows // 5
        paths = [
            execute(STAGE, Made(first=first, last=first + options.rows), {}, f"{folder}/{name}").dataset.url
            for name, first in (("a", 0), ("b", fifth))
        ]
        best: dict[str, dict[str, Any]] = {}
        for _ in range(options.rounds):
            for which in ("ours", "duckdb"):
                run = subprocess.run(
                    [sys.executable, __file__, "--child", which, *paths], check=True, capture_output=True, text=True
                )
                told = json.loads(run.stdout)
                if which not in best or told["cpu"] < best[which]["cpu"]:
                    best[which] = told
    a, b = best["ours"]["found"], best["duckdb"]["found"]
    assert a["both_ids"] == b["both_ids"] and a["sources"] == b["sources"] and a["both_texts"] == b["both_texts"], (
        a,
        b,
    )
    assert abs(a["median"] - b["median"]) < 0.03 * b["median"], (a, b)
    for which, told in best.items():
        print(f"{which:<8} {told['cpu']:7.1f} CPU s  {told['wall']:7.1f} s  {told['memory']:8.0f} MB  "
              f"{2 * options.rows / told['cpu']:10,.0f} documents a CPU second")  # fmt: skip


if __name__ == "__main__":
    main()
