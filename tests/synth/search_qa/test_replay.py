"""Proofs, and what `arcmill verify` says of rows that were tampered with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_graphs import edge, films, store

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.execute import execute
from arcmill.records import AgentTask, Problem, batch_to_rows
from arcmill.stage import Stage
from pipelines.verify import render, verify_path
from synth.graph.store import Graph
from synth.search_qa.prove import Demand, Refused, prove, shape
from synth.search_qa.query import Query, Term
from synth.search_qa.replay import evidence_of, replay
from synth.search_qa.solve import Plan, Solver, planned
from synth.search_qa.stage import STAGE, SynthSearchQa

Rows = list[Problem]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    graph = store(films(160), folder / "graph")
    execute(STAGE, SynthSearchQa(questions=60), {"edges": [graph.url]}, str(folder / "questions"))
    return folder


@pytest.fixture(scope="module")
def held(run: Path) -> tuple[Rows, Solver]:
    rows = [row for batch in Dataset.open(str(run / "questions")).batches() for row in batch_to_rows("Problem", batch)]
    return rows, Solver(Graph.load([Dataset.open(str(run / "graph"))]))


def changed(row: Problem, change: Callable[[dict[str, Any]], None]) -> Problem:
    evidence = json.loads(row.evidence or "")
    change(evidence)
    return replace(row, evidence=json.dumps(evidence, sort_keys=True, ensure_ascii=False))


def said(row: Problem, solver: Solver) -> str | None:
    evidence = evidence_of(row)
    assert evidence is not None
    return replay(row, evidence, solver)


def test_every_row_is_proved_again(held: tuple[Rows, Solver]) -> None:
    rows, solver = held
    assert len(rows) > 40
    assert [said(row, solver) for row in rows] == [None] * len(rows)


def _shift(evidence: dict[str, Any]) -> None:
    counts = evidence["proof"]["without"]
    counts[-1] = counts[-1] + 1 if counts[-1] > 0 else 5


def _other_answer(evidence: dict[str, Any]) -> None:
    evidence["answer"] = {"node": "p1" if evidence["answer"] != {"node": "p1"} else "p2"}


def _other_query(evidence: dict[str, Any]) -> None:
    fact = next(clue for clue in evidence["query"]["clues"] if "relations" in clue)
    fact["relations"] = ["born_in"] if fact["relations"] != ["born_in"] else ["votes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_shift, "proof.without is"), (_other_answer, "answer"), (_other_query, "no-witness: no edge"),
        (lambda e: e["difficulty"].update(distractors=-1), "difficulty.distractors is"),
        (lambda e: e["edges"].reverse(), "edges is"), (lambda e: e.update(shape="star"), "shape is"),
        (lambda e: e["witness"].pop("?x"), "the witness does not say"), (lambda e: e.update(aliases=["No One"]), "aliases"),
        (lambda e: e["witness"].update({"?x": {"node": "nobody"}}), "the graph does not hold 'nobody'"),
        (lambda e: e.pop("proof"), "there is no proof"), (lambda e: e["query"]["clues"].clear(), "a list of `clues`"),
        (lambda e: e["proof"].update(hub_degree="many"), "neither cap nor hub_degree"),
        (lambda e: e["query"]["clues"].pop(), ""), (lambda e: e.update(language="zh"), ""),
        (lambda e: e["query"]["clues"].append(e["query"]["clues"][0]), "clue-not-needed"),
    ],
)  # fmt: skip
def test_a_changed_evidence_is_named(
    change: Callable[[dict[str, Any]], None], message: str, held: tuple[Rows, Solver]
) -> None:
    rows, solver = held
    for row in [row for row in rows if len(json.loads(row.evidence or "")["edges"]) > 2][:8]:
        found = said(changed(row, change), solver)
        assert found is not None and found.startswith(f"{row.id}: ") and message in found


def test_a_changed_text_or_answer_is_named(held: tuple[Rows, Solver]) -> None:
    rows, solver = held
    row, other = rows[0], rows[1]
    assert "is no question of a template" in (said(replace(row, prompt="Who is it?"), solver) or "")
    assert "the text states another query" in (said(replace(row, prompt=other.prompt), solver) or "")
    assert f"the row says {other.answer!r}" in (said(replace(row, answer=other.answer), solver) or "")
    assert "name-in-text" in (said(replace(row, prompt=f"{row.prompt} Not {row.answer}!"), solver) or "")
    assert "the id of this query" in (said(replace(row, id="x"), solver) or "")


def rewritten(rows: Rows, folder: Path) -> str:
    stage = Stage(
        name="again", version=1, help="", config=StageConfig, writes="Problem", engine="datatrove",
        core=lambda split, config: iter(rows), splits=lambda config: ["all"],
    )  # fmt: skip
    return str(execute(stage, StageConfig(), {}, str(folder)).dataset.url)


def test_verify_finds_the_graph_or_says_that_nothing_was_proved(
    run: Path, held: tuple[Rows, Solver], tmp_path: Path
) -> None:
    rows, _ = held
    whole = {Path(found["path"]).name: found for found in verify_path(str(run))["datasets"]}
    assert whole["questions"]["replayed"] == {"search-qa": len(rows)} and not whole["questions"]["problems"]
    assert verify_path(str(run / "questions"))["datasets"][0]["replayed"] == {"search-qa": len(rows)}
    wrong = [changed(row, _shift) if place < 30 else row for place, row in enumerate(rows)]
    lone = rewritten([*wrong, Problem("other", "1 + 1", "math", "x", answer="2")], tmp_path / "a" / "lone")
    found = verify_path(lone)["datasets"][0]
    assert found["replayed"] == {}
    ((label, number),) = found["not_replayed"].items()
    assert number == len(rows) and "--graph" in label and found["problems"] == [f"NOT proved: {number} {label}"]
    assert "NOT proved" in render({"datasets": [found]})
    found = verify_path(lone, graphs=[str(run / "graph")])["datasets"][0]
    assert found["replayed"] == {"search-qa": len(rows)} and len(found["problems"]) == 21
    assert found["problems"][-1] == "and 10 more rows"
    with pytest.raises(InputError, match="holds Problem, a graph is of Edge and Node"):
        verify_path(lone, graphs=[str(run / "questions")])
    shutil.copytree(run / "graph", tmp_path / "a" / "beside")
    assert verify_path(str(tmp_path / "a"))["ok"] is False
    broken = rewritten([replace(rows[0], evidence=(rows[0].evidence or "")[:-5])], tmp_path / "broken")
    assert "has no evidence of a search question" in verify_path(broken)["datasets"][0]["problems"][0]
    for number, spoiled in enumerate((None, "{}", '{"kind": "other"}')):
        bare = rewritten([replace(rows[0], evidence=spoiled)], tmp_path / f"bare{number}")
        assert f"{rows[0].id}: has no evidence" in verify_path(bare)["datasets"][0]["problems"][0]
    passage = rewritten([replace(rows[0], evidence='{"kind": "passage-qa"}')], tmp_path / "passage")
    assert verify_path(passage)["ok"]


def task_of(row: Problem) -> AgentTask:
    goal = {"answer": row.answer, "aliases": [], "evidence": json.loads(row.evidence or "")}
    return AgentTask("t", f"Find: {row.prompt}", "search:x", "multi", [], json.dumps(goal))


def test_tasks_are_proved_too(held: tuple[Rows, Solver]) -> None:
    rows, solver = held
    task = task_of(rows[0])
    evidence = evidence_of(task)
    assert evidence is not None and replay(task, evidence, solver) is None
    other = task_of(replace(rows[0], answer="No One"))
    assert "is no name of the answer" in (replay(other, evidence, solver) or "")
    worse = changed(rows[0], _shift)
    assert "proof.without is" in (replay(task_of(worse), json.loads(worse.evidence or ""), solver) or "")


def test_a_row_with_other_fields_than_a_search_question_is_named(held: tuple[Rows, Solver]) -> None:
    rows, solver = held
    assert "answer_type is 'code'" in (said(replace(rows[0], answer_type="code"), solver) or "")
    assert "pass_rate 7.0" in (said(replace(rows[0], pass_rate=7.0), solver) or "")
    plain = next(row for row in rows if json.loads(row.evidence or "")["level"] == 0)
    assert "level 1 is recorded" in (said(changed(plain, lambda e: e.update(level=1)), solver) or "")


# -- the rules, one by one ------------------------------------------------------------------------------------------


def test_each_rule_refuses_what_it_is_for(tmp_path: Path) -> None:
    rows = [
        edge("a", "by", "p"), edge("b", "by", "p"), edge("a", "in", "x"), edge("c", "in", "x"), edge("a", "of", "q"),
        edge("q", "near", "x"), edge("q", "label", "Twin", "text", "en"), edge("z", "alias", "twin", "text"), edge("z", "by", "b"),
        edge("d", "of", "w"), edge("b", "of", "w"), edge("e", "of", "q"),
    ]  # fmt: skip
    graph = Graph.load([store(rows, tmp_path / "edges")])
    solver = Solver(graph)
    by, in_, of, near = (graph.relation_numbers[name] for name in ("by", "in", "of", "near"))
    a, p, q, x = (graph._place(f"0{name}") for name in "apqx")

    def rule(facts: list[tuple[int, tuple[int, ...], int]], *witness: int) -> str:
        try:
            prove(solver, Plan(tuple(facts)), witness, Demand(), "en", None)
        except Refused as refused:
            return refused.rule
        return "proved"

    assert rule([(-1, (by,), p), (-1, (in_,), x)], a) == "proved"
    assert rule([(-1, (by,), p)], a) == "not-unique"
    assert rule([(-1, (by,), p), (-1, (in_,), x), (-1, (of,), q)], a) == "clue-not-needed"
    assert rule([(-1, (of,), -2), (-2, (near,), x), (-1, (by,), p)], a, q) == "shortcut"
    assert rule([(-1, (by,), p), (-1, (in_,), x)], graph._place("0b")) == "no-witness"
    assert rule([(-1, (of,), -2), (-1, (of,), -3), (-1, (by,), p)], a, q, q) == "not-injective"
    assert rule([(-1, (by,), p), (-1, (of,), q)], a) == "ambiguous-name"
    tight = Solver(graph, budget=1)
    with pytest.raises(Refused, match="proof-too-large"):
        prove(tight, Plan(((-1, (by,), p), (-1, (in_,), x))), [a], Demand(), "en", None)


def test_hubs_are_ways_through_unless_they_are_excepted(tmp_path: Path) -> None:
    rows = [edge(f"n{number}", "kind", "hub") for number in range(40)]
    rows += [
        edge("n0", "to", "m"),
        edge("m", "of", "k"),
        edge("k", "at", "n5"),
        edge("m2", "of", "n6"),
        edge("m", "of", "n7"),
        edge("n1", "to", "m2"),
    ]
    graph = Graph.load([store(rows, tmp_path / "edges")])
    query = Query.from_json({
        "answer": "?x", "clues": [
            {"subject": "?x", "relations": ["to"], "object": "?a"}, {"subject": "?a", "relations": ["of"], "object": "?b"},
            {"subject": "?b", "relations": ["at"], "object": {"node": "n5"}},
        ],
    })  # fmt: skip
    plan, variables = planned(graph, query)
    witness = [graph._place(f"0{name}") for name in ("n0", "m", "k")]
    with pytest.raises(Refused, match="shortcut: n5 is 2 away"):
        prove(Solver(graph), plan, witness, Demand(), "en", (query, variables))
    proof = prove(Solver(graph), plan, witness, Demand(hub_degree=20), "en", (query, variables))
    assert proof.shortcuts == [{"anchor": {"node": "n5"}, "hops": 3, "shortest": 3}] and proof.shape == "chain"
    assert proof.difficulty == {"hops": 3, "longest": 3, "branching": 1.0, "distractors": 2}
    assert proof.without == [-1, 2, 2]


def test_shapes() -> None:
    assert shape(Plan(((-1, (0,), -2), (-2, (0,), 5)))) == "chain"
    assert shape(Plan(((-1, (0,), -2),), ((-2, "date", "1960", None),))) == "chain"
    assert shape(Plan(((-1, (0,), 4), (-1, (0,), 5)))) == "tree"
    assert shape(Plan(((-1, (0,), -2), (-2, (0,), -3), (-3, (1,), -1), (-3, (0,), 5)))) == "cycle"


@pytest.mark.parametrize(("relation", "holds"), [("borders", False), ("P47", False), ("has_tags", True)])
def test_what_reads_the_same_both_ways_is_proved_both_ways(relation: str, holds: bool, tmp_path: Path) -> None:
    ways = [("x", "south"), ("x", "east"), ("south", "y"), ("east", "y"), ("z", "south"), ("w", "east")]
    graph = Graph.load([store([edge(one, relation, other) for one, other in ways], tmp_path / "graph")])
    clues = [{"subject": "?x", "relations": [relation], "object": {"node": end}} for end in ("south", "east")]
    query = Query.from_json({"answer": "?x", "clues": clues})
    plan, variables = planned(graph, query)
    solver = Solver(graph)
    assert solver.answers(plan, 5) == [graph.index(Term("node", "x"))]  # along the edges there is one

    def proved() -> list[str]:
        return prove(solver, plan, solver.answers(plan, 5), Demand(), "en", (query, variables)).both_ways

    if holds:
        assert proved() == []
    else:
        with pytest.raises(Refused, match="not-unique: another answer where a relation is read from its other end"):
            proved()


def test_the_relations_read_both_ways_are_recorded(tmp_path: Path) -> None:
    ways = [("x", "south"), ("x", "east"), ("z", "south"), ("w", "east")]
    graph = Graph.load([store([edge(one, "borders", other) for one, other in ways], tmp_path / "graph")])
    clues = [{"subject": "?x", "relations": ["borders"], "object": {"node": end}} for end in ("south", "east")]
    query = Query.from_json({"answer": "?x", "clues": clues})
    plan, variables = planned(graph, query)
    solver = Solver(graph)
    proof = prove(solver, plan, solver.answers(plan, 5), Demand(), "en", (query, variables))
    assert proof.evidence(graph)["proof"]["both_ways"] == ["borders"]
