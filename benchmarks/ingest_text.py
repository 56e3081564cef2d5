"""Rows per second of ingest-text beside datatrove's readers, on generated rows, in one process.

    python benchmarks/ingest_text.py [--rows 300000]

Both only make Document objects in memory: nothing is written. The rows are generated (seeded), of 250 bytes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from arcmill.stage import SourceFile
from ingest.text import IngestText, core


def rows(number: int) -> Iterator[dict[str, str]]:
    """Seeded rows of id, text and url."""
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(5000)]
    for n in range(number):
        text = " ".join(chance.choices(words, k=chance.randint(10, 50)))
        yield {"id": f"row-{n}", "text": text, "url": f"https://example.org/{n}"}


def write(folder: Path, number: int) -> None:
    """The same rows in four formats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = list(rows(number))
    lines = "".join(json.dumps(row) + "\n" for row in table)
    (folder / "rows.jsonl").write_text(lines)
    with gzip.open(folder / "rows.jsonl.gz", "wt", compresslevel=6) as stream:
        stream.write(lines)
    with open(folder / "rows.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "text", "url"])
        writer.writeheader()
        writer.writerows(table)
    pq.write_table(pa.Table.from_pylist(table), folder / "rows.parquet", compression="zstd")


def ours(path: Path) -> int:
    """Documents that ingest-text makes of a file."""
    file = SourceFile(str(path), path.name, path.stat().st_size)
    return sum(1 for _ in core(file, IngestText()))


def peer(path: Path) -> int:
    """Documents that datatrove's reader of the format makes of a file."""
    import datatrove.utils.logging  # noqa: F401  (which sets the logger up)
    from datatrove.pipeline.readers.csv import CsvReader
    from datatrove.pipeline.readers.jsonl import JsonlReader
    from datatrove.pipeline.readers.parquet import ParquetReader

    kinds: dict[str, Any] = {
        ".jsonl": JsonlReader, ".gz": JsonlReader, ".csv": CsvReader, ".parquet": ParquetReader,
    }  # fmt: skip
    from loguru import logger

    logger.remove()
    reader = kinds[path.suffix](str(path.parent), glob_pattern=path.name)
    return sum(1 for _ in reader.run())


def best(work: Callable[[Path], int], path: Path, rounds: int) -> tuple[float, int]:
    """Shortest of some rounds, in seconds, and the number of documents."""
    times, made = [], 0
    for _ in range(rounds):
        started = time.perf_counter()
        made = work(path)
        times.append(time.perf_counter() - started)
    return min(times), made


def main() -> None:
    """Print one line a format."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000, help="rows in each file")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each; the fastest counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.rows)
        print(f"{'file':16}{'MB':>8}{'ours rows/s':>14}{'datatrove rows/s':>18}{'ratio':>8}")
        for name in ("rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.parquet"):
            path = Path(folder, name)
            (mine, made), (theirs, also) = (best(work, path, options.rounds) for work in (ours, peer))
            assert made == also == options.rows, (name, made, also)
            size = path.stat().st_size / 1e6
            speeds = f"{made / mine:>14,.0f}{made / theirs:>18,.0f}{theirs / mine:>8.2f}"
            print(f"{name:16}{size:>8.1f}{speeds}")


if __name__ == "__main__":
    main()
