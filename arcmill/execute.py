"""Running one stage: identity, skip or refuse, tasks in staging, conservation, commit.

The rules of DESIGN section 3 are held here, for every stage, whatever its engine.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcmill.config import StageConfig
from arcmill.dataset import (
    COUNTS,
    FORMAT_VERSION,
    MANIFEST,
    METRICS,
    STAGING,
    Dataset,
    describe_drift,
    fingerprint,
)  # fmt: skip
from arcmill.errors import ArcmillError, EngineError, InputError, UsageError
from arcmill.lock import NAME as LOCK
from arcmill.lock import locked
from arcmill.parts import task_record
from arcmill.progress import Progress
from arcmill.records import RECORDS, schema
from arcmill.remote import copy_all, has_folders, out_of_reach, reaching
from arcmill.stage import SourceFile, Stage, in_words, takes
from arcmill.storage import file_sha256, is_local, list_files, locate, no_space, read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa

Inputs = Mapping[str, Sequence[str]]
HASHED_AT_ONCE = 8  # raw files whose digests are computed side by side


@dataclass(frozen=True)
class Result:
    """What `execute` did: the dataset, and whether it had to be made."""

    dataset: Dataset
    skipped: bool
    seconds: float


@dataclass(frozen=True)
class Job:
    """Everything an engine needs to run a stage. Travels to worker processes, so it holds plain data only."""

    stage: Stage
    config: StageConfig
    datasets: Mapping[str, Sequence[Dataset]]
    files: Sequence[SourceFile]
    staging: str
    workers: int
    settings: Mapping[str, Any]  # of the engine, such as spark.master: they never decide the rows
    width: int = 1  # of the vectors, where Embedding is written

    @property
    def record(self) -> str:
        main = self.datasets.get(self.stage.main_input or "", ())
        return self.stage.made(main[0].record if main else None) or self.stage.writes

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of what is written."""
        if self.stage.layout is not None:
            return self.stage.layout(self.config)
        return schema(self.record, self.width)


def identify(stage: Stage, config: StageConfig, inputs: Inputs) -> tuple[dict[str, Any], Job]:
    """Resolve the inputs and compute the identity that manifest and fingerprint are made of."""
    datasets, files, entries = _resolve(stage, config, inputs)
    if stage.identity is not None and not files:
        entries.append({"name": "environment", "fingerprint": stage.identity(config)})
    models: dict[str, str] = {}
    held = stage.model_files(config) if stage.model_files else []
    for path in held:
        filesystem, full = locate(path)
        if not filesystem.isfile(full):
            raise UsageError(f"{stage.name}: file {path} does not exist")
        # By its base name, but where the stage names it: a model's folder may hold two config.json.
        name = held[path] if isinstance(held, Mapping) else os.path.basename(full)
        models["/".join(full.split("/")[-2:]) if name in models else name] = file_sha256(filesystem, full)
    identity = {
        "stage": stage.name, "stage_version": stage.version, "config": config.identity(), "inputs": entries,
        "models": models,
    }  # fmt: skip
    identity["fingerprint"] = fingerprint(stage.name, stage.version, config.identity(), entries, models)
    return identity, Job(stage, config, datasets, files, "", 1, {})


def _resolve(
    stage: Stage, config: StageConfig, inputs: Inputs
) -> tuple[dict[str, list[Dataset]], list[SourceFile], list[dict[str, str]]]:
    accepted = stage.inputs
    for name in inputs:
        if name not in accepted and "*" not in accepted:
            raise UsageError(f"{stage.name}: no input '{name}'; accepted: {', '.join(accepted) or 'none'}")
    for name, (record, required) in accepted.items():
        if required and not inputs.get(name) and not (name == "*" and inputs):
            raise UsageError(f"{stage.name}: input '{name}' ({in_words(record)}) is required: --input {name}=PATH")
    datasets: dict[str, list[Dataset]] = {}
    files: list[SourceFile] = []
    entries: list[dict[str, str]] = []
    for name in sorted(inputs):
        record = accepted[name if name in accepted else "*"][0]
        if record == "Files":
            urls = list(inputs[name])
            files = stage.find(urls, config) if stage.find else list_files(urls, stage.accepts)
            with ThreadPoolExecutor(
                HASHED_AT_ONCE
            ) as pool:  # hashing waits for the storage and holds no lock of Python's
                found = list(pool.map(_digest, files))
            digests = [{"name": file.name, "fingerprint": each} for file, each in zip(files, found, strict=True)]
            entries.append({"name": name, "fingerprint": fingerprint("Files", 1, {}, digests, {})})
            continue
        opened = Dataset.tokenizer if (name, record) == ("tokenizer", "Model") else Dataset.open
        datasets[name] = [opened(url) for url in inputs[name]]
        for dataset in datasets[name]:
            if not takes(record, dataset.record):
                raise UsageError(
                    f"{stage.name}: input {name}={dataset.url} holds {dataset.record} rows; {in_words(record)} is needed"
                )
            if "|" in record and dataset.record != datasets[name][0].record:
                raise UsageError(
                    f"{stage.name}: input {name}={dataset.url} holds {dataset.record} rows and "
                    f"{datasets[name][0].url} {datasets[name][0].record} rows; give them to two runs"
                )
            entries.append({"name": name, "fingerprint": dataset.fingerprint})
    return datasets, files, entries


def _digest(file: SourceFile) -> str:
    """A file that cannot be read still belongs to the identity; its rows end errored, the other files are done."""
    if file.digest is not None:
        return file.digest
    try:
        with reaching(file.path):
            return file_sha256(*locate(file.path))
    except OSError as error:
        return f"unreadable: {error.strerror or type(error).__name__}"


def standing(output: str, identity: Mapping[str, Any]) -> tuple[str, list[str]]:
    """How an output path stands to what would be made: new | done | drifted | unfinished, and the differences.

    Raises UsageError where the folder holds something that is not arcmill's.
    """
    filesystem, path = locate(output)
    with reaching(f"output {output}"):
        there = filesystem.exists(path)
    if not there:
        return "new", []
    if not filesystem.isdir(path):
        raise UsageError(f"output {output}: is a file, not a folder")
    names = {name.rstrip("/").rpartition("/")[2] for name in filesystem.ls(path, detail=False)}
    if MANIFEST in names:
        try:
            manifest = Dataset.open(output).manifest
        except InputError as error:
            if STAGING in names or any(name.startswith("part-") for name in names):
                return "drifted", [str(error)]
            raise UsageError(f"output {output}: {error}; it is left alone") from None
        if manifest["fingerprint"] == identity["fingerprint"]:
            return "done", []
        return "drifted", describe_drift(manifest, identity)
    if STAGING in names:
        return "unfinished", []
    if names:
        shown = ", ".join(sorted(names)[:3])
        raise UsageError(f"output {output}: the folder holds other things ({shown}) and is left alone; name a new one")
    return "new", []


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
            manifest = _commit(output, identity, job, done, facts)
            metrics = _metrics(manifest, job, done, time.monotonic() - started) | facts.get("metrics", {})
            write_json(filesystem, f"{path}/{METRICS}", metrics, by=f"{path}/{STAGING}")
            _drop_stale(filesystem, path, manifest)
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


def _commit(
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


def _metrics(
    manifest: Mapping[str, Any], job: Job, done: Sequence[Mapping[str, Any]], seconds: float
) -> dict[str, Any]:
    cpu = sum(record.get("cpu_seconds", 0.0) for record in done)
    return {
        "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "engine": job.stage.engine, "workers": job.workers,
        "tasks": len(done), "peak_memory_bytes": max((r.get("peak_memory_bytes", 0) for r in done), default=0),
        "rows_per_second": round(manifest["counts"]["in"] / seconds, 1) if seconds else None,
        "bytes_out": sum(file["bytes"] for file in manifest["files"]),
    }  # fmt: skip


def _drop_stale(filesystem: Any, path: str, manifest: Mapping[str, Any]) -> None:
    """Remove parts of an older, forced-over dataset that the new manifest does not list."""
    listed = {file["path"] for file in manifest["files"]}
    for folder in ("", "ledger/"):
        if not filesystem.exists(f"{path}/{folder}"):
            continue
        for full in filesystem.ls(f"{path}/{folder}", detail=False):
            name = folder + full.rpartition("/")[2]
            if name.startswith(("part-", "ledger/part-")) and name not in listed:
                filesystem.rm(full)
