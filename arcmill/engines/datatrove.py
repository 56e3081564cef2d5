"""The datatrove engine: each document on its own, in tasks that any datatrove executor can run.

datatrove shards by rank and runs the pipeline; what it lacks for us is made good here: a task is done when its own
record is written (not by a marker that knows no config), parts land by rename, ids come from the origin, and a dead
worker ends the run with an error instead of hanging its pool.
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import chain
from typing import Any

from arcmill.engines.inputs import input_parts
from arcmill.engines.part_task import PartTask, Rests, Unit
from arcmill.engines.placement import of_datatrove, of_ray, of_slurm
from arcmill.errors import ArcmillError, EngineError, UsageError
from arcmill.execute import finished_task
from arcmill.identity import Job
from arcmill.parts import group_by_bytes
from arcmill.progress import Progress
from arcmill.remote import out_of_reach
from arcmill.stage import Whole
from arcmill.storage import no_space

GATHERED = 512  # tasks whose rests are made anew together


def run(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run a stage over its parts, files or splits: the task records in order, and what they counted or concluded."""
    tasks, first = _tasks(job)
    done = run_tasks(PartTask(job, tasks), progress, first)
    tallies: Counter[str] = Counter()
    for record in done:
        tallies.update(record.get("tallies", {}))
    statistics: dict[str, Any] = dict(sorted(tallies.items()))
    if job.stage.conclude is not None:
        found = frozenset(name for record in done for name in record.get("found", ()))
        statistics = job.stage.conclude(job.config, Whole(job.datasets, statistics, found))
    return done, {"statistics": statistics}


def _tasks(job: Job) -> tuple[list[list[Unit]], int]:
    """The units of each task, and how many tasks come before those that gather what they left."""
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
    return tasks, first


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
    """Run tasks where `datatrove.executor` says, and yield each as it finishes."""
    todo = list(todo)
    executor = of_datatrove(step.job.settings).executor
    if executor == "slurm" and todo:
        from arcmill.engines import slurm

        yield from slurm.finish(_travelling(step), todo, of_slurm(step.job.settings))
    elif executor == "ray" and todo:
        from arcmill.engines import on_ray

        yield from on_ray.finish(_travelling(step), todo, of_ray(step.job.settings))
    else:
        yield from in_processes(step, todo)


def _travelling(step: PartTask) -> PartTask:
    """What only the parent asks of a declaration (often lambdas, which do not travel) stays here."""
    stage = replace(step.job.stage, splits=None, identity=None, model_files=None, find=None, conclude=None)
    return replace(step, job=replace(step.job, stage=stage))


def in_processes(step: PartTask, todo: Sequence[int]) -> Iterator[int]:
    """Run tasks in this process, or in `workers` others, and yield each as it finishes."""
    workers = min(step.job.workers, len(todo))
    if workers <= 1:
        run_rank = rank_runner(step)
        for task in todo:
            run_rank(task)
            yield task
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["arcmill.engines.datatrove", step.job.stage.core.__module__])
    sent = _travelling(step)
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


def rank_runner(step: PartTask) -> Callable[[int], Any]:
    """datatrove's own way to run one rank of a pipeline, with its log files beside our staging."""
    from datatrove.executor.base import PipelineExecutor
    from datatrove.io import get_datafolder

    class Executor(PipelineExecutor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(pipeline=[step], logging_dir=f"{step.job.staging}/logs", skip_completed=False)
            self.logging_dir: Any = _Logs(get_datafolder(f"{step.job.staging}/logs"))

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


class _Logs:
    """datatrove's log files, on a disk that may be full: that is told by the part that finds no room, in one line."""

    def __init__(self, folder: Any) -> None:
        self._folder = folder

    def open(self, path: str, mode: str = "w") -> Any:
        try:
            return _Log(self._folder.open(path, mode))
        except OSError:
            return io.StringIO()


class _Log(io.TextIOBase):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()


_run_rank: Callable[[int], Any] | None = None


def _start_worker(step: PartTask) -> None:
    global _run_rank
    threading.Thread(target=_die_with_parent, daemon=True).start()
    gc.set_threshold(50_000, 20, 20)  # rows make many objects and hardly any cycles
    _run_rank = rank_runner(step)


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
        raise no_space(error) or out_of_reach(error) or EngineError(f"{type(error).__name__}: {error}") from None
