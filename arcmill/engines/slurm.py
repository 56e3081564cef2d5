"""Tasks of the datatrove engine as an array job of Slurm.

The run that asks for it stays, holds the lock, watches the tasks' records and commits; it needs hardly any processor, so it
may be a job itself. An element of the array is `python -m arcmill.engines.slurm PLACE NUMBER`: it reads what is to be done from
staging, which all nodes must see (a shared filesystem, or an object store), and runs its tasks. Where a node dies, Slurm runs
its element again, which takes up what was finished. What is left when the array has ended is an error; the next run does it.
"""

from __future__ import annotations

import os
import pickle
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.engines.placement import SlurmSettings
from arcmill.errors import ArcmillError, EngineError, UsageError
from arcmill.execute import finished_task
from arcmill.remote import has_folders
from arcmill.storage import is_local, locate

if TYPE_CHECKING:
    from arcmill.engines.part_task import PartTask

WORK = "work.pickle"


def finish(step: PartTask, todo: Sequence[int], settings: SlurmSettings) -> Iterator[int]:
    """Submit the tasks and yield each as it finishes. EngineError where the array ended without some."""
    filesystem, root = locate(step.job.staging)
    folder = f"{root}/slurm-{uuid.uuid4().hex}"
    if has_folders(filesystem):
        filesystem.makedirs(folder)
    each = max(settings.tasks_per_job, -(-len(todo) // settings.array_size))
    shares = [list(todo[first : first + each]) for first in range(0, len(todo), each)]
    filesystem.pipe_file(f"{folder}/{WORK}", pickle.dumps((step, shares, settings.cpus_per_task)))
    script = array_script(step.job.stage.name, filesystem.unstrip_protocol(folder), len(shares), settings)
    filesystem.pipe_file(f"{folder}/array.sh", script.encode())
    job = _submit(script)
    waiting = list(todo)
    try:
        while waiting:
            running = _running(job)  # asked before the records, so that the last of them are not missed
            left = []
            for task in waiting:
                if finished_task(step.job.staging, task) is None:
                    left.append(task)
                else:
                    yield task
            waiting = left
            failed = sorted(filesystem.glob(f"{folder}/failed-*.txt"))
            if waiting and (failed or not running):
                raise _failure(step, job, filesystem, folder, failed, waiting)
            if waiting:
                time.sleep(settings.poll)
    finally:
        if waiting:
            subprocess.run(["scancel", job], capture_output=True, check=False)


def array_script(stage: str, place: str, elements: int, settings: SlurmSettings) -> str:
    """The job script. `place`: URL of the folder that holds what is to be done."""
    filesystem, path = locate(place)
    logs = path if is_local(filesystem) else os.getcwd()
    at_once = f"%{settings.at_once}" if settings.at_once else ""
    options = [
        f"--job-name=arcmill-{stage}", f"--array=0-{elements - 1}{at_once}", f"--time={settings.time}",
        f"--cpus-per-task={settings.cpus_per_task}", f"--mem-per-cpu={settings.mem_per_cpu}", "--ntasks=1", "--requeue",
        f"--output={shlex.quote(f'{logs}/slurm-%A-%a.log')}", "--open-mode=append",
    ]  # fmt: skip
    options += [f"--{name}={value}" for name in ("partition", "account") if (value := getattr(settings, name))]
    python = settings.python or sys.executable
    found = [*(f"#SBATCH {option}" for option in [*options, *settings.options])]
    packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return "\n".join([
        "#!/bin/bash", *found, "set -euo pipefail", *settings.setup,
        # The packages of the run that submitted, before any that a node may have.
        f'export PYTHONPATH={shlex.quote(packages)}"${{PYTHONPATH:+:$PYTHONPATH}}"',
        f'exec {shlex.quote(python)} -m arcmill.engines.slurm {shlex.quote(place)} "$SLURM_ARRAY_TASK_ID"', "",
    ])  # fmt: skip


def _submit(script: str) -> str:
    try:
        done = subprocess.run(["sbatch", "--parsable"], input=script, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UsageError("datatrove.executor=slurm: there is no sbatch on this machine's PATH") from None
    if done.returncode:
        raise EngineError(f"sbatch refused the job: {' '.join(done.stderr.split())[:300]}")
    return done.stdout.strip().partition(";")[0]


def _running(job: str) -> bool:
    """Whether Slurm still has an element of the job. Where it does not answer, yes."""
    done = subprocess.run(["squeue", "--noheader", "--jobs", job], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) if done.returncode == 0 else "Invalid job id" not in done.stderr


def _failure(
    step: PartTask, job: str, filesystem: Any, folder: str, failed: Sequence[str], waiting: Sequence[int]
) -> EngineError:
    name = step.job.stage.name
    if failed:
        return EngineError(f"{name}: {filesystem.cat_file(failed[0]).decode()} (job {job}); finished tasks are kept")
    shown = ", ".join(map(str, waiting[:5]))
    return EngineError(
        f"{name}: job {job} of Slurm ended without {len(waiting)} tasks ({shown} …); out of time or memory? Its logs are "
        f"{folder}/slurm-{job}-*.log, and finished tasks are kept: run it again"
    )


def run_element(place: str, number: int) -> None:
    """What one element of the array does."""
    from dataclasses import replace

    from arcmill.engines.datatrove import in_processes

    filesystem, folder = locate(place)
    step, shares, workers = pickle.loads(filesystem.cat_file(f"{folder}/{WORK}"))
    todo = [task for task in shares[number] if finished_task(step.job.staging, task) is None]
    try:
        for _ in in_processes(replace(step, job=replace(step.job, workers=workers)), todo):
            pass
    except ArcmillError as error:
        filesystem.pipe_file(f"{folder}/failed-{number}.txt", str(error).encode())
        raise SystemExit(f"arcmill: {error}") from None


if __name__ == "__main__":
    run_element(sys.argv[1], int(sys.argv[2]))
