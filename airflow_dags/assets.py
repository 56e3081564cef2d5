"""The asset that an output is to Airflow: one name and URI for all runs; its events tell which dataset was made."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Asset

UNDATED = "undated"  # the partition of an output whose root holds no date


def asset_of(recipe: str, step: str) -> Any:
    """The asset of a step's output: name `RECIPE/STEP`, URI `x-arcmill://RECIPE/STEP`."""
    return Asset(name=f"{recipe}/{step}", uri=f"x-arcmill://{recipe}/{step}", group="arcmill")


def facts_of(output: str) -> dict[str, Any]:
    """What the manifest of a dataset says, for events: path, fingerprint, record, rows, counts."""
    path = f"{output}/manifest.json"
    if "://" in path:
        import fsspec  # comes with Airflow

        with fsspec.open(path, "r", encoding="utf-8") as stream:
            manifest = json.load(stream)
    else:
        with open(path, encoding="utf-8") as stream:
            manifest = json.load(stream)
    rows = sum(file["rows"] for file in manifest["files"] if not file["path"].startswith("ledger/"))
    return {
        "path": output, "fingerprint": manifest["fingerprint"], "record": manifest["record"], "rows": rows,
        "counts": manifest["counts"],
    }  # fmt: skip
