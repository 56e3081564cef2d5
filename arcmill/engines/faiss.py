"""The cluster engine: decisions over vectors of the whole dataset, made in this process, then applied part by part.

A core gets its inputs' datasets and the number of threads, and returns *decisions* as the Spark engine knows them: a
table of `_part`, `_row` (as `located_parts` numbers them) and the ledger's columns. Vectors are searched with faiss on
a processor and with torch on a GPU; the documents are copied in input order by the tasks of the datatrove engine, and
a run that was killed after the deciding takes the decisions up.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset
from arcmill.engines.decisions import DECISIONS, apply, taken_up
from arcmill.identity import Job
from arcmill.progress import Progress
from arcmill.remote import has_folders
from arcmill.storage import locate

if TYPE_CHECKING:
    import pyarrow as pa


def run(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Decide once, then apply in tasks."""

    def decide() -> dict[str, Any]:
        table, statistics = job.stage.core(job.datasets, job.config, job.workers)
        filesystem, root = locate(job.staging)
        folder = f"{root}/decisions-{uuid.uuid4().hex}"
        _write(filesystem, folder, table)
        parts = sorted(set(table.column("_part").to_pylist()))
        return {"decisions": filesystem.unstrip_protocol(folder), "parts": parts, "statistics": statistics}

    return apply(job, taken_up(job, progress, decide), progress)


def located_parts(datasets: Sequence[Dataset]) -> Iterator[tuple[int, Dataset, str]]:
    """(`_part`, dataset, path of the part) over all datasets of one input; `_row` counts from 0 in each."""
    parts = ((dataset, part["path"]) for dataset in datasets for part in dataset.parts)
    for number, (dataset, path) in enumerate(parts):
        yield number, dataset, path


def _write(filesystem: Any, folder: str, table: pa.Table) -> None:
    """One file of decisions a part, in the folders that the Applier reads."""
    import numpy as np
    import pyarrow.parquet as pq

    table = table.sort_by([("_part", "ascending"), ("_row", "ascending")])
    parts = table.column("_part").to_numpy()
    rows = table.drop_columns(["_part"])
    bounds = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
    for low, high in itertools.pairwise(bounds):
        if low == high:
            continue
        place = f"{folder}/_part={parts[low]}"
        if has_folders(filesystem):
            filesystem.makedirs(place)
        with filesystem.open(f"{place}/{DECISIONS}", "wb") as stream:
            pq.write_table(rows.slice(low, high - low), stream, compression="zstd")
