"""Trajectories of a dataset, played again for `arcmill verify`: in processes of their own where there are many."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from arcmill.dataset import MANIFEST, Dataset
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.storage import locate

KIND = "trajectory"
_FEW = 256  # rows, below which processes cost more than they save
_CHUNK = 64
_WORLDS: Any = None  # of a worker process


class Told(NamedTuple):
    """What came of one row: a problem, or why it was not played again; neither where all is as recorded."""

    problem: str | None
    reason: str | None
    unknown: bool = False  # its world is not at hand: nothing is proved


def environments(given: Sequence[str]) -> dict[str, str | dict[str, Any]]:
    """`--environment NAME=SPEC`: module:factory, a mapping in YAML, or the folder of a search index."""
    from arcmill import yaml_text

    found: dict[str, str | dict[str, Any]] = {}
    for text in given:
        name, equals, where = text.partition("=")
        if not equals or not name or not where:
            raise UsageError(
                f"--environment {text!r}: expected NAME=SPEC, for example retail=my_worlds.retail:environment"
            )
        if where.startswith("{"):
            try:
                spec = yaml_text.load(where)
            except yaml_text.BadYaml as error:
                raise UsageError(f"--environment {name}: not YAML: {' '.join(str(error).split())}") from None
            found[name] = spec
        else:
            found[name] = {"search": where} if _is_dataset(where) else where
    return found


def _is_dataset(path: str) -> bool:
    filesystem, root = locate(path)
    return bool(filesystem.exists(f"{root}/{MANIFEST}"))


class Trajectories:
    """What is needed to play trajectories again: where the environments are, and the worker processes."""

    def __init__(self, beside: str, given: Sequence[str]) -> None:
        self._beside = beside
        self._given = environments(given)
        self._searched = False
        self._pool: Executor | None = None
        self.diverged: list[str] = []  # ids of rows of the present dataset that do not come out as recorded
        self.unknown: Counter[str] = Counter()  # rows of it whose environment is not at hand, by what to do

    def begin(self) -> None:
        """Another dataset."""
        self.diverged, self.unknown = [], Counter()

    def replay(self, rows: Sequence[Any], replayed: Counter[str], unproved: Counter[str]) -> list[str]:
        """Play the rows of a batch again; returns what does not hold, counts the rest."""
        if not rows:
            return []
        self._find(rows)
        problems: list[str] = []
        for row, told in zip(rows, self._told(rows), strict=True):
            if told.reason is None:
                replayed[KIND] += 1
            else:
                unproved[f"{KIND} ({told.reason})"] += 1
                if told.unknown:
                    self.unknown[told.reason] += 1
            if told.problem is not None:
                self.diverged.append(row.id)
                problems.append(told.problem)
        return problems

    def close(self) -> None:
        """End the worker processes, and the environments that were opened here."""
        global _WORLDS
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        if _WORLDS is not None:
            _WORLDS.close()
            _WORLDS = None

    def _told(self, rows: Sequence[Any]) -> Iterator[Told]:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self._pool is None and (len(rows) < _FEW or workers < 2):
            if _WORLDS is None:
                _open(self._given)
            yield from _chunk(rows)
            return
        if self._pool is None:
            from multiprocessing import get_context

            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, context, initializer=_open, initargs=(self._given,))
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        for told in self._pool.map(_chunk, chunks):
            yield from told

    def _find(self, rows: Sequence[Any]) -> None:
        """Search indexes that lie beside the run, by the fingerprint in the environment's name."""
        from agent_data.evidence import read_evidence

        if self._searched:
            return
        for row in rows:
            with suppress(ValueError):
                evidence = read_evidence(row.evidence)
                if evidence is not None and evidence.environment.startswith("search:"):
                    break
        else:
            return
        self._searched = True
        filesystem, root = locate(self._beside)
        for entry in sorted(filesystem.ls(root, detail=False)) if filesystem.isdir(root) else ():
            if filesystem.exists(f"{entry}/{MANIFEST}"):
                with suppress(InputError):  # it is told as a dataset of the run
                    place = f"{self._beside.rstrip('/')}/{entry.rstrip('/').rpartition('/')[2]}"
                    dataset = Dataset.open(place)
                    if dataset.record == "Model":
                        self._given.setdefault(f"search:{dataset.fingerprint}", {"search": place})


def _open(given: Mapping[str, str | dict[str, Any]]) -> None:
    from agent_data.environments.catalogue import Worlds

    global _WORLDS
    _WORLDS = Worlds(given)


def _chunk(rows: Sequence[Any]) -> list[Told]:
    from agent_data.evidence import read_evidence
    from agent_data.replay import certify

    made = []
    for row in rows:
        try:
            made.append(Told(*certify(row, _WORLDS)))
        except UsageError as error:
            evidence = read_evidence(row.evidence)
            name = evidence.environment if evidence is not None else ""
            made.append(Told(None, f"{error}; for this command: --environment '{name}=SPEC'", unknown=True))
        except EngineError as error:  # such as no sandbox for a world that needs one
            made.append(Told(None, str(error), unknown=True))
    return made
