"""Which step of a run read which: the DAG, found by matching the fingerprints that the manifests hold.

A run is a folder with one dataset per step. No extra file describes it, so it cannot disagree with the data.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from arcmill.dataset import MANIFEST, STAGING, Dataset
from arcmill.errors import InputError, UsageError
from arcmill.stage import in_words, takes
from arcmill.storage import locate, read_json

DONE, UNFINISHED, DAMAGED = "done", "unfinished", "damaged"
_TASK = "task-"


@dataclass(frozen=True)
class Edge:
    """One input of a step: its name, its fingerprint, and the step of this run that made it."""

    input: str
    fingerprint: str
    step: str | None  # None: it came from outside the run, or was deleted since
    record: str | None  # what the stage reads there ("Files", "Document", …); None where the stage is not known


@dataclass(frozen=True)
class Step:
    """A dataset of the run, finished or not."""

    name: str
    url: str
    state: str  # done | unfinished | damaged
    dataset: Dataset | None  # None unless done
    identity: dict[str, Any]  # stage, stage_version, config, inputs, models, fingerprint; {} where not even these
    problem: str | None = None  # why it is unfinished or damaged
    tasks: int = 0  # unfinished: tasks that are done
    inputs: tuple[Edge, ...] = ()

    @property
    def stage(self) -> str:
        """The name of the stage, or "" where it cannot be told."""
        return str(self.identity.get("stage", ""))

    @property
    def fingerprint(self) -> str:
        return str(self.identity.get("fingerprint", ""))

    @property
    def record(self) -> str | None:
        """What the rows are; known for a finished step, else from the stage's declaration."""
        if self.dataset is not None:
            return self.dataset.record
        return _declared(self.stage)[1]


@dataclass(frozen=True)
class Run:
    """A run directory, its steps in topological order: each stands after all that it read."""

    url: str
    name: str
    steps: tuple[Step, ...]
    planned: tuple[tuple[str, str], ...] | None = None  # (step, stage) of its recipe, where that is known

    @cached_property
    def never_begun(self) -> list[tuple[str, str]]:
        """(step, stage) of the recipe's steps that left nothing here; a folder alone cannot tell of them."""
        return [(step, stage) for step, stage in self.planned or () if step not in self.by_name]

    @cached_property
    def by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    def sources(self, step: Step, name: str | None = None) -> list[Step]:
        """The steps that `step` read (through its input `name` only, if given), in the manifest's order."""
        edges = (edge for edge in step.inputs if name is None or edge.input == name)
        return [self.by_name[edge.step] for edge in edges if edge.step is not None]

    def consumers(self, step: Step) -> list[Step]:
        """The steps that read `step`."""
        return [other for other in self.steps if any(edge.step == step.name for edge in other.inputs)]

    def ancestors(self, step: Step) -> list[Step]:
        """All that `step` rests on, itself included, in topological order."""
        names = {step.name}
        for other in reversed(self.steps):
            if other.name in names:
                names.update(edge.step for edge in other.inputs if edge.step is not None)
        return [other for other in self.steps if other.name in names]


def open_run(run_dir: str, also: Sequence[str] = ()) -> Run:
    """Open a run directory, or a single dataset as a run of one step.

    `also`: further runs or datasets that inputs may come from; their steps are named by folder and step. Raises UsageError where `run_dir` is a file, InputError where it is not there or holds no dataset.
    """
    found = _steps(run_dir)
    taken = {step.url for step in found}
    for other in also:
        for step in _steps(other):
            if step.url not in taken:
                taken.add(step.url)
                found.append(replace(step, name="/".join(step.url.rstrip("/").split("/")[-2:])))
    base = run_dir.rstrip("/") or "/"
    return Run(base, os.path.basename(locate(base)[1]) or base, tuple(_ordered(_linked(found))))


def _steps(run_dir: str) -> list[Step]:
    filesystem, path = locate(run_dir)
    path = path.rstrip("/") or "/"
    try:
        if not filesystem.exists(path):
            raise InputError(f"run {run_dir}: no such folder")
        if not filesystem.isdir(path):
            raise UsageError(f"run {run_dir}: is a file; name the folder of a run or of a dataset")
        names = _entries(filesystem, path)
        base = run_dir.rstrip("/") or "/"
        if MANIFEST in names or STAGING in names:
            found = [_open_step(os.path.basename(path), base, filesystem, path, names)]
        else:
            found = []
            for name in sorted(names):
                full = f"{path}/{name}"
                if name.startswith(("_", ".")) or not filesystem.isdir(full):
                    continue
                inner = _entries(filesystem, full)
                if MANIFEST in inner or STAGING in inner:
                    found.append(_open_step(name, f"{base}/{name}", filesystem, full, inner))
    except OSError as error:
        raise InputError(f"run {run_dir}: cannot be read ({error.strerror or error})") from None
    if not found:
        raise InputError(f"run {run_dir}: holds no arcmill dataset; name the folder that `arcmill run` wrote")
    return found


def _entries(filesystem: Any, path: str) -> set[str]:
    return {str(name).rstrip("/").rpartition("/")[2] for name in filesystem.ls(path, detail=False)}


def _open_step(name: str, url: str, filesystem: Any, path: str, names: Collection[str]) -> Step:
    if MANIFEST in names:
        try:
            dataset = Dataset.open(url)
            manifest = dataset.manifest
            # A hand-made or foreign manifest must not end in a traceback far from here.
            dict(manifest["counts"]), dict(manifest["config"]), str(manifest["record"]), str(manifest["fingerprint"])
            [(str(e["name"]), str(e["fingerprint"])) for e in manifest["inputs"]]
            [(str(f["path"]), int(f["rows"]), int(f["bytes"])) for f in manifest["files"]]
        except InputError as error:
            return Step(name, url, DAMAGED, None, {}, str(error))
        except (KeyError, TypeError, ValueError) as error:
            return Step(name, url, DAMAGED, None, {}, f"{url}: {MANIFEST} lacks or garbles {error}")
        return Step(name, url, DONE, dataset, manifest)
    identity: dict[str, Any] = {}
    with suppress(FileNotFoundError, InputError):
        plan = read_json(filesystem, f"{path}/{STAGING}/plan.json")
        if isinstance(plan, dict):
            identity = plan
    tasks = sum(entry.startswith(_TASK) for entry in _entries(filesystem, f"{path}/{STAGING}"))
    return Step(name, url, UNFINISHED, None, identity, "the stage was stopped; run it again to finish it", tasks)


def _declared(stage: str) -> tuple[dict[str, str], str | None]:
    """What a stage reads (by input name) and writes, by its declaration: ({}, None) for one this arcmill lacks."""
    from pipelines.catalogue import get_stage

    try:
        found = get_stage(stage)
    except (UsageError, ImportError):  # made by another version of arcmill
        return {}, None
    return {name: record for name, (record, _) in found.inputs.items()}, found.made(None)


def _linked(found: list[Step]) -> list[Step]:
    makers: dict[str, str] = {}
    for step in sorted(found, key=lambda step: (step.state != DONE, step.name)):
        if step.fingerprint:  # the same work under two names: the same bytes, so either will do
            makers.setdefault(step.fingerprint, step.name)
    linked = []
    for step in found:
        reads = _declared(step.stage)[0] if step.stage else {}
        edges = []
        for entry in step.identity.get("inputs", []):
            name, mark = str(entry["name"]), str(entry["fingerprint"])
            maker = makers.get(mark)
            record = reads.get(name, reads.get("*"))
            if record and "|" in record:  # a stage that takes either writes what its main input holds
                own = step.dataset.record if step.dataset and name == next(iter(reads)) else ""
                record = own if takes(record, own) else in_words(record)
            edges.append(Edge(name, mark, maker if maker != step.name else None, record))
        linked.append(replace(step, inputs=tuple(edges)))
    return linked


def _ordered(steps: Sequence[Step]) -> list[Step]:
    """Topological order that keeps each chain together: depth first from the last steps, the longest chain first."""
    by_name = {step.name: step for step in steps}
    read = {edge.step for step in steps for edge in step.inputs}
    depth: dict[str, int] = {}

    def deep(step: Step, above: frozenset[str]) -> int:
        if step.name not in depth:
            inner = above | {step.name}  # a forged cycle must not loop
            below = [by_name[e.step] for e in step.inputs if e.step is not None and e.step not in inner]
            depth[step.name] = 1 + max((deep(other, inner) for other in below), default=0)
        return depth[step.name]

    for step in steps:
        deep(step, frozenset())
    placed: dict[str, Step] = {}
    entered: set[str] = set()

    def place(step: Step) -> None:
        if step.name in entered:
            return
        entered.add(step.name)
        for edge in step.inputs:
            if edge.step is not None:
                place(by_name[edge.step])
        placed[step.name] = step

    ends = sorted((s for s in steps if s.name not in read), key=lambda s: (-depth[s.name], s.name))
    for step in [*ends, *steps]:
        place(step)
    return list(placed.values())


def find_rows(
    dataset: Dataset, ids: Collection[str], columns: Sequence[str], max_rows: int | None = None
) -> dict[str, dict[str, Any]]:
    """Look rows up by id: id -> the first row's `columns`. Ids are read alone, other columns only where one is found.

    Ends when all are found, or after `max_rows` rows. Raises InputError for a damaged part.
    """
    found: dict[str, dict[str, Any]] = {}
    missing = set(ids)
    seen = 0
    for part in dataset.parts:
        if not missing or (max_rows is not None and seen >= max_rows):
            break
        seen += int(part["rows"])
        for row in rows_of_part(dataset, part["path"], missing, columns):
            if row["id"] in missing:
                missing.discard(row["id"])
                found[row["id"]] = row
    return found


def rows_of_part(
    dataset: Dataset, part: str, ids: Collection[str], columns: Sequence[str], key: str = "id"
) -> Iterator[dict[str, Any]]:
    """Every row of one listed part whose column `key` is one of `ids`: `id` and `columns`, in order.

    Columns that the part has not are left out. Raises InputError for a damaged part.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.array(sorted(ids), pa.string())
    path = dataset.file(part)
    try:
        with dataset.filesystem.open(path, "rb") as stream:
            parquet = pq.ParquetFile(stream, page_checksum_verification=True)
            for group in range(parquet.num_row_groups):
                hits = pc.is_in(parquet.read_row_group(group, [key], use_threads=False).column(key), value_set=wanted)
                if pc.any(hits).as_py():
                    names = list(dict.fromkeys(["id", *columns]))
                    yield from parquet.read_row_group(group, names, use_threads=False).filter(hits).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path}: a damaged part ({' '.join(str(error).split())[:200]})") from None
