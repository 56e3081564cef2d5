"""What plans need of Spark frames beyond the DataFrame API, the same on every engine.

`keep` computes a frame once though it is used again, `settle` does so at once; `sorted_map` runs a function over rows that
met by a key, in order. In Spark these are `persist`, `localCheckpoint` and `repartition.sortWithinPartitions.mapInArrow`.
The embedded engine ignores the first, lacks the second, and its optimiser takes the sort out from under a mapInArrow, so
there all go through files of the process's scratch folder.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from arcmill.engines.embedded import is_embedded, scratch

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Mapper = Callable[[Iterator["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]
Order = Sequence[tuple[str, Literal["ascending", "descending"]]]  # nulls are last either way
_BATCH_ROWS = 8192


def keep(frame: DataFrame) -> DataFrame:
    """The same rows, computed once."""
    if not is_embedded(frame):
        return frame.persist()
    path = f"file://{scratch()}/kept-{uuid.uuid4().hex}"
    frame.write.parquet(path)
    return frame.sparkSession.read.schema(frame.schema).parquet(path)


def settle(frame: DataFrame) -> DataFrame:
    """The same rows now, with nothing of the plan that led to them: for loops, whose plans would grow."""
    return keep(frame) if is_embedded(frame) else frame.localCheckpoint()


def drop_kept(session: SparkSession) -> None:
    """Forget what `keep` kept, at the end of a stage."""
    import shutil

    from arcmill.engines import embedded

    if session is not embedded._running.get("session"):
        session.catalog.clearCache()
        return
    for entry in os.scandir(scratch()):
        shutil.rmtree(entry.path, ignore_errors=True)


def sorted_map(frame: DataFrame, key: str, order: Order, function: Mapper, schema: str, partitions: int) -> DataFrame:
    """`function` over partitions in which all rows of a `key` lie, sorted by key, then `order`.

    Rows that are equal in all of these may come in any order.
    """
    from pyspark.sql import functions as F

    if not is_embedded(frame):
        columns = [
            F.asc_nulls_last(name) if way == "ascending" else F.desc_nulls_last(name)
            for name, way in ((key, "ascending"), *order)
        ]
        return frame.repartition(partitions, key).sortWithinPartitions(*columns).mapInArrow(function, schema)
    folder = f"{scratch()}/sorted-{uuid.uuid4().hex}"
    os.mkdir(folder)
    placed = frame.withColumn("_to", F.pmod(F.xxhash64(key), F.lit(partitions)).cast("int"))
    placed.mapInArrow(_spill(folder), "rows long").agg(F.sum("rows")).collect()
    session = frame.sparkSession
    numbers = session.range(0, partitions, 1, partitions)
    return numbers.mapInArrow(_gather(folder, [(key, "ascending"), *order], function), schema)


def _spill(folder: str) -> Mapper:
    """Append each row to a file of its partition. A file belongs to one task, so that none is written by two."""

    def spill(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        task, rows = uuid.uuid4().hex, 0
        writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        try:
            for batch in batches:
                rows += batch.num_rows
                table = pa.Table.from_batches([batch]).sort_by("_to")
                places = table.column("_to").value_counts()
                start = 0
                # value_counts gives values as they first occur, so in a sorted column they are in order.
                for place, count in zip(places.field(0).to_pylist(), places.field(1).to_pylist(), strict=True):
                    piece = table.slice(start, count).drop_columns(["_to"])
                    start += count
                    if place not in writers:
                        writers[place] = pa.ipc.new_stream(f"{folder}/{place}-{task}.arrow", piece.schema)
                    writers[place].write_table(piece)
        finally:
            for writer in writers.values():
                writer.close()
        yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})

    return spill


def _gather(folder: str, order: Order, function: Mapper) -> Mapper:
    def rows(places: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        files = sorted(os.listdir(folder))
        for place in (number for batch in places for number in batch.column(0).to_pylist()):
            mine = [name for name in files if name.startswith(f"{place}-")]
            if mine:
                parts = [pa.ipc.open_stream(pa.memory_map(f"{folder}/{name}")).read_all() for name in mine]
                yield from pa.concat_tables(parts).sort_by(list(order)).to_batches(_BATCH_ROWS)

    def gather(places: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from function(rows(places))

    return gather
