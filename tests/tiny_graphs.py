"""Edge and Node datasets written by hand, for tests of what reads graphs."""

from __future__ import annotations

import random
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


def films(count: int = 240, seed: int = 1) -> list[Edge]:
    """A graph of invented films: people, years, genres, ratings, towns; people and films have types and labels."""
    draw = random.Random(seed)
    rows = list[Edge]()
    people = [f"p{number}" for number in range(count // 2)]
    for number, person in enumerate(people):
        rows.append(edge(person, "type", "person"))
        rows.append(edge(person, "label", f"Person Nr. {number:03} Oda", "text", "en"))
        rows.append(edge(person, "label", f"人物{number:03}号", "text", "zh"))
        rows.append(edge(person, "born_in", f"t{draw.randrange(count // 12)}"))
    for number in range(count):
        film = f"f{number}"
        rows.append(edge(film, "type", "film"))
        rows.append(edge(film, "label", f"The Tale of Lamp {number:03}", "text", "en"))
        rows.append(edge(film, "directed_by", draw.choice(people[: count // 5])))
        rows.append(edge(film, "written_by", draw.choice(people[: count // 4])))
        rows.extend(edge(film, "starred_actors", actor) for actor in draw.sample(people, 3))
        rows.append(edge(film, "has_genre", f"g{draw.randrange(6)}"))
        rows.append(edge(film, "release_year", str(draw.randrange(1930, 2020)), "date"))
        rows.append(edge(film, "votes", str(draw.randrange(20, 90_000)), "number"))
    for number in range(count // 12):
        rows.append(edge(f"t{number}", "label", f"Town of Hill {number:02}", "text", "en"))
    for number in range(6):
        rows.append(edge(f"g{number}", "label", f"kind {number} drama", "text", "en"))
    rows += [edge("film", "label", "film", "text", "en"), edge("person", "label", "person", "text", "en")]
    return list({row.id: row for row in rows}.values())
