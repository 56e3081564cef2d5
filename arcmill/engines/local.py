"""The in-process engine: stages that read datasets whole and write model files, such as a classifier or a tokenizer."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from arcmill.dataset import Joined
from arcmill.engines.memory import peak_memory, reset_peak_memory
from arcmill.errors import EngineError, UsageError
from arcmill.execute import Job, finished_task
from arcmill.parts import task_record
from arcmill.progress import Progress
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
    if not is_local(filesystem):
        raise EngineError(f"{job.stage.name}: model files are written to a local folder first; --output must be local")
    started = time.process_time()
    reset_peak_memory()
    folder = Path(root) / uuid.uuid4().hex
    folder.mkdir()
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
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            files.append(
                {"staged": str(path), "name": name, "rows": 0, "bytes": os.path.getsize(path),
                 "sha256": file_sha256(filesystem, str(path))}
            )  # fmt: skip
    rows = sum(dataset.rows for datasets in job.datasets.values() for dataset in datasets) + len(job.files)
    record = {
        "parts": files, "ledger": [], "counts": {"in": rows, "kept": rows}, "statistics": statistics,
        "cpu_seconds": round(time.process_time() - started, 3), "peak_memory_bytes": peak_memory(),
    }  # fmt: skip
    write_json(filesystem, task_record(job.staging, 0), record)
    return record
