"""`arcmill verify`: manifest, checksums, schema, conservation and evidence of a dataset, or of every dataset of a run.

Search questions are proved again on their graph, which is found by its fingerprint: beside the dataset, or among `graphs`.
Trajectories are played again in their environments: arcmill's own, search indexes beside the dataset, and those given.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from arcmill.dataset import MANIFEST, Dataset
from arcmill.errors import InputError
from arcmill.storage import is_local, locate
from pipelines.absent import still_there
from pipelines.replayed import Trajectories

_SHOWN = 20  # rows whose evidence does not hold that are named


def verify_path(
    path: str,
    checksums: bool = True,
    graphs: Sequence[str] = (),
    environments: Sequence[str] = (),
    verifiers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
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
    beside = (
        path
        if folders != [path]
        else f"{path.rstrip('/')}/.."
        if is_local(filesystem)
        else path.rstrip("/").rpartition("/")[0]
    )
    questions, trajectories = _Questions(beside, graphs), Trajectories(beside, environments)
    try:
        datasets = [_verify(folder, checksums, questions, trajectories, verifiers or {}) for folder in folders]
    finally:
        trajectories.close()
    return {"ok": not any(dataset["problems"] for dataset in datasets), "datasets": datasets}


def _verify(
    folder: str, checksums: bool, questions: _Questions, trajectories: Trajectories, verifiers: Mapping[str, str]
) -> dict[str, Any]:
    try:
        dataset = Dataset.open(folder)
        problems = list(dataset.problems(checksums))
    except InputError as error:
        return {"path": folder, "record": None, "rows": None, "files": 0, "problems": [str(error)]}
    replayed, unproved = Counter[str](), Counter[str]()
    trajectories.begin()
    if dataset.record == "Conversation" and not problems:
        problems += _replay(dataset, replayed, unproved, trajectories, verifiers)
    if dataset.record in ("Problem", "AgentTask") and not problems:
        problems += questions.replay(dataset, replayed, unproved)
    if dataset.manifest["stage"] == "remove-documents" and not problems:
        problems += still_there(dataset)
        replayed["rows and segments removed, their ids nowhere left"] = 0 if problems else dataset.counts["dropped"]
    return {
        "path": folder, "record": dataset.record, "rows": dataset.rows, "files": len(dataset.manifest["files"]),
        "replayed": dict(sorted(replayed.items())), "not_replayed": dict(sorted(unproved.items())), "diverged": trajectories.diverged, "problems": problems,
    }  # fmt: skip


def _replay(
    dataset: Dataset,
    replayed: Counter[str],
    unproved: Counter[str],
    trajectories: Trajectories,
    verifiers: Mapping[str, str],
) -> list[str]:
    """Verify every synthetic row again. Threads: the verifiers work in processes of their own."""
    from arcmill.records import batch_to_rows
    from synth.evidence import NOT_NAMED, replay

    problems: list[str] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for batch in dataset.batches():
            rows = batch_to_rows("Conversation", batch)
            problems += trajectories.replay([row for row in rows if _is_trajectory(row)], replayed, unproved)
            for verifier, problem in pool.map(
                partial(replay, own=verifiers), [row for row in rows if not _is_trajectory(row)]
            ):
                if verifier != "none":
                    (unproved if verifier.endswith(NOT_NAMED) else replayed)[verifier] += 1
                if problem is not None:
                    problems.append(problem)
    problems += [f"NOT played again: {number} trajectories: {what}" for what, number in trajectories.unknown.items()]
    return _few(problems)


def _is_trajectory(row: Any) -> bool:
    from agent_data.evidence import read_evidence

    try:
        return read_evidence(row.evidence) is not None
    except ValueError:  # of a trajectory, and broken: it is told when it is played
        return '"kind": "trajectory"' in row.evidence


class _Questions:
    """The graphs of search questions: each is loaded when the first question of it comes, and one is kept."""

    def __init__(self, beside: str, graphs: Sequence[str]) -> None:
        self._beside, self._graphs = beside, graphs
        self._found: Mapping[str, Dataset] | None = None
        self._solvers: dict[tuple[str, ...], Any] = {}

    def replay(self, dataset: Dataset, replayed: Counter[str], unproved: Counter[str]) -> list[str]:
        """Prove every search question of a dataset again; those whose graph is not at hand are counted in `unproved`."""
        from arcmill.records import batch_to_rows
        from synth.search_qa.replay import KIND, evidence_of, graph_of, lacks_evidence, replay

        problems: list[str] = []
        made_here = dataset.manifest["stage"] in ("synth-search-qa", "make-search-tasks")
        for batch in dataset.batches():
            for row in batch_to_rows(dataset.record, batch):
                if (evidence := evidence_of(row)) is None:
                    if made_here or lacks_evidence(row):
                        problems.append(f"{row.id}: has no evidence of a search question")
                    continue
                marks = graph_of(evidence)
                if not marks:
                    problems.append(f"{row.id}: evidence names no graph")
                    continue
                solver = self._solver(marks)
                if solver is None:
                    known = self._known()
                    lacks = next(mark for mark in marks if mark not in known)
                    unproved[f"{KIND} (no dataset with fingerprint {lacks[:12]} here; name it with --graph)"] += 1
                    continue
                replayed[KIND] += 1
                if (problem := replay(row, evidence, solver)) is not None:
                    problems.append(problem)
        problems += [f"NOT proved: {number} {what}" for what, number in sorted(unproved.items())]
        return _few(problems)

    def _solver(self, marks: tuple[str, ...]) -> Any:
        if marks not in self._solvers:
            known = self._known()
            held = [known[mark] for mark in marks if mark in known]
            if len(held) < len(marks):
                return None
            from synth.graph.store import Graph
            from synth.search_qa.solve import Solver

            self._solvers.clear()
            by = {record: [dataset for dataset in held if dataset.record == record] for record in ("Edge", "Node")}
            rows = sum(dataset.rows for dataset in by["Edge"])
            self._solvers[marks] = Solver(Graph.load(by["Edge"], by["Node"], max_edges=max(rows, 1)))
        return self._solvers[marks]

    def _known(self) -> Mapping[str, Dataset]:
        """Edge and Node datasets at hand, by fingerprint."""
        if self._found is None:
            found: dict[str, Dataset] = {}
            for folder in self._graphs:
                named = Dataset.open(folder)
                if named.record not in ("Edge", "Node"):
                    raise InputError(f"--graph {folder}: holds {named.record}, a graph is of Edge and Node")
                found[named.fingerprint] = named
            filesystem, root = locate(self._beside)
            for entry in sorted(filesystem.ls(root, detail=False)) if filesystem.isdir(root) else ():
                if filesystem.exists(f"{entry}/{MANIFEST}"):
                    try:
                        dataset = Dataset.open(f"{self._beside.rstrip('/')}/{entry.rstrip('/').rpartition('/')[2]}")
                    except InputError:  # it is told as a dataset of the run
                        continue
                    if dataset.record in ("Edge", "Node"):
                        found.setdefault(dataset.fingerprint, dataset)
            self._found = found
        return self._found


def _few(problems: list[str]) -> list[str]:
    return problems if len(problems) <= _SHOWN else [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more rows"]


def render(found: dict[str, Any]) -> str:
    """A line a dataset, then its problems."""
    lines = []
    for dataset in found["datasets"]:
        state = "ok     " if not dataset["problems"] else "BROKEN "
        lines.append(
            f"{state} {dataset['path']}  {dataset['record']}  {dataset['rows']} rows, {dataset['files']} files"
        )
        if dataset.get("replayed"):
            lines[-1] += "; verified again: " + ", ".join(f"{n} {kind}" for kind, n in dataset["replayed"].items())
        if dataset.get("not_replayed"):
            lines[-1] += "; not verified: " + ", ".join(f"{n} {kind}" for kind, n in dataset["not_replayed"].items())
        lines.extend(f"          {problem}" for problem in dataset["problems"])
    return "\n".join(lines)
