"""Small stages for tests of the kernel: real declarations, importable from worker processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import Document, stable_id
from arcmill.stage import Changes, Failure, Outcome, SourceFile, Stage


class MakeConfig(StageConfig):
    splits: int = Field(6, description="units of work")
    rows: int = Field(200, description="rows a unit")
    errors: int = Field(0, description="rows a unit that end errored")
    part_bytes: int = Field(1 << 20, description="small, so that parts roll")
    slow: float = Field(0.0, description="seconds to wait a unit")


def make(split: str, config: MakeConfig) -> Iterator[Document | Failure]:
    for row in range(config.rows):
        row_id = stable_id(split, str(row))
        if row < config.errors:
            yield Failure(row_id, Outcome("bad-row", "errored", detail="made to fail"))
            continue
        text = f"document {row} of {split} " * (20 + row % 50)
        yield Document(row_id, text, "tiny", quality_score=(row % 100) / 100, metadata={"row": str(row)})
    time.sleep(config.slow)


def _splits(config: MakeConfig) -> list[str]:
    return [f"unit-{number}" for number in range(config.splits)]


MAKE = Stage(
    name="make", version=1, help="Make documents.", config=MakeConfig, writes="Document", engine="datatrove", core=make,
    splits=_splits,
)  # fmt: skip


class DropConfig(StageConfig):
    modulus: int = Field(3, description="rows whose number divides by it go")
    break_on: int | None = Field(None, description="the row on which the core raises")
    die_on: int | None = Field(None, description="the row on which the process kills itself")


def drop(document: Document, config: DropConfig) -> Document | Outcome:
    row = int((document.metadata or {})["row"])
    if row == config.break_on:
        raise ValueError(f"row {row} breaks the core")
    if row == config.die_on:
        os.kill(os.getpid(), 9)
    if row % config.modulus == 0:
        return Outcome("divides", score=row, threshold=config.modulus)
    document.text = document.text.upper()
    return document


DROP = Stage(
    name="drop", version=1, help="Drop documents.", config=DropConfig, reads={"input": "Document"}, writes="Document",
    engine="datatrove", core=drop, each=True,
)  # fmt: skip


def lose(batch: Any, config: StageConfig) -> Changes:
    return Changes({"text": batch.column("text").slice(1)}, {})


LOSE = Stage(
    name="lose", version=1, help="A core that loses a row.", config=StageConfig, reads={"input": "Document"},
    writes="Document", engine="datatrove", core=lose,
)  # fmt: skip


def halve(frame: Any, config: StageConfig, inputs: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    from pyspark.sql import functions as F

    low = frame.where("quality_score < 0.5").select(
        "_part", "_row", F.lit("dropped").alias("outcome"), F.lit("low").alias("rule"),
        F.col("quality_score").alias("score"), F.lit(0.5).alias("threshold"),
    )  # fmt: skip
    high = frame.where("quality_score >= 0.9").select("_part", "_row", F.lit(4).alias("quality_bucket"))
    return low.unionByName(high, allowMissingColumns=True), {"threshold": 0.5}


HALVE = Stage(
    name="halve", version=1, help="Drop the lower half.", config=StageConfig, reads={"input": "Document"},
    writes="Document", engine="spark", core=halve,
)  # fmt: skip


def lines(file: SourceFile, config: StageConfig) -> Iterator[Document | Failure]:
    with file.open() as stream:
        for line in stream:
            text = line.decode()
            yield Document(stable_id(file.name, text), text, "lines")


LINES = Stage(
    name="lines", version=1, help="A document a line.", config=StageConfig, reads={"input": "Files"}, writes="Document",
    engine="datatrove", core=lines, accepts=(".txt",),
)  # fmt: skip


def measure(inputs: dict[str, Any], config: StageConfig, output: Any) -> dict[str, Any]:
    total = sum(batch.num_rows for batch in inputs["input"].batches(["id"]))
    (output / "model.txt").write_text(str(total))
    return {"rows": total}


MEASURE = Stage(
    name="measure", version=1, help="Make a model.", config=StageConfig, reads={"input": "Document"}, writes="Model",
    engine="local", core=measure,
)  # fmt: skip


def forget(batches: Iterator[Any], config: StageConfig) -> Iterator[Any]:
    """Sequences of all documents but the first of each batch, which is lost without a word."""
    import pyarrow as pa

    from arcmill.records import schema

    for batch in batches:
        rows = [
            {
                "input_ids": [1, 2],
                "loss_mask": [1, 1],
                "segments": [{"id": row_id, "start": 0, "length": 2, "offset": 0, "source": "tiny"}],
            }
            for row_id in batch.column("id").to_pylist()[1:]
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=schema("Sequence"))


FORGET = Stage(
    name="forget",
    version=1,
    help="Lose a document.",
    config=StageConfig,
    reads={"input": "Document"},
    writes="Sequence",
    engine="datatrove",
    core=forget,
    makes=True,
)


class StoreConfig(StageConfig):
    rows: str = Field("[]", description="the documents, as JSON")


def stored(split: str, config: StoreConfig) -> Iterator[Document | Failure]:
    for row in json.loads(config.rows):
        yield Document(**{"source": "tiny", **row})


STORE = Stage(
    name="store", version=1, help="Given documents as a dataset.", config=StoreConfig, writes="Document",
    engine="datatrove", core=stored, splits=lambda _: ["all"],
)  # fmt: skip


def store(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Documents as a dataset at `folder`."""
    execute(STORE, StoreConfig(rows=json.dumps(rows)), {}, str(folder))


def count_others(config: StageConfig, inputs: dict[str, Any]) -> int:
    return sum(dataset.rows for dataset in inputs["others"])


def count(batch: Any, config: StageConfig, others: int) -> Changes:
    return Changes({}, {}, {"rows": batch.num_rows, "others of a row": batch.num_rows * others})


COUNT = Stage(
    name="count",
    version=1,
    help="Count rows.",
    config=StageConfig,
    reads={"input": "Document", "others": "Document"},
    writes="Document",
    engine="datatrove",
    core=count,
    setup=count_others,
)
