"""A small graph, pages about it, and questions over it, for tests of the search stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import Document, Edge, Problem, stable_id
from arcmill.search.stage import STAGE as INDEX
from arcmill.search.stage import IndexDocuments
from arcmill.stage import Stage


class Rows(StageConfig):
    held: list[dict[str, Any]] = Field(default_factory=list, description="rows")


def _stage(record: str, kind: Any) -> Stage:
    def core(split: str, config: Rows) -> Any:
        for row in config.held:
            yield kind(**row)

    return Stage(
        name=f"given-{record.lower()}", version=1, help="Rows as they are given.", config=Rows, writes=record, engine="datatrove",
        core=core, splits=lambda config: ["all"],
    )  # fmt: skip


STAGES = {"Document": _stage("Document", Document), "Edge": _stage("Edge", Edge), "Problem": _stage("Problem", Problem)}


def given(path: Path, rows: list[Any]) -> str:
    held = [{name: getattr(row, name) for name in type(row).__slots__} for row in rows]
    execute(STAGES[type(rows[0]).__name__], Rows(held=held), {}, str(path))
    return str(path)


def edge(subject: str, relation: str, object_: str, kind: str = "node", document: str | None = None) -> Edge:
    return Edge(
        stable_id("edge", subject, relation, object_, kind), subject, relation, object_, kind, "tiny", document=document,
        language="en" if relation in ("label", "alias") else None,
    )  # fmt: skip


NAMES = {
    "q1": ["Amélie", "Le Fabuleux Destin d'Amélie Poulain"], "q2": ["Jean-Pierre Jeunet"], "q3": ["Roanne"],
    "q4": ["龙城飞将", "Flying General"], "q5": ["王昌龄", "Wang Changling"],
}  # fmt: skip
EDGES = [
    *(
        edge(node, "label" if place == 0 else "alias", name, "text")
        for node, names in NAMES.items()
        for place, name in enumerate(names)
    ),
    edge("q1", "directed_by", "q2"),
    edge("q2", "born_in", "q3"),
    edge("q2", "born_on", "1953-09-03", "date"),
    edge("q4", "written_by", "q5"),
    edge("q1", "written_by", "q5", document="p4"),
]
PAGES = [
    Document("p1", "The film was shot in Paris. Director: Jean-Pierre Jeunet.", "tiny", metadata={"title": "Amelie"}),
    Document("p2", "Jean-Pierre Jeunet (born 3 September 1953) comes from Roanne, a town in France.", "tiny"),
    Document("p3", "作者王昌龄写了《龙城飞将》。", "tiny"),
    Document("p4", "A page that was read for an edge, and names nobody.", "tiny"),
    Document("p5", "Roanne is a town on the Loire.", "tiny"),
]


def question(
    name: str, hops: list[tuple[str, str, str, str]], answer: str, prompt: str, language: str = "en"
) -> Problem:
    """A chain: the first subject is given, each object is a variable, the last one is asked for."""
    clues, witness, edges = [], {}, []
    for place, (subject, relation, object_, kind) in enumerate(hops):
        known: Any = {"node": subject} if place == 0 else f"?v{place - 1}"
        clues.append({"subject": known, "relations": [relation], "object": f"?v{place}"})
        witness[f"?v{place}"] = {kind: object_}
        edges.append(stable_id("edge", subject, relation, object_, kind))
    evidence = {
        "kind": "search-qa", "query": {"answer": f"?v{len(hops) - 1}", "clues": clues}, "witness": witness, "edges": edges,
        "answer": {"node": answer}, "aliases": NAMES.get(answer, [answer])[1:], "language": language,
    }  # fmt: skip
    told = NAMES.get(answer, [answer])[0]
    return Problem(stable_id("q", name), prompt, "exact", "tiny", told, domain="search", evidence=json.dumps(evidence))


QUESTIONS = [
    question("two", [("q1", "directed_by", "q2", "node"), ("q2", "born_in", "q3", "node")], "q3",
             "Where was the director of Amélie born?"),
    question("date", [("q2", "born_on", "1953-09-03", "date")], "1953-09-03", "When was Jean-Pierre Jeunet born?"),
    question("zh", [("q4", "written_by", "q5", "node")], "q5", "谁写了《龙城飞将》？", "zh"),
    question("read", [("q1", "written_by", "q5", "node")], "q5", "Who wrote Amélie?"),
    question("none", [("q3", "twinned_with", "q4", "node")], "q4", "With what is Roanne twinned?"),
]  # fmt: skip


def world(folder: Path) -> dict[str, list[str]]:
    """Inputs of link-pages: questions, index, edges."""
    pages = given(folder / "pages", PAGES)
    execute(INDEX, IndexDocuments(), {"input": [pages]}, str(folder / "index"))
    return {
        "input": [given(folder / "questions", QUESTIONS)], "index": [str(folder / "index")],
        "edges": [given(folder / "edges", EDGES)],
    }  # fmt: skip


def rows(path: str) -> list[Any]:
    from arcmill.dataset import Dataset
    from arcmill.records import batch_to_rows

    made = Dataset.open(path)
    return [row for batch in made.batches() for row in batch_to_rows(made.record, batch)]


def ledger(path: str) -> dict[str, dict[str, Any]]:
    from arcmill.dataset import Dataset

    return {row["id"]: row for batch in Dataset.open(path).ledger() for row in batch.to_pylist()}
