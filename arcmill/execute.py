"""Running one stage: identity, skip or refuse, tasks in staging, conservation, commit.

The rules of DESIGN section 3 are held here, for every stage, whatever its engine.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arcmill.commit import commit, drop_stale, metrics_of
from arcmill.config import StageConfig
from arcmill.dataset import MANIFEST, METRICS, STAGING, Dataset
from arcmill.errors import ArcmillError, EngineError, InputError, UsageError
from arcmill.identity import Inputs, Job, identify, standing
from arcmill.lock import NAME as LOCK
from arcmill.lock import locked
from arcmill.parts import task_record
from arcmill.progress import Progress
from arcmill.remote import has_folders, out_of_reach
from arcmill.stage import Stage
from arcmill.storage import is_local, locate, no_space, read_json, write_json


@dataclass(frozen=True)
class Result:
    """What `execute` did: the dataset, and whether it had to be made."""

    dataset: Dataset
    skipped: bool
    seconds: float


def execute(
    stage: Stage, config: StageConfig, inputs: Inputs, output: str, *,
    workers: int = 1, force: bool = False, settings: Mapping[str, Any] | None = None, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Make the dataset at `output`, or find that it stands. A killed run is taken up where it was.

    Raises UsageError (2), InputError (3) or EngineError (4).
    """
    started = time.monotonic()
    identity, job = identify(stage, config, inputs)
    if _look(output, identity, force) == "done" and not force:
        _sweep(output)
        return Result(Dataset.open(output), True, time.monotonic() - started)
    _refuse_own_input(output, job)
    progress = progress or Progress(stage.name)
    filesystem, path = locate(output)
    staging = f"{output.rstrip('/')}/{STAGING}"
    try:
        if has_folders(filesystem):
            filesystem.makedirs(f"{path}/{STAGING}", exist_ok=True)
        with locked(filesystem, f"{path}/{STAGING}", output) as check:
            state = _look(output, identity, force)  # again: another run may have ended since, and its work stands
            if state == "done" and not force:
                _leave(filesystem, f"{path}/{STAGING}")
                return Result(Dataset.open(output), True, time.monotonic() - started)
            if state == "done":  # only when forced: what a finished run left behind is not to be taken up
                _clear(filesystem, f"{path}/{STAGING}")
                write_json(filesystem, f"{path}/{STAGING}/plan.json", identity)
            else:
                _keep_or_clear(filesystem, f"{path}/{STAGING}", identity)
            width = stage.width(config) if stage.width else 1
            job = Job(stage, config, job.datasets, job.files, staging, workers, settings or {}, width)
            _check_models(job)
            with progress:
                done, facts = _run_engine(job, progress)
            check()
            manifest = commit(output, identity, job, done, facts)
            metrics = metrics_of(manifest, job, done, time.monotonic() - started) | facts.get("metrics", {})
            write_json(filesystem, f"{path}/{METRICS}", metrics, by=f"{path}/{STAGING}")
            drop_stale(filesystem, path, manifest)
            check()
            try:
                write_json(filesystem, f"{path}/{MANIFEST}", manifest, new=True, by=f"{path}/{STAGING}")
            except FileExistsError:  # ours, whose answer was lost; or that of a run which nothing kept out
                if read_json(filesystem, f"{path}/{MANIFEST}") != manifest:
                    raise EngineError(f"output {output}: another run committed it meanwhile; verify it") from None
            _leave(filesystem, f"{path}/{STAGING}")
    except ArcmillError:
        raise
    except OSError as error:
        raise no_space(error) or EngineError(f"{stage.name}: {error}") from error
    except Exception as error:
        told = out_of_reach(error)
        if told is None:
            raise
        raise type(told)(f"{stage.name}: {told}") from error
    return Result(Dataset.open(output), False, time.monotonic() - started)


def _look(output: str, identity: Mapping[str, Any], force: bool) -> str:
    """How the output stands; UsageError where it was made from something else and is not to be rebuilt."""
    state, differences = standing(output, identity)
    if state == "drifted" and not force:
        listed = "\n  ".join(differences) or "its files"
        raise UsageError(
            f"output {output} was made from something else:\n  {listed}\n--force rebuilds it; or name another output"
        )
    return state


def _leave(filesystem: Any, staging: str) -> None:
    """Remove the staging while its lock is held: its names are those of the next run, too."""
    _clear(filesystem, staging)
    if is_local(filesystem):  # on a store the lock goes when it is let go
        with contextlib.suppress(OSError):  # of the next run, which has begun and waits for nothing
            os.remove(f"{staging}/{LOCK}")
            os.rmdir(staging)


def _sweep(output: str) -> None:
    """Remove the staging that a run left when it was killed between its manifest and its end. Best effort."""
    filesystem, path = locate(output)
    with contextlib.suppress(OSError, UsageError):
        if filesystem.exists(f"{path}/{STAGING}"):
            with locked(filesystem, f"{path}/{STAGING}", output):
                _leave(filesystem, f"{path}/{STAGING}")


def _check_models(job: Job) -> None:
    """Parts have checksums of their pages, models none. Those on a store are checked when they are copied here."""
    for datasets in job.datasets.values():
        for dataset in datasets:
            if dataset.record == "Model" and is_local(dataset.filesystem):
                dataset.check_files()


def _refuse_own_input(output: str, job: Job) -> None:
    filesystem, target = locate(output)
    for name, datasets in job.datasets.items():
        for dataset in datasets:
            if dataset.path == target and dataset.filesystem == filesystem:
                raise UsageError(f"output {output} is the input '{name}' as well; inputs are never changed")
    if not is_local(filesystem):
        target = filesystem.unstrip_protocol(target)  # as raw files are named there
    if any(file.path.startswith(target + "/") for file in job.files):
        raise UsageError(f"output {output} holds the input files; inputs are never changed")
    if any(target.startswith(file.path + "/") for file in job.files):
        raise UsageError(f"output {output} lies in a folder that is read; name one outside of the input")


def _keep_or_clear(filesystem: Any, staging: str, identity: Mapping[str, Any]) -> None:
    with contextlib.suppress(FileNotFoundError, InputError):
        if read_json(filesystem, f"{staging}/plan.json").get("fingerprint") == identity["fingerprint"]:
            return
    _clear(filesystem, staging)
    write_json(filesystem, f"{staging}/plan.json", identity)


def _clear(filesystem: Any, staging: str) -> None:
    """Empty the staging, but for the lock."""
    for name in filesystem.ls(staging, detail=False):
        if name.rstrip("/").rpartition("/")[2] != LOCK:
            filesystem.rm(name, recursive=True)


def _run_engine(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The records of all tasks, in order, and the facts (statistics, model files) that the engine adds."""
    if job.stage.engine == "spark":
        from arcmill.engines import spark

        return spark.run(job, progress)
    if job.stage.engine == "local":
        from arcmill.engines import local

        return local.run(job, progress)
    if job.stage.engine == "vllm":
        from arcmill.engines.llm import run

        return run.run(job, progress)
    if job.stage.engine == "faiss":
        from arcmill.engines import faiss

        return faiss.run(job, progress)
    from arcmill.engines import datatrove

    return datatrove.run(job, progress)


def finished_task(staging: str, task: int) -> dict[str, Any] | None:
    """The record of a task that an earlier run finished, or None."""
    filesystem = locate(staging)[0]
    with contextlib.suppress(FileNotFoundError):
        record: dict[str, Any] = read_json(filesystem, task_record(staging, task))
        return record
    return None
