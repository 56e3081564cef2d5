"""`arcmill verify`: manifest, checksums, schema and conservation of a dataset, or of every dataset of a run."""

from __future__ import annotations

from typing import Any

from arcmill.dataset import MANIFEST, Dataset
from arcmill.errors import InputError
from arcmill.storage import locate


def verify_path(path: str, checksums: bool = True) -> dict[str, Any]:
    """What was checked and what is wrong: `{"ok": bool, "datasets": [{path, rows, files, problems}]}`."""
    filesystem, root = locate(path)
    if filesystem.exists(f"{root}/{MANIFEST}"):
        folders = [path]
    elif filesystem.isdir(root):
        names = sorted(name.rstrip("/").rpartition("/")[2] for name in filesystem.ls(root, detail=False))
        folders = [f"{path.rstrip('/')}/{n}" for n in names if filesystem.exists(f"{root}/{n}/{MANIFEST}")]
    else:
        folders = []
    if not folders:
        raise InputError(f"{path}: neither a dataset nor a run that holds one")
    datasets = [_verify(folder, checksums) for folder in folders]
    return {"ok": not any(dataset["problems"] for dataset in datasets), "datasets": datasets}


def _verify(folder: str, checksums: bool) -> dict[str, Any]:
    try:
        dataset = Dataset.open(folder)
        problems = list(dataset.problems(checksums))
    except InputError as error:
        return {"path": folder, "record": None, "rows": None, "files": 0, "problems": [str(error)]}
    return {
        "path": folder, "record": dataset.record, "rows": dataset.rows, "files": len(dataset.manifest["files"]),
        "problems": problems,
    }  # fmt: skip


def render(found: dict[str, Any]) -> str:
    """A line a dataset, then its problems."""
    lines = []
    for dataset in found["datasets"]:
        state = "ok     " if not dataset["problems"] else "BROKEN "
        lines.append(
            f"{state} {dataset['path']}  {dataset['record']}  {dataset['rows']} rows, {dataset['files']} files"
        )
        lines.extend(f"          {problem}" for problem in dataset["problems"])
    return "\n".join(lines)
