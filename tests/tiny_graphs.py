"""Edge and Node datasets written by hand, for tests of what reads graphs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import Edge, Node, stable_id
from arcmill.stage import Stage


def edge(subject: str, relation: str, object_: str, kind: str = "node", language: str | None = None) -> Edge:
    return Edge(
        stable_id("edge", subject, relation, object_, kind), subject, relation, object_, kind, "tiny", language=language
    )


def store(rows: Iterable[Edge | Node], folder: Path, record: str = "Edge") -> Dataset:
    held = list(rows)
    stage = Stage(
        name="tiny", version=1, help="", config=StageConfig, writes=record, engine="datatrove",
        core=lambda split, config: iter(held), splits=lambda config: ["all"],
        identity=lambda config: stable_id(*map(repr, held)),
    )  # fmt: skip
    return execute(stage, StageConfig(), {}, str(folder)).dataset
