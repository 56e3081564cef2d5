"""What plans need of Spark frames beyond the DataFrame API, the same on every engine.

`read_rows` is a dataset as a frame; `keep` computes a frame once though it is used again, `settle` does so at once; `sorted_map` runs a function over rows that
met by a key, in order. In Spark these are `persist`, `localCheckpoint` and `repartition.sortWithinPartitions.mapInArrow`.
The embedded engine ignores the first, lacks the second, and its optimiser takes the sort out from under a mapInArrow, so
there all go through files of the process's scratch folder.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from arcmill.dataset import BATCH_ROWS
from arcmill.engines import embedded
from arcmill.engines.embedded import is_embedded, scratch
from arcmill.errors import InputError
from arcmill.records import schema
from arcmill.storage import is_local, locate

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from arcmill.dataset import Dataset

Mapper = Callable[[Iterator["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]
Order = Sequence[tuple[str, Literal["ascending", "descending"]]]  # nulls are last either way
_BATCH_ROWS = 8192
_kept: list[DataFrame] = []


def keep(frame: DataFrame) -> DataFrame:
    """The same rows, computed once."""
    if not is_embedded(frame):
        _kept.append(frame.persist())
        return _kept[-1]
    path = f"file://{scratch()}/kept-{uuid.uuid4().hex}"
    frame.write.parquet(path)
    return frame.sparkSession.read.schema(frame.schema).parquet(path)


def settle(frame: DataFrame) -> DataFrame:
    """The same rows now, with nothing of the plan that led to them: for loops, whose plans would grow."""
    return keep(frame) if is_embedded(frame) else frame.localCheckpoint()


def drop_kept(session: SparkSession) -> None:
    """Forget what `keep` kept, at the end of a stage."""
    import shutil

    if not embedded.is_session(session):
        kept, _kept[:] = _kept[:], []
        for frame in kept:  # not the whole cache: a Connect server may hold what others keep
            frame.unpersist()
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


def read_rows(session: SparkSession, datasets: Sequence[Dataset]) -> DataFrame:
    """The rows of an input, with `_part` (its place among the input's parts) and `_row` (its place in the part)."""
    by_spark = not embedded.is_session(session) and all(is_local(dataset.filesystem) for dataset in datasets)
    return (_read_in_spark if by_spark else _read_by_fsspec)(session, datasets)


def _read_in_spark(session: SparkSession, datasets: Sequence[Dataset]) -> DataFrame:
    from pyspark.sql import functions as F
    from pyspark.sql.pandas.types import from_arrow_schema

    frame: DataFrame | None = None
    first = 0
    for dataset in datasets:
        columns = from_arrow_schema(schema(dataset.record))
        paths = [dataset.filesystem.unstrip_protocol(dataset.file(part["path"])) for part in dataset.parts]
        if not paths:
            rows = session.createDataFrame([], columns).withColumns(
                {"_part": F.lit(0).cast("int"), "_row": F.lit(0).cast("long")}
            )
        else:
            number = F.regexp_extract("_metadata.file_name", r"part-(\d+)", 1).cast("int") + F.lit(first)
            rows = (
                session.read.schema(columns)
                .parquet(*paths)
                .select("*", number.cast("int").alias("_part"), F.col("_metadata.row_index").alias("_row"))
            )
        first += len(paths)
        frame = rows if frame is None else frame.unionByName(rows)
    assert frame is not None
    return frame


def _read_by_fsspec(session: SparkSession, datasets: Sequence[Dataset]) -> DataFrame:
    """The parts, read in Spark's tasks by PyArrow and fsspec.

    The embedded engine has no file metadata columns, and Spark's own has no connector to a store unless one is installed.
    """
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import IntegerType, LongType

    wanted = schema(datasets[0].record)
    paths = [
        dataset.filesystem.unstrip_protocol(dataset.file(part["path"]))
        for dataset in datasets
        for part in dataset.parts
    ]
    located = from_arrow_schema(wanted).add("_part", IntegerType()).add("_row", LongType())

    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        for part in (number for batch in numbers for number in batch.column(0).to_pylist()):
            filesystem, path = locate(paths[part])
            first = 0
            try:
                with filesystem.open(path, "rb") as stream:
                    for batch in pq.ParquetFile(stream, page_checksum_verification=True).iter_batches(
                        BATCH_ROWS, use_threads=False
                    ):
                        columns = batch.select(wanted.names).cast(wanted).columns
                        rows = np.arange(first, first + batch.num_rows)
                        first += batch.num_rows
                        places = pa.array(np.full(batch.num_rows, part, np.int32))
                        yield pa.RecordBatch.from_arrays([*columns, places, pa.array(rows)], names=located.names)
            except (OSError, pa.ArrowException) as error:  # outside this process nobody would learn which file
                raise InputError(f"{paths[part]}: {error}") from error

    tasks = min(len(paths), int(session.conf.get("spark.sql.shuffle.partitions") or 1))
    return session.range(0, len(paths), 1, max(1, tasks)).mapInArrow(read, located)
