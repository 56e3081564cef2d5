"""The in-process engine: stages that read datasets whole and write model files, such as a classifier or a tokenizer."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from arcmill.dataset import Joined
from arcmill.engines.memory import peak_memory, reset_peak_memory
from arcmill.errors import UsageError
from arcmill.execute import finished_task
from arcmill.identity import Job
from arcmill.parts import task_record
from arcmill.progress import Progress
from arcmill.remote import has_folders
from arcmill.storage import file_sha256, is_local, locate, write_json


def run(job: Job, progress: Progress) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the core once; every file that it leaves in the output folder belongs to the dataset."""
    progress.update(0, 1)
    record = finished_task(job.staging, 0)
    if record is None:
        record = _run(job)
    progress.update(1, 1)
    return [record], {"statistics": record["statistics"]}


def _run(job: Job) -> dict[str, Any]:
    filesystem, root = locate(job.staging)
    started = time.process_time()
    reset_peak_memory()
    attempt = uuid.uuid4().hex
    folder = Path(root) / attempt if is_local(filesystem) else Path(tempfile.mkdtemp(prefix="arcmill-model-"))
    folder.mkdir(exist_ok=True)
    for name, datasets in job.datasets.items():
        if len(datasets) > 1 and not job.stage.joins:
            raise UsageError(f"{job.stage.name}: input '{name}' takes one dataset, {len(datasets)} were given")
    single: dict[str, Any] = {
        name: datasets[0] if len(datasets) == 1 else Joined(datasets)
        for name, datasets in job.datasets.items()
        if datasets
    }
    raw = next((name for name, (record, _) in job.stage.inputs.items() if record == "Files"), None)
    if raw is not None:
        single[raw] = job.files
    try:
        statistics = job.stage.core(single, job.config, folder)
        files = [_keep(job, folder, path, f"{root}/{attempt}") for path in sorted(folder.rglob("*")) if path.is_file()]
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not is_local(filesystem):
        shutil.rmtree(folder, ignore_errors=True)
    rows = sum(dataset.rows for datasets in job.datasets.values() for dataset in datasets) + len(job.files)
    record = {
        "parts": files, "ledger": [], "counts": {"in": rows, "kept": rows}, "statistics": statistics,
        "cpu_seconds": round(time.process_time() - started, 3), "peak_memory_bytes": peak_memory(),
    }  # fmt: skip
    write_json(filesystem, task_record(job.staging, 0), record)
    return record


def _keep(job: Job, folder: Path, path: Path, place: str) -> dict[str, Any]:
    """What the commit needs of a file that the core made, which then lies in staging."""
    filesystem = locate(job.staging)[0]
    name = path.relative_to(folder).as_posix()
    size, digest = os.path.getsize(path), file_sha256(locate(str(path))[0], str(path))
    if is_local(filesystem):
        staged = str(path)
    else:  # models are written by libraries that know files alone
        staged = f"{place}/{name}"
        if has_folders(filesystem):
            filesystem.makedirs(staged.rpartition("/")[0], exist_ok=True)
        filesystem.put_file(str(path), staged)
    return {"staged": staged, "name": name, "rows": 0, "bytes": size, "sha256": digest}
