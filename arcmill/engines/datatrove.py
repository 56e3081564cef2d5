"""The datatrove engine: each document on its own, in tasks that any datatrove executor can run.

datatrove shards by rank and runs the pipeline; what it lacks for us is made good here: a task is done when its own
record is written (not by a marker that knows no config), parts land by rename, ids come from the origin, and a dead
worker ends the run with an error instead of hanging its pool.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset, Part, read_file, read_part
from arcmill.engines.memory import peak_memory, reset_peak_memory
from arcmill.errors import ArcmillError, EngineError, UsageError
from arcmill.execute import Job, finished_task
from arcmill.parts import TaskWriter, group_by_bytes
from arcmill.progress import Progress
from arcmill.records import (
    Document,
    Problem,
    batch_to_documents,
    documents_to_batch,
    rows_to_batch,
    stable_id,
)
from arcmill.stage import Changes, Failure, Outcome, Rest, SourceFile
from arcmill.storage import locate, no_space

if TYPE_CHECKING:
    import pyarrow as pa

INGEST_ROWS, INGEST_BYTES = 512, 4 << 20
EDIT_BYTES = 1 << 20  # of the batches in which an edited part is written
GATHERED = 512  # tasks whose rests are made anew together


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
            for batch in _read(self.job, unit):
                _write(batch, apply(batch), writer)
            return
        core = _batch_core(self.job)
        for batch in _read(self.job, unit):
            for piece, changes in _isolate(core, batch):
                _write(piece, changes, writer)

    def _make(self, units: list[Unit], writer: TaskWriter) -> None:
        job = self.job
        read = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal read
            for unit in units:
                assert isinstance(unit, tuple)
                for batch in _read(job, unit):
                    read += batch.num_rows
                    yield batch

        used = left = 0
        for made in job.stage.core(batches(), job.config, *_state(job)):
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
        edited = job.stage.core(Part(dataset, info), job.config, *_state(job))
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
        for made in job.stage.gathers(batches(), job.config, *_state(job)) if files else ():
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
                _write_made(self.job.record, waiting, writer)
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
            size += _characters(item)
            if len(waiting) >= INGEST_ROWS or size >= INGEST_BYTES:
                _write_made(self.job.record, waiting, writer)
                waiting, size = [], 0
        _write_made(self.job.record, waiting, writer)

    def _items(self, unit: Unit) -> Iterator[Any]:
        job = self.job
        name = unit.name if isinstance(unit, SourceFile) else str(unit)
        try:
            yield from job.stage.core(unit, job.config, *_state(job))
        except (ArcmillError, MemoryError):
            raise
        except Exception as error:
            if no_space(error) and not isinstance(error, PermissionError):
                raise
            detail = f"{name}: {type(error).__name__}: {error}"
            yield Failure(stable_id("file", name), Outcome("unreadable", "errored", detail=detail))


def _begun(batch: pa.RecordBatch) -> int:
    """How many documents have their first token in these sequences."""
    import pyarrow.compute as pc

    segments = pc.list_flatten(batch.column("segments"))
    return int(pc.sum(pc.equal(pc.struct_field(segments, "offset"), 0)).as_py() or 0)


def _read(job: Job, unit: tuple[str, int]) -> Iterator[pa.RecordBatch]:
    name, number = unit
    dataset, part = input_parts(job, name)[number]
    yield from read_part(dataset, part["path"])


def input_parts(job: Job, name: str) -> list[tuple[Dataset, Mapping[str, Any]]]:
    """The parts of an input, over all datasets that were given for it; a part's place is its `_part` locator."""
    return [(dataset, part) for dataset in job.datasets.get(name, ()) for part in dataset.parts]


_states: dict[str, tuple[Any, ...]] = {}


def _state(job: Job) -> tuple[Any, ...]:
    """What `setup` made for this stage, once a process: () where the stage needs none."""
    if job.stage.setup is None:
        return ()
    if job.staging not in _states:
        _states.clear()
        inputs = {
            name: datasets[0].path if datasets[0].record == "Model" else list(datasets)
            for name, datasets in job.datasets.items()
            if datasets
        }
        _states[job.staging] = (job.stage.setup(job.config, inputs),)
    return _states[job.staging]


def _batch_core(job: Job) -> Callable[[pa.RecordBatch], Changes]:
    state, core, config = _state(job), job.stage.core, job.config
    if not job.stage.each:
        return lambda batch: core(batch, config, *state)

    def each(batch: pa.RecordBatch) -> Changes:
        documents, outcomes = batch_to_documents(batch), {}
        for row, document in enumerate(documents):
            result = core(document, config, *state)
            if isinstance(result, Outcome):
                outcomes[row] = result
            else:
                documents[row] = result
        changed = documents_to_batch(documents)
        return Changes({name: changed.column(name) for name in changed.schema.names}, outcomes)

    return each


def _isolate(
    core: Callable[[pa.RecordBatch], Changes], batch: pa.RecordBatch
) -> Iterator[tuple[pa.RecordBatch, Changes]]:
    """Run the core; where it raises, halve the batch until the row that breaks it stands alone, and errs."""
    try:
        changes = core(batch)
    except (ArcmillError, MemoryError):
        raise
    except Exception as error:
        if no_space(error):
            raise
        if batch.num_rows == 1:
            outcome = Outcome("exception", "errored", detail=f"{type(error).__name__}: {error}")
            yield batch, Changes({}, {0: outcome})
            return
        middle = batch.num_rows // 2
        yield from _isolate(core, batch.slice(0, middle))
        yield from _isolate(core, batch.slice(middle))
        return
    yield batch, changes


def _write(batch: pa.RecordBatch, changes: Changes, writer: TaskWriter) -> None:
    import numpy as np
    import pyarrow as pa

    rows = batch.num_rows
    writer.counts["in"] += rows
    writer.tallies.update(changes.tallies or {})
    outcomes = changes.outcomes
    if changes.columns:
        arrays = {name: batch.column(name) for name in batch.schema.names}
        for name, values in changes.columns.items():
            if name not in arrays:
                raise EngineError(f"a core set the column '{name}', which {batch.schema.names} has not")
            kind = batch.schema.field(name).type
            array = values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)
            if len(array) != rows:
                raise EngineError(f"a core gave {len(array)} values of '{name}' for {rows} rows")
            arrays[name] = array
        batch = pa.RecordBatch.from_arrays(list(arrays.values()), schema=batch.schema)
    if outcomes:
        if min(outcomes) < 0 or max(outcomes) >= rows:
            raise EngineError(f"a core decided on row {max(outcomes)} of a batch of {rows}")
        ids = batch.column("id")
        writer.ledger([(ids[row].as_py(), outcomes[row]) for row in sorted(outcomes)])
        keep = np.ones(rows, dtype=bool)
        keep[list(outcomes)] = False
        batch = batch.filter(pa.array(keep))
    writer.rows(batch)
    writer.counts["kept"] += batch.num_rows


def _characters(row: Any) -> int:
    if isinstance(row, Problem):
        return len(row.prompt) + len(row.answer or "") + len(row.tests or "") + len(row.evidence or "")
    if isinstance(row, Document):
        return len(row.text) + len(row.html or "")
    return 512  # rows of a few short texts


def _write_made(record: str, made: list[Any], writer: TaskWriter) -> None:
    if not made:
        return
    try:
        batch = rows_to_batch(record, made)
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        if len(made) == 1:
            outcome = Outcome(f"not-a-{record.lower()}", "errored", detail=f"{type(error).__name__}: {error}")
            writer.ledger([(made[0].id, outcome)])
            return
        middle = len(made) // 2
        _write_made(record, made[:middle], writer)
        _write_made(record, made[middle:], writer)
        return
    writer.rows(batch)
    writer.counts["kept"] += batch.num_rows


# -- tasks and workers -----------------------------------------------------------------------------------------


def run(job: Job, progress: Progress) -> list[dict[str, Any]]:
    """Run a stage over its parts, files or splits. Returns the task records in order."""
    if job.stage.edits:
        name = job.stage.main_input or ""
        if len(job.datasets[name]) > 1:
            raise UsageError(f"{job.stage.name}: input '{name}' takes one dataset: its parts keep their names")
        tasks: list[list[Unit]] = [[(name, number)] for number in range(len(input_parts(job, name)))]
    elif job.stage.splits is not None and not job.files:
        tasks = [[split] for split in job.stage.splits(job.config)]
    elif job.files:
        groups = group_by_bytes(file.size for file in job.files)
        tasks = [[job.files[number] for number in group] for group in groups]
    else:
        tasks = part_tasks(job)
    first = len(tasks)
    if job.stage.gathers is not None:
        tasks += [[Rests(begin, min(begin + GATHERED, first))] for begin in range(0, first, GATHERED)]
    return run_tasks(PartTask(job, tasks), progress, first)


def part_tasks(job: Job) -> list[list[Unit]]:
    """Consecutive parts of the main input, grouped by size."""
    name = job.stage.main_input or ""
    groups = group_by_bytes(part["bytes"] for _, part in input_parts(job, name))
    return [[(name, number) for number in group] for group in groups]


def run_tasks(step: PartTask, progress: Progress, first: int | None = None) -> list[dict[str, Any]]:
    """Run what is not finished yet, in this process or in `workers` others, by datatrove's executor.

    The `first` tasks (all where it is None) are done before the others begin.
    """
    job, total = step.job, len(step.tasks)
    records = [finished_task(job.staging, task) for task in range(total)]
    todo = [task for task in range(total) if records[task] is None]
    done = total - len(todo)
    rows = sum(record["counts"].get("in", 0) for record in records if record)
    progress.update(done, total, rows, "taken up" if done else "")
    begin = total if first is None else first
    waves = [[task for task in todo if task < begin], [task for task in todo if task >= begin]]
    for task in chain.from_iterable(_finish(step, wave) for wave in waves):
        record = finished_task(job.staging, task)
        if record is None:
            raise EngineError(f"{job.stage.name}: task {task} ended without a record")
        records[task] = record
        done, rows = done + 1, rows + record["counts"].get("in", 0)
        progress.update(done, total, rows)
    return [record for record in records if record is not None]


def _finish(step: PartTask, todo: Iterable[int]) -> Iterator[int]:
    todo = list(todo)
    workers = min(step.job.workers, len(todo))
    if workers <= 1:
        run_rank = _executor(step)
        for task in todo:
            run_rank(task)
            yield task
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["arcmill.engines.datatrove", step.job.stage.core.__module__])
    # What only the parent asks of a declaration (often lambdas, which do not travel) stays here.
    stage = replace(step.job.stage, splits=None, identity=None, model_files=None, find=None, summary=None)
    sent = replace(step, job=replace(step.job, stage=stage))
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(sent,))
    try:
        pending: dict[Future[None], int] = {pool.submit(_run_in_worker, task): task for task in todo}
        while pending:
            ready, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in ready:
                task = pending.pop(future)
                future.result()
                yield task
    except BrokenProcessPool:
        raise EngineError(
            f"{step.job.stage.name}: a worker process died (out of memory?); finished parts are kept, run it again, "
            "with fewer --workers if memory is short"
        ) from None
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _executor(step: PartTask) -> Callable[[int], Any]:
    """datatrove's own way to run one rank of a pipeline, with its log files beside our staging."""
    from datatrove.executor.base import PipelineExecutor

    class Executor(PipelineExecutor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(pipeline=[step], logging_dir=f"{step.job.staging}/logs", skip_completed=False)

        def run(self) -> None:
            raise NotImplementedError("ranks are run by arcmill")

        def get_distributed_env(self, node_rank: int = -1) -> Any:
            from datatrove.executor.base import DistributedEnvVars

            return DistributedEnvVars(
                datatrove_node_ips="localhost", datatrove_cpus_per_task="-1", datatrove_mem_per_cpu="-1",
                datatrove_gpus_on_node="-1", datatrove_executor="ARCMILL",
            )  # fmt: skip

        @property
        def world_size(self) -> int:
            return len(step.tasks)

    executor = Executor()

    def run_rank(rank: int) -> None:
        # datatrove prints the log of a machine's first task: ours go to the log files alone.
        executor._run_for_rank(rank, local_rank=1)
        if step.failure is not None:
            raise step.failure

    return run_rank


_run_rank: Callable[[int], Any] | None = None


def _start_worker(step: PartTask) -> None:
    global _run_rank
    threading.Thread(target=_die_with_parent, daemon=True).start()
    gc.set_threshold(50_000, 20, 20)  # rows make many objects and hardly any cycles
    _run_rank = _executor(step)


def _die_with_parent() -> None:
    """A killed run must not leave workers behind, and a worker keeps the fork server alive: so each watches the run."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run_in_worker(task: int) -> None:
    assert _run_rank is not None
    try:
        _run_rank(task)
    except ArcmillError:
        raise
    except Exception as error:  # not every exception survives the way to another process
        raise no_space(error) or EngineError(f"{type(error).__name__}: {error}") from None
