"""One task of the datatrove engine: the units it reads, the shape of the core it runs, the parts it writes and records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Part, read_file
from arcmill.engines.inputs import input_parts, read_part_of, stage_state
from arcmill.engines.memory import peak_memory, reset_peak_memory
from arcmill.engines.outcomes import batch_core, characters, isolated, write_decided, write_made
from arcmill.errors import ArcmillError, EngineError
from arcmill.execute import finished_task
from arcmill.identity import Job
from arcmill.parts import TaskWriter
from arcmill.records import stable_id
from arcmill.remote import out_of_reach
from arcmill.stage import Changes, Failure, Outcome, Rest, SourceFile
from arcmill.storage import locate, no_space

if TYPE_CHECKING:
    import pyarrow as pa

INGEST_ROWS, INGEST_BYTES = 512, 4 << 20
EDIT_BYTES = 1 << 20  # of the batches in which an edited part is written


@dataclass(frozen=True, slots=True)
class Rests:
    """A unit of work: what tasks `first` to `last` (not among them) left."""

    first: int
    last: int


# A part (input name, number), a raw file, the name of a split, or rests.
Unit = tuple[str, int] | SourceFile | str | Rests


@dataclass(repr=False)
class PartTask:
    """A datatrove pipeline of one step: reads the units of its rank, runs the core, writes and records the parts."""

    job: Job
    tasks: list[list[Unit]]
    decide: Callable[[Job, int], Callable[[pa.RecordBatch], Changes]] | None = None
    failure: Exception | None = None

    def __repr__(self) -> str:  # datatrove logs its pipeline in every task
        return f"{self.job.stage.name} {self.job.config!r}"

    def __call__(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        try:
            self._run(rank)
        except Exception as error:
            # datatrove would print the traceback to a user's terminal; it goes to the log file, the error to us.
            from loguru import logger

            logger.opt(exception=True).debug("the task failed")
            self.failure = error
        return iter(())

    def _run(self, rank: int) -> None:
        job = self.job
        if finished_task(job.staging, rank) is not None:
            return
        started = time.process_time()
        reset_peak_memory()
        whole = 1 << 62  # an edited part stays one part
        with TaskWriter(job.staging, rank, job.schema, whole if job.stage.edits else job.config.part_bytes) as writer:
            units = self.tasks[rank]
            facts: dict[str, Any] = {}
            if units and isinstance(units[0], Rests):
                self._gather(units[0], writer)
            elif job.stage.edits:
                facts["found"] = self._edit(units[0], writer)
            elif job.stage.makes:
                self._make(units, writer)
            else:
                for unit in units:
                    if isinstance(unit, tuple):
                        self._documents(unit, writer)
                    else:
                        self._ingest(unit, writer)
            cpu = round(time.process_time() - started, 3)
            writer.commit(cpu_seconds=cpu, peak_memory_bytes=peak_memory(), **facts)

    # -- documents -------------------------------------------------------------------------------------------

    def _documents(self, unit: tuple[str, int], writer: TaskWriter) -> None:
        if self.decide:  # decided before: an error here is ours, never a row's
            apply = self.decide(self.job, unit[1])
            for batch in read_part_of(self.job, unit):
                write_decided(batch, apply(batch), writer)
            return
        core = batch_core(self.job)
        for batch in read_part_of(self.job, unit):
            for piece, changes in isolated(core, batch):
                write_decided(piece, changes, writer)

    def _make(self, units: list[Unit], writer: TaskWriter) -> None:
        job = self.job
        read = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal read
            for unit in units:
                assert isinstance(unit, tuple)
                for batch in read_part_of(job, unit):
                    read += batch.num_rows
                    yield batch

        used = left = 0
        for made in job.stage.core(batches(), job.config, *stage_state(job)):
            if isinstance(made, tuple):
                writer.ledger([made])
                left += 1
            elif isinstance(made, Mapping):
                writer.tallies.update(made)
            elif isinstance(made, Rest):
                used += _begun(made.rows) if job.record == "Sequence" else 0
                writer.rest(made.rows)
            else:
                batch = made.cast(job.schema)
                used += _begun(batch) if job.record == "Sequence" else 0
                writer.rows(batch)
                writer.counts["created"] += batch.num_rows
        writer.counts["in"] += read
        # A sequence names what it holds: counting the documents that begin in one is an independent check.
        writer.counts["kept"] += used if job.record == "Sequence" else read - left

    def _edit(self, unit: Unit, writer: TaskWriter) -> list[str]:
        """One part edited, or copied where nothing of it changes; what was found in it."""
        job = self.job
        assert isinstance(unit, tuple)
        dataset, info = input_parts(job, unit[0])[unit[1]]
        edited = job.stage.core(Part(dataset, info), job.config, *stage_state(job))
        sequences = job.record == "Sequence"
        writer.counts["in"] += edited.kept + len(edited.removed)
        writer.counts["kept"] += edited.kept
        writer.tallies.update(edited.tallies or {})
        writer.ledger(edited.removed)
        if edited.table is None:
            writer.copy(dataset, info)
            writer.counts["created"] += info["rows"] if sequences else 0
        else:
            table = edited.table
            rows = max(1, EDIT_BYTES * table.num_rows // max(table.nbytes, 1))
            for batch in table.combine_chunks().to_batches(max_chunksize=rows):
                writer.rows(batch.cast(job.schema))
            writer.name_part(info["path"])
            writer.counts["created"] += table.num_rows if sequences else 0
        return sorted(edited.found)

    def _gather(self, unit: Rests, writer: TaskWriter) -> None:
        """Make rows of what tasks left. Their input rows were counted there; here all that began in them must be found."""
        job = self.job
        files = [
            file["staged"]
            for task in range(unit.first, unit.last)
            for file in (finished_task(job.staging, task) or {}).get("rest", ())
        ]
        balance = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal balance
            for file in files:
                for batch in read_file(locate(job.staging)[0], file):
                    balance -= _begun(batch) if job.record == "Sequence" else 0
                    yield batch

        assert job.stage.gathers is not None
        for made in job.stage.gathers(batches(), job.config, *stage_state(job)) if files else ():
            if isinstance(made, Mapping):
                writer.tallies.update(made)
                continue
            batch = made.cast(job.schema)
            balance += _begun(batch) if job.record == "Sequence" else 0
            writer.rows(batch)
            writer.counts["created"] += batch.num_rows
        if balance:
            raise EngineError(
                f"{job.stage.name}: {-balance} rows of those that tasks left were lost; please report this"
            )

    # -- raw input -------------------------------------------------------------------------------------------

    def _ingest(self, unit: Unit, writer: TaskWriter) -> None:
        import pyarrow as pa

        waiting: list[Any] = []
        size = 0
        for item in self._items(unit):
            if isinstance(item, Mapping):
                writer.tallies.update(item)
                continue
            if isinstance(item, pa.RecordBatch):
                write_made(self.job.record, waiting, writer)
                waiting, size = [], 0
                writer.counts["in"] += item.num_rows
                writer.counts["kept"] += item.num_rows
                writer.rows(item.cast(self.job.schema))
                continue
            writer.counts["in"] += 1
            if isinstance(item, Failure):
                writer.ledger([item])
                continue
            waiting.append(item)
            size += characters(item)
            if len(waiting) >= INGEST_ROWS or size >= INGEST_BYTES:
                write_made(self.job.record, waiting, writer)
                waiting, size = [], 0
        write_made(self.job.record, waiting, writer)

    def _items(self, unit: Unit) -> Iterator[Any]:
        job = self.job
        name = unit.name if isinstance(unit, SourceFile) else str(unit)
        try:
            yield from job.stage.core(unit, job.config, *stage_state(job))
        except (ArcmillError, MemoryError):
            raise
        except Exception as error:
            if no_space(error) and not isinstance(error, PermissionError):
                raise
            if isinstance(unit, SourceFile) and "://" in unit.path and (told := out_of_reach(error)):
                raise type(told)(f"{unit.path}: {told}") from error  # of the network, and nothing of the file
            detail = f"{name}: {type(error).__name__}: {error}"
            yield Failure(stable_id("file", name), Outcome("unreadable", "errored", detail=detail))


def _begun(batch: pa.RecordBatch) -> int:
    """How many documents have their first token in these sequences."""
    import pyarrow.compute as pc

    segments = pc.list_flatten(batch.column("segments"))
    return int(pc.sum(pc.equal(pc.struct_field(segments, "offset"), 0)).as_py() or 0)
