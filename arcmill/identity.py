"""What a run would make: its inputs resolved, its identity, and how a folder that is there stands to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcmill.config import StageConfig
from arcmill.dataset import MANIFEST, STAGING, Dataset, describe_drift, fingerprint
from arcmill.errors import InputError, UsageError
from arcmill.records import schema
from arcmill.remote import reaching
from arcmill.stage import SourceFile, Stage, in_words, takes
from arcmill.storage import file_sha256, list_files, locate

if TYPE_CHECKING:
    import pyarrow as pa

Inputs = Mapping[str, Sequence[str]]
HASHED_AT_ONCE = 8  # raw files whose digests are computed side by side


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
            # Hashing waits for the storage and holds no lock of Python's.
            with ThreadPoolExecutor(HASHED_AT_ONCE) as pool:
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
