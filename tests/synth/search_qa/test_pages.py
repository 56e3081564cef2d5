"""Pages for hops, tasks, generated pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from search_world import EDGES, NAMES, QUESTIONS, edge, given, ledger, rows, world

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Problem
from arcmill.search import TOOLS, SearchIndex
from arcmill.search.stage import STAGE as INDEX
from arcmill.search.stage import IndexDocuments
from synth.search_qa.corpus import STAGE as WRITE
from synth.search_qa.corpus import WritePages
from synth.search_qa.naming import PageText, spellings, with_bare
from synth.search_qa.pages import STAGE as LINK
from synth.search_qa.pages import LinkPages
from synth.search_qa.query import Term
from synth.search_qa.tasks import STAGE as TASKS
from synth.search_qa.tasks import MakeSearchTasks

BY_NAME = dict(zip(("two", "date", "zh", "read", "none"), QUESTIONS, strict=True))


def test_each_hop_gets_the_pages_that_name_both_ends(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    execute(LINK, LinkPages(), inputs, str(tmp_path / "linked"))
    linked = {row.id: json.loads(row.evidence) for row in rows(str(tmp_path / "linked"))}
    assert len(linked) == 4
    two = linked[BY_NAME["two"].id]
    assert list(two["pages"]) == sorted(two["edges"]) and [two["pages"][e] for e in two["edges"]] == [["p1"], ["p2"]]
    assert list(linked[BY_NAME["date"].id]["pages"].values()) == [["p2"]]
    assert list(linked[BY_NAME["zh"].id]["pages"].values()) == [["p3"]]
    # The document that an edge was read from needs no names.
    assert next(iter(linked[BY_NAME["read"].id]["pages"].values()))[0] == "p4"
    assert two["index"] == SearchIndex.open(inputs["index"][0]).fingerprint
    assert {key: two[key] for key in ("query", "aliases")} == {
        key: json.loads(BY_NAME["two"].evidence or "")[key] for key in ("query", "aliases")
    }
    left = ledger(str(tmp_path / "linked"))
    assert left[BY_NAME["none"].id]["rule"] == "unsupported-hop" and "Roanne" in left[BY_NAME["none"].id]["detail"]
    statistics = Dataset.open(str(tmp_path / "linked")).statistics
    assert statistics == {"hops": 6, "hops_with_page": 5}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_same_for_any_workers(tmp_path: Path, workers: int) -> None:
    inputs = world(tmp_path)
    execute(LINK, LinkPages(), inputs, str(tmp_path / "one"))
    execute(LINK, LinkPages(), inputs, str(tmp_path / "more"), workers=workers)
    assert Dataset.open(str(tmp_path / "one")).manifest == Dataset.open(str(tmp_path / "more")).manifest


def test_questions_may_stay_without_pages(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    execute(LINK, LinkPages(require="none"), inputs, str(tmp_path / "linked"))
    found = {row.id: json.loads(row.evidence)["pages"] for row in rows(str(tmp_path / "linked"))}
    assert len(found) == len(QUESTIONS) and list(found[BY_NAME["none"].id].values()) == [[]]


@pytest.mark.parametrize(
    "evidence", [None, "{", "[]", "{}", '{"kind": "search-qa"}', '{"kind": "search-qa", "query": {"answer": "?x", "clues": []}}'],
)  # fmt: skip
def test_rows_that_are_no_questions_are_errored(tmp_path: Path, evidence: str | None) -> None:
    inputs = world(tmp_path)
    broken = Problem("b", "?", "exact", "tiny", "x", evidence=evidence)
    inputs["input"] = [given(tmp_path / "broken", [broken])]
    execute(LINK, LinkPages(max_error_rate=1), inputs, str(tmp_path / "linked"))
    assert ledger(str(tmp_path / "linked"))["b"]["outcome"] == "errored"


def test_questions_over_another_graph_are_errored(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    fingerprint = Dataset.open(inputs["edges"][0]).fingerprint
    asked = []
    for graph in ([fingerprint], ["elsewhere"]):
        evidence = {**json.loads(QUESTIONS[0].evidence or ""), "graph": graph}
        asked.append(Problem(graph[0], "?", "exact", "tiny", "Roanne", evidence=json.dumps(evidence)))
    inputs["input"] = [given(tmp_path / "asked", asked)]
    execute(LINK, LinkPages(max_error_rate=1), inputs, str(tmp_path / "linked"))
    left = ledger(str(tmp_path / "linked"))
    assert list(left) == ["elsewhere"] and "another graph" in left["elsewhere"]["detail"]


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("Directed by Jean-Pierre  JEUNET.", "Jean Pierre Jeunet", True),
        ("the Rhineland", "Rhine", False),
        ("written in C", "C++", False),
        ("written in C++", "C++", True),
        ("abc C def", "C", True),
        ("abc def", "C", False),
        ("小龙城飞将传", "龙城飞将", True),
        ("龙城传", "龙", True),
        ("anything", "?!", False),
        ("anything", "", False),
    ],
)
def test_names_on_pages(text: str, name: str, named: bool) -> None:
    assert PageText(text).names(name) is named


def test_names_without_their_qualifier() -> None:
    assert with_bare(["six (Python module)", "六（模块）", "f(x) plain", "(all)"]) == [
        "six (Python module)", "六（模块）", "f(x) plain", "(all)", "six", "六",
    ]  # fmt: skip


def test_literals_are_spelled_as_pages_write_them() -> None:
    assert spellings(Term("number", "130472.5")) == ["130472.5", "130,472.5"]
    assert spellings(Term("number", "12")) == ["12"]
    assert "March 21, 1967" in spellings(Term("date", "1967-03-21")) and "1967年3月" in spellings(
        Term("date", "1967-03")
    )
    for kind, value in (("number", "9" * 5000), ("date", f"1967-{'0' * 5000}1")):  # more digits than int takes
        assert spellings(Term(kind, value)) == [value]
    assert spellings(Term("date", "1967")) == ["1967"] and spellings(Term("date", "1967-13-01")) == ["1967-13-01"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_generated_pages_say_every_fact(tmp_path: Path, language: str) -> None:
    edges = given(tmp_path / "edges", [*EDGES, *(edge("q2", "made", f"film{number}") for number in range(30))])
    config = WritePages(language=language, facts_per_page=8, mentions=1)  # type: ignore[arg-type]
    for workers in (1, 2):
        execute(WRITE, config, {"edges": [edges]}, str(tmp_path / f"pages{workers}"), workers=workers)
    assert Dataset.open(str(tmp_path / "pages1")).manifest == Dataset.open(str(tmp_path / "pages2")).manifest
    pages = rows(str(tmp_path / "pages1"))
    assert len({page.id for page in pages}) == len(pages)
    assert all(page.tags == ["generated"] and page.source == "graph-pages" for page in pages)
    by_node: dict[str, str] = {}
    for page in pages:
        by_node[page.metadata["node"]] = by_node.get(page.metadata["node"], "") + page.text
    for fact in EDGES:
        if fact.kind == "node":
            assert NAMES[fact.object][0] in by_node[fact.subject]
    assert all(f"film{number}" in by_node["q2"] for number in range(30))
    assert len([page for page in pages if page.metadata["node"] == "q2"]) == 4
    assert "1" in by_node["q5"].splitlines()[-1]  # written by him: two, of which one is listed
    # And every question over the graph can be linked to them.
    execute(INDEX, IndexDocuments(), {"input": [str(tmp_path / "pages1")]}, str(tmp_path / "index"))
    inputs = {"input": [given(tmp_path / "q", QUESTIONS[:4])], "index": [str(tmp_path / "index")], "edges": [edges]}
    execute(LINK, LinkPages(), inputs, str(tmp_path / "linked"))
    assert Dataset.open(str(tmp_path / "linked")).counts["kept"] == 4


def test_no_pages_of_a_graph_without_edges(tmp_path: Path) -> None:
    edges = given(tmp_path / "edges", EDGES[:2])  # names
    with pytest.raises(InputError, match=r"the graph .*edges holds no edges"):
        execute(WRITE, WritePages(), {"edges": [edges]}, str(tmp_path / "pages"))


def test_tasks_hold_goal_tools_and_the_index(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    execute(LINK, LinkPages(), inputs, str(tmp_path / "linked"))
    taken = {"input": [str(tmp_path / "linked")], "index": inputs["index"]}
    execute(TASKS, MakeSearchTasks(instruction="Search. {question}"), taken, str(tmp_path / "tasks"))
    tasks = rows(str(tmp_path / "tasks"))
    assert len(tasks) == 4
    task = next(task for task in tasks if "director" in task.instruction)
    fingerprint = SearchIndex.open(inputs["index"][0]).fingerprint
    assert (task.environment, task.steps) == (f"search:{fingerprint}", "multi")
    assert task.instruction == "Search. Where was the director of Amélie born?"
    assert [json.loads(tool) for tool in task.tools] == TOOLS
    goal = json.loads(task.goal)
    assert (goal["answer"], goal["verifier"], goal["problem"]) == ("Roanne", "exact", BY_NAME["two"].id)
    assert goal["evidence"]["pages"]
    with pytest.raises(UsageError, match="must hold"):
        execute(TASKS, MakeSearchTasks(instruction="no place"), taken, str(tmp_path / "no"))
    execute(INDEX, IndexDocuments(b=0.5), {"input": [str(tmp_path / "pages")]}, str(tmp_path / "other"))
    taken["index"] = [str(tmp_path / "other")]
    execute(TASKS, MakeSearchTasks(max_error_rate=1), taken, str(tmp_path / "wrong"))
    assert {row["rule"] for row in ledger(str(tmp_path / "wrong")).values()} == {"evidence"}
