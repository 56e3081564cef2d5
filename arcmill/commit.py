"""The end of a run: conservation and the error rate are checked, parts are put in their places, the manifest is made."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from arcmill.dataset import COUNTS, FORMAT_VERSION, MANIFEST
from arcmill.errors import EngineError, InputError
from arcmill.identity import Job
from arcmill.records import RECORDS
from arcmill.remote import copy_all
from arcmill.storage import is_local, locate


def commit(
    output: str, identity: Mapping[str, Any], job: Job, done: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Check conservation and the error rate, then move the parts to their places. Repeatable after a kill."""
    counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    for record in done:
        counts.update(record["counts"])
    _check_conservation(job, counts, done)
    filesystem, path = locate(output)
    files: list[dict[str, Any]] = []
    moves: list[tuple[str, str]] = []
    for kind, folder in (("parts", ""), ("ledger", "ledger/")):
        number = 0
        for record in done:
            for file in record[kind]:
                name = file.get("name") or f"{folder}part-{number:05d}.parquet"
                number += 1
                moves.append((file["staged"], f"{path}/{name}"))
                files.append({"path": name, **{key: file[key] for key in ("rows", "bytes", "sha256")}})
    old = f"{path}/{MANIFEST}"
    if filesystem.exists(old):
        filesystem.rm(old)  # from here on the old dataset is no more: its parts are about to be replaced
    if not is_local(filesystem):
        copy_all(filesystem, moves)
        moves = []
    for staged, final in moves:
        if filesystem.exists(staged):
            filesystem.makedirs(final.rpartition("/")[0], exist_ok=True)
            os.replace(staged, final)
        elif not filesystem.exists(final):
            raise EngineError(f"{staged}: a finished part is gone; run again with --force")
    manifest = {
        "format_version": FORMAT_VERSION, "record": job.record,
        "schema": {f.name: str(f.type) for f in job.schema} if job.record in RECORDS else {},
        "files": files, "counts": dict(counts), **identity,
    }  # fmt: skip
    if facts.get("statistics"):
        manifest["statistics"] = facts["statistics"]
    return manifest


def _check_conservation(job: Job, counts: Mapping[str, int], done: Sequence[Mapping[str, Any]]) -> None:
    name = job.stage.name
    total = counts["kept"] + counts["dropped"] + counts["merged"] + counts["errored"]
    if counts["in"] != total:
        raise EngineError(
            f"{name}: rows were lost: in {counts['in']}, kept {counts['kept']} + dropped {counts['dropped']} + merged "
            f"{counts['merged']} + errored {counts['errored']} = {total}. Nothing was committed; please report this"
        )
    written = sum(file["rows"] for record in done for file in record["parts"])
    made = job.stage.makes or (job.stage.edits and job.record == "Sequence")  # of sequences the segments are counted
    expected = counts["created"] if made else counts["kept"] + counts["created"]
    if job.record != "Model" and written != expected:
        raise EngineError(f"{name}: {written} rows were written, {expected} were decided on; nothing was committed")
    errors = counts["errored"]
    if errors > job.config.max_error_rate * counts["in"]:
        raise InputError(
            f"{name}: {errors} of {counts['in']} rows errored, more than max_error_rate "
            f"{job.config.max_error_rate:g} allows:\n{_first_errors(job, done)}\n"
            f"allow more with --set max_error_rate=…; the finished work is kept"
        )


def _first_errors(job: Job, done: Sequence[Mapping[str, Any]]) -> str:
    """The most frequent reasons, with an example each."""
    import pyarrow.parquet as pq

    filesystem = locate(job.staging)[0]
    seen: Counter[str] = Counter()
    example: dict[str, str] = {}
    for file in (file for record in done for file in record["ledger"]):
        if not filesystem.exists(file["staged"]):
            continue
        with filesystem.open(file["staged"], "rb") as stream:
            # Without threads: one that still ends when the process does brings it down.
            ledger = pq.ParquetFile(stream).read(columns=["id", "outcome", "rule", "detail"], use_threads=False)
            for row in ledger.to_pylist():
                if row["outcome"] == "errored":
                    seen[row["rule"]] += 1
                    example.setdefault(row["rule"], f"{row['id']}: {row['detail'] or ''}"[:160])
    return "\n".join(f"  {rule}: {number} rows, such as {example[rule]}" for rule, number in seen.most_common(5))


def metrics_of(
    manifest: Mapping[str, Any], job: Job, done: Sequence[Mapping[str, Any]], seconds: float
) -> dict[str, Any]:
    cpu = sum(record.get("cpu_seconds", 0.0) for record in done)
    return {
        "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "engine": job.stage.engine, "workers": job.workers,
        "tasks": len(done), "peak_memory_bytes": max((r.get("peak_memory_bytes", 0) for r in done), default=0),
        "rows_per_second": round(manifest["counts"]["in"] / seconds, 1) if seconds else None,
        "bytes_out": sum(file["bytes"] for file in manifest["files"]),
    }  # fmt: skip


def drop_stale(filesystem: Any, path: str, manifest: Mapping[str, Any]) -> None:
    """Remove parts of an older, forced-over dataset that the new manifest does not list."""
    listed = {file["path"] for file in manifest["files"]}
    for folder in ("", "ledger/"):
        if not filesystem.exists(f"{path}/{folder}"):
            continue
        for full in filesystem.ls(f"{path}/{folder}", detail=False):
            name = folder + full.rpartition("/")[2]
            if name.startswith(("part-", "ledger/part-")) and name not in listed:
                filesystem.rm(full)
