"""The Spark engine: decisions over the whole dataset, applied part by part.

A core gets the documents with two locators, `_part` and `_row`, and returns *decisions*: the rows that leave or
change, and why. Spark shuffles keys and signatures, never texts; the texts are then copied in input order by the same
tasks that the datatrove engine runs. So the output's order and bytes do not depend on partitioning.

A stage that `rewrites` (mix) returns whole rows instead, with `_order` (a seeded hash) and `_copy` (0 for a document's
first occurrence); they are sorted by `_order` and written in buckets of it.

Where such a stage also `assembles` (concat-repo), its rows are plans: `_plan`, a text that says which input rows make
an output row, and `_bucket`, an input part near which they lie. The writing tasks read those rows from the parts, so
here too Spark moves no text.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from arcmill.dataset import BATCH_ROWS
from arcmill.engines.decisions import DECISIONS, apply, taken_up
from arcmill.engines.frames import drop_kept, read_rows, sorted_map
from arcmill.engines.inputs import input_parts
from arcmill.engines.session import shuffle_partitions, spark_session
from arcmill.errors import ArcmillError, EngineError
from arcmill.execute import finished_task
from arcmill.identity import Job
from arcmill.ledger import ledger_schema
from arcmill.parts import TaskWriter
from arcmill.progress import Progress
from arcmill.records import schema
from arcmill.remote import has_folders
from arcmill.storage import is_local, locate

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession


def run(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Decide in Spark, then apply; a run that was killed after the deciding takes the decisions up."""
    made = taken_up(job, progress, lambda: _guarded(job, _rewrite if job.stage.rewrites else _decide))
    if job.stage.rewrites:
        return made["records"], {"statistics": made["statistics"]}
    return apply(job, made, progress)


def _guarded(job: Job, work: Callable[[Job, SparkSession], dict[str, Any]]) -> dict[str, Any]:
    """Spark's errors run to pages; a user gets the one line that says what happened."""
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        from grpc import RpcError
    except ImportError:  # without the embedded engine
        RpcError = ConnectionError

    total = sum(part["bytes"] for name in job.datasets for _, part in input_parts(job, name))
    try:
        session = spark_session(job.workers, job.settings, total)
        session.conf.set("spark.sql.shuffle.partitions", str(shuffle_partitions(session, job.workers, total)))
        try:
            return work(job, session)
        finally:
            drop_kept(session)
    except (ArcmillError, KeyboardInterrupt):
        raise
    except (PySparkException, Py4JError, Py4JNetworkError, RpcError, ConnectionError) as error:
        raise EngineError(f"{job.stage.name}: Spark failed: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    """The cause that matters: the last exception that a worker or the JVM named, and the file that was being read."""
    told = (line.strip().removeprefix("Caused by: ") for line in str(error).splitlines())
    lines = [line for line in told if line and not line.startswith("... ")]
    named = [line for line in lines if "Error" in line.split(" ")[0] or "Exception" in line.split(" ")[0]]
    causes = [line for line in named if not line.startswith(("at ", "org.apache.spark.api.python", "File "))]
    cause = (causes or named or lines or [type(error).__name__])[-1][:400]
    found = re.search(r"reading file (\S+\.parquet)", str(error))
    file = re.sub("^file:/+", "/", found[1]) if found else ""
    return cause if file in cause else f"{file}: {cause}"


def _other_inputs(job: Job) -> dict[str, Any]:
    """Input name -> path for a Model or a Dataset of any kind, the datasets themselves for rows."""
    whole = {name for name, (record, _) in job.stage.inputs.items() if record in ("Model", "Dataset")}
    return {
        name: datasets[0].url if name in whole else list(datasets)
        for name, datasets in job.datasets.items()
        if datasets
    }


def _decide(job: Job, session: SparkSession) -> dict[str, Any]:
    main = job.stage.main_input or ""
    result = job.stage.core(read_rows(session, job.datasets[main]), job.config, _other_inputs(job))
    decisions, statistics = result if isinstance(result, tuple) else (result, {})
    filesystem, root = locate(job.staging)
    url = filesystem.unstrip_protocol(f"{root}/decisions-{uuid.uuid4().hex}")
    parts = max(1, len(input_parts(job, main)))
    if not is_local(filesystem):
        made = _put_decisions(decisions, url, parts)
        return {"decisions": url, "parts": made, "statistics": statistics() if callable(statistics) else statistics}
    (
        decisions.repartition(min(parts, 4096), "_part")
        .sortWithinPartitions("_part", "_row")
        .write.option("compression", "zstd")
        .partitionBy("_part")
        .parquet(url)
    )
    if callable(statistics):  # figures that are known only once the decisions were made
        statistics = statistics()
    return {"decisions": url, "statistics": statistics}


def _put_decisions(decisions: DataFrame, url: str, parts: int) -> list[int]:
    """Write the decisions from inside Spark's tasks, through fsspec: no connector of Spark's is needed. The parts that have any.

    A part's decisions are one object of one name, so that retried and speculative attempts write the same.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = []
        filesystem, root = locate(url)
        for part, pieces in _by_value(batches, "_part"):
            place = f"{root}/_part={part}"
            if has_folders(filesystem):
                filesystem.makedirs(place, exist_ok=True)
            table = pa.Table.from_batches(list(pieces)).drop_columns(["_part"])
            with filesystem.open(f"{place}/{DECISIONS}", "wb") as stream:
                pq.write_table(table, stream, compression="zstd")
            written.append(part)
        yield pa.RecordBatch.from_pydict({"part": pa.array(written, pa.int32())})

    session = decisions.sparkSession
    partitions = min(parts, 4096, int(session.conf.get("spark.sql.shuffle.partitions") or 1))
    made = sorted_map(decisions, "_part", [("_row", "ascending")], write, "part int", partitions).collect()
    return sorted({row.part for row in made})


def _rewrite(job: Job, session: SparkSession) -> dict[str, Any]:
    from pyspark.sql import functions as F

    frames = {
        name: read_rows(session, datasets)
        for name, datasets in job.datasets.items()
        if job.stage.record_of(name) not in ("Model", "Dataset")
    }
    rows, ledger, statistics = job.stage.core(frames, job.config, _other_inputs(job))
    size = sum(part["bytes"] for name in job.datasets for _, part in input_parts(job, name))
    buckets = max(1, min(4096, size // (job.config.part_bytes // 4)), 8 if size > (1 << 20) else 1)
    if job.stage.assembles:
        buckets = max(1, sum(len(input_parts(job, name)) for name in frames))
        by_order = rows
    else:
        by_order = rows.withColumn("_bucket", F.pmod(F.col("_order"), F.lit(buckets)).cast("int"))
    by_id = ledger.withColumn("_bucket", F.pmod(F.xxhash64("id"), F.lit(buckets)).cast("int"))
    records = _write_buckets(job, by_order, ["_order", "id", "_copy"], buckets, 0, ledger=False)
    records += _write_buckets(job, by_id, ["id", "rule", "detail"], buckets, buckets, ledger=True)
    total = sum(dataset.rows for datasets in job.datasets.values() for dataset in datasets)
    records.append({"parts": [], "ledger": [], "counts": {"in": total}})
    return {"records": records, "statistics": statistics() if callable(statistics) else statistics}


def _write_buckets(
    job: Job, frame: DataFrame, order: list[str], buckets: int, first: int, *, ledger: bool
) -> list[dict[str, Any]]:
    """Write one task per bucket from inside Spark's tasks. Retried and speculative attempts cannot collide."""
    staging, part_bytes, record = job.staging, job.config.part_bytes, job.record
    assemble = None if ledger else job.stage.assembles
    config, datasets = job.config, dict(job.datasets)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        wanted = ledger_schema() if ledger else schema(record)
        written = []
        for bucket, pieces in _by_value(batches, "_bucket"):
            with TaskWriter(staging, first + bucket, schema(record), part_bytes) as writer:
                whole = _rebatch(pieces, BATCH_ROWS)
                for piece in assemble(whole, config, datasets) if assemble else whole:
                    rows = pa.Table.from_batches([piece]).select(wanted.names).cast(wanted).to_batches()[0]
                    if ledger:
                        writer.ledger_rows(rows)
                        continue
                    writer.rows(rows)
                    copies = piece.column("_copy").to_numpy(zero_copy_only=False)
                    writer.counts["kept"] += int((copies == 0).sum())
                    writer.counts["created"] += int((copies != 0).sum())
                writer.commit()
            written.append(first + bucket)
        yield pa.RecordBatch.from_pydict({"task": pa.array(written, pa.int32())})

    partitions = min(buckets, int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1))
    tasks = sorted_map(
        frame, "_bucket", [(name, "ascending") for name in order], write, "task int", partitions
    ).collect()
    done = (finished_task(staging, task) for task in sorted({row.task for row in tasks}))
    return [record for record in done if record is not None]


def _by_value(batches: Iterator[pa.RecordBatch], column: str) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Cut a stream that is sorted by a column where its value changes."""
    from itertools import groupby, pairwise

    import numpy as np

    def cut() -> Iterator[tuple[int, pa.RecordBatch]]:
        for batch in batches:
            if not batch.num_rows:
                continue
            values = batch.column(column).to_numpy()
            edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), batch.num_rows]
            for low, high in pairwise(edges):
                yield int(values[low]), batch.slice(low, high - low)

    for bucket, group in groupby(cut(), key=lambda pair: pair[0]):
        yield bucket, (piece for _, piece in group)


def _rebatch(pieces: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Batches of exactly `rows` rows (the last is shorter), so that row groups do not depend on Spark's batches."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    count = 0
    for piece in pieces:
        while count + piece.num_rows >= rows:
            waiting.append(piece.slice(0, rows - count))
            yield pa.concat_batches(waiting)
            piece, waiting, count = piece.slice(rows - count), [], 0
        if piece.num_rows:
            waiting.append(piece)
            count += piece.num_rows
    if waiting:
        yield pa.concat_batches(waiting)
