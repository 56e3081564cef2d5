"""Decisions over the whole dataset: kept in staging once they are made, then applied part by part.

A decision is a row of `_part`, `_row` (a document's place), the ledger's columns where it leaves, and new values of
columns where it changes. Rows without one stay as they are. They are stored by part, as `_part=N/….parquet`. Where it is
known which parts have any (`parts`), no listing of a store is asked: one that lacked a file would lose its decisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.engines import datatrove
from arcmill.engines.part_task import PartTask
from arcmill.errors import EngineError
from arcmill.identity import Job
from arcmill.progress import Progress
from arcmill.stage import Changes, Outcome
from arcmill.storage import locate, read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa

DECISIONS = "decisions.parquet"  # the one file of a part, where `parts` are known
LEDGER = ("outcome", "rule", "score", "threshold", "into_id", "detail")


def taken_up(job: Job, progress: Progress, decide: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `decide` returned, now or in a run that was killed after it."""
    filesystem, root = locate(job.staging)
    place = f"{root}/decided.json"
    try:
        made: dict[str, Any] = read_json(filesystem, place)
    except FileNotFoundError:
        progress.update(0, 1, note="deciding")
        started = time.monotonic()
        made = decide()
        made["seconds"] = round(time.monotonic() - started, 3)
        write_json(filesystem, place, made)
    return made


def apply(job: Job, made: dict[str, Any], progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Copy the input in its order and apply `made["decisions"]`, a path, by the tasks of the datatrove engine."""
    step = PartTask(job, datatrove.part_tasks(job), decide=Applier(made["decisions"], made.get("parts")))
    return datatrove.run_tasks(step, progress), {"statistics": made["statistics"]}


class Applier:
    """Turns the decisions on one part into a batch core. An object, so that it can travel to worker processes."""

    def __init__(self, decisions: str, parts: Sequence[int] | None = None) -> None:
        self.decisions, self.parts = decisions, None if parts is None else frozenset(parts)

    def __call__(self, job: Job, part: int) -> Callable[[pa.RecordBatch], Changes]:
        import numpy as np
        import pyarrow.compute as pc

        table = self._read(part)
        rows = table.column("_row").to_numpy() if table is not None else np.empty(0, dtype=np.int64)
        if len(np.unique(rows)) != len(rows):
            raise EngineError(f"{job.stage.name}: two decisions on one row of part {part}")
        changed = [c for c in (table.column_names if table is not None else ()) if c not in ("_row", *LEDGER)]
        position = 0

        def apply(batch: pa.RecordBatch) -> Changes:
            nonlocal position
            low, high = np.searchsorted(rows, (position, position + batch.num_rows))
            start, position = position, position + batch.num_rows
            if low == high or table is None:
                return Changes({}, {})
            here, at = table.slice(low, high - low).combine_chunks(), rows[low:high] - start
            mask = np.zeros(batch.num_rows, dtype=bool)
            mask[at] = True
            columns: dict[str, pa.Array] = {}
            for name in changed:
                old = batch.column(name)
                values = here.column(name).cast(old.type).combine_chunks()
                columns[name] = pc.replace_with_mask(old, mask, values)
            outcomes: dict[int, Outcome] = {}
            if "outcome" in here.column_names:
                leaving = here.filter(pc.is_valid(here.column("outcome"))).select(
                    ["_row", *(name for name in LEDGER if name in here.column_names)]
                )
                for decision in leaving.to_pylist():
                    row = decision.pop("_row") - start
                    outcomes[row] = Outcome(**decision)
            return Changes(columns, outcomes)

        return apply

    def _read(self, part: int) -> pa.Table | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        filesystem, root = locate(self.decisions)
        folder = f"{root}/_part={part}"
        if self.parts is not None:
            names = [f"{folder}/{DECISIONS}"] if part in self.parts else []
        else:
            names = sorted(filesystem.ls(folder, detail=False)) if filesystem.exists(folder) else []
        tables = []
        for name in names:
            if name.endswith(".parquet"):
                with filesystem.open(name, "rb") as stream:
                    tables.append(pq.ParquetFile(stream).read(use_threads=False))
        return pa.concat_tables(tables).sort_by("_row") if tables else None
