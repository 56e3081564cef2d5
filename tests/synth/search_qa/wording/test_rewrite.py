"""rewrite-questions, driven by hand and run by the engine against a server that rewrites well or badly."""

from __future__ import annotations

import json
import random
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from answering import Answers
from given_rows import dataset_of
from tiny_graphs import edge, store

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.generation import EMBEDDED, Answer, Choice, Made
from arcmill.records import Node, Problem
from arcmill.stage import Outcome
from pipelines.catalogue import get_stage
from synth.graph.store import Graph
from synth.search_qa.query import Bound, Fact, Query, Term, node
from synth.search_qa.wording import say
from synth.search_qa.wording.claims import claimed, recorded, refusal

STAGE = get_stage("rewrite-questions")
X, Y, Z = (Term("variable", name) for name in ("?x", "?a", "?b"))
NAMES = {
    "f1": "The Grey Harbour", "f2": "Low Tide", "f3": "Kelp", "p1": "Ilse Vandermoor", "p2": "Bruno Arkell", "p3": "Mo Teng",
    "g1": "Drama", "g2": "Western",
}  # fmt: skip
EDGES = [
    edge("f1", "directed_by", "p1"), edge("f1", "has_genre", "g1"), edge("f2", "directed_by", "p1"), edge("f2", "starred_actors", "p2"),
    edge("f3", "directed_by", "p3"), edge("f3", "has_genre", "g1"), edge("f1", "release_year", "1994", "date"),
    edge("f2", "release_year", "1971", "date"), edge("f1", "starred_actors", "p3"), edge("f3", "has_genre", "g2"),
    edge("f3", "release_year", "1994", "date"),
]  # fmt: skip
QUERY = Query(
    X,
    (
        Fact(X, ("has_genre",), node("g1")), Fact(X, ("directed_by",), Y), Fact(node("f2"), ("directed_by",), Y),
        Fact(X, ("release_year",), Z), Bound(Z, "date", "1990", "1999"),
    ),
)  # fmt: skip
GOOD = "Which “Drama” picture of the 1990s was made by the hand that also directed “Low Tide”?"
CLUES = [
    {"subject": "?x", "relation": "has_genre", "object": "Drama"}, {"subject": "?x", "relation": "directed_by", "object": "?d"},
    {"subject": "Low Tide", "relation": "Directed_By", "object": "?d"}, {"subject": "?x", "relation": "release_year", "object": "?y"},
    {"variable": "?y", "kind": "date", "at_least": "1990-01-01", "at_most": "1999"},
]  # fmt: skip


def extracted(*clues: Any) -> str:
    return json.dumps({"asked": "?x", "clues": list(clues)}, ensure_ascii=False)


def rewritten(text: str) -> str:
    return json.dumps({"question": text}, ensure_ascii=False)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    folder = tmp_path_factory.mktemp("graph")
    nodes = [
        Node(identifier, name, "tiny", aliases=["The Gray Harbor"] if identifier == "f1" else None)
        for identifier, name in NAMES.items()
    ]
    return store(EDGES, folder / "edges"), store(nodes, folder / "nodes", "Node")


def problem(data: tuple[Dataset, Dataset], number: int = 0, **changes: Any) -> Problem:
    held = Graph.load(data[:1], data[1:])
    text = say(QUERY, held, "en", random.Random(number))
    evidence = {
        "kind": "search-qa", "graph": held.fingerprints, "query": QUERY.to_json(), "answer": {"node": "f1"}, "aliases": ["The Gray Harbor"],
        "witness": {"?a": {"node": "p1"}, "?b": {"date": "1994"}}, "language": "en", "wording": "template", **changes,
    }  # fmt: skip
    return Problem(f"q{number}", text, "exact", "tiny", NAMES["f1"], domain="search", evidence=json.dumps(evidence))


def drive(graph: tuple[Dataset, Dataset], row: Problem, *replies: str, **settings: Any) -> tuple[list[Any], Any]:
    """The requests that the core made, and what it returned."""
    config = validate(STAGE.config, {"model": "mine", "tries": 1, **settings}, "test")
    run = STAGE.core(row, config, STAGE.setup(config, {"edges": list(graph[:1]), "nodes": list(graph[1:])}))
    requests: list[Any] = []
    try:
        requests += next(run)
        for reply in replies:
            requests += run.send([Answer((Choice(reply),))])
    except StopIteration as stop:
        return requests, stop.value
    raise AssertionError("the core asks on")


def test_a_rewrite_that_says_the_same_is_kept_with_its_clues(graph: tuple[Dataset, Dataset]) -> None:
    row = problem(graph)
    template = row.prompt
    requests, made = drive(graph, row, rewritten(GOOD), extracted(*CLUES))
    assert isinstance(made, Made) and made.tallies == {"rewritten": 1}
    (kept,) = made.rows
    evidence = json.loads(kept.evidence)
    assert kept.prompt == GOOD and kept.id == "q0" and kept.answer == NAMES["f1"]
    assert evidence["wording"] == "rewrite" and evidence["rewrite"]["template"] == template
    assert evidence["rewrite"]["clues"]["clues"] == CLUES and recorded(kept.prompt, evidence) is None
    first, second = (request.body["messages"][0]["content"] for request in requests)
    assert template in first and "Low Tide" in first and "in English" in first
    # The reader sees the text, and never the query or its template.
    assert GOOD in second and template not in second and "- directed_by: X was directed by Y" in second
    assert "starred_actors" in second  # listed, though the query has none of it
    assert (
        requests[0].body["response_format"]["json_schema"]["name"] == "question"
        and requests[1].body["temperature"] == 0
    )
    plain, _ = drive(graph, problem(graph), rewritten(GOOD), extracted(*CLUES), model=EMBEDDED)
    assert "response_format" not in plain[0].body


@pytest.mark.parametrize(
    ("replies", "rule"),
    [
        ([rewritten(GOOD), extracted(*CLUES[1:])], "constraint-lost"),
        ([rewritten(GOOD), extracted(*CLUES[:-1])], "constraint-lost"),
        ([rewritten(GOOD), extracted(*CLUES, {"subject": "?x", "relation": "starred_actors", "object": "?p"})], "constraint-added"),
        ([rewritten(GOOD), extracted(*CLUES[:-1], {**CLUES[-1], "at_most": "1998"})], "constraint-lost"),
        ([rewritten(GOOD), extracted(*CLUES[:2], {**CLUES[2], "object": "?other"}, *CLUES[3:])], "constraint-lost"),
        ([rewritten(GOOD), extracted(CLUES[0], {**CLUES[1], "subject": "?d", "object": "?x"}, *CLUES[2:])], "constraint-lost"),
        ([rewritten(GOOD), extracted({**CLUES[0], "relation": ["has_genre", "release_year"]}, *CLUES[1:])], "constraint-lost"),
        ([rewritten(GOOD), extracted({**CLUES[0], "relation": "painted by"}, *CLUES[1:])], "not-parsed"),
        ([rewritten(GOOD), extracted({**CLUES[0], "object": "Comedy"}, *CLUES[1:])], "not-parsed"),
        ([rewritten(GOOD), extracted()], "not-parsed"),
        ([rewritten(GOOD), "I cannot."], "not-parsed"),
        ([rewritten(GOOD), '{"asked": "?x", "clues": [1, 2]}'], "not-parsed"),
        ([rewritten(GOOD), '{"asked": 3, "clues": {}}'], "not-parsed"),
        ([rewritten(GOOD), extracted({"variable": "Drama", "kind": "date", "at_least": "1990"}, *CLUES)], "not-parsed"),
        ([rewritten(GOOD), extracted(*CLUES[:-1], {**CLUES[-1], "kind": "colour"})], "not-parsed"),
        ([rewritten(GOOD.replace("Which", "Like the gray harbour or The Grey-Harbour, which"))], "name-in-text"),
        ([rewritten(GOOD.replace("picture", "picture (Gray Harbor? No: The Gray Harbor)"))], "name-in-text"),
        ([rewritten(GOOD.replace("the hand", "Ilse Vandermoor, who"))], "name-in-text"),
        ([rewritten(GOOD.replace("Low Tide", "Low"))], "constraint-lost"),
        ([rewritten(GOOD.replace("1990s", "nineties"))], "constraint-lost"),
        ([rewritten(GOOD.replace("picture", "picture with Mo Teng"))], "constraint-added"),
        ([rewritten("")], "not-parsed"),
        (["no JSON"], "not-parsed"),
        (['{"question": ["a"]'], "not-parsed"),
    ],
)  # fmt: skip
def test_a_rewrite_that_says_anything_else_is_refused(
    graph: tuple[Dataset, Dataset], replies: list[str], rule: str
) -> None:
    _, dropped = drive(graph, problem(graph), *replies, on_refusal="drop")
    assert isinstance(dropped, Outcome) and (dropped.rule, dropped.outcome) == (rule, "dropped") and dropped.detail
    row = problem(graph)
    template = row.prompt
    _, made = drive(graph, row, *replies)
    (kept,) = made.rows
    evidence = json.loads(kept.evidence)
    assert made.tallies == {f"refused.{rule}": 1} and kept.prompt == template and evidence["wording"] == "template"
    assert evidence["rewrite"]["refused"] == rule and evidence["query"] == QUERY.to_json()


def test_a_second_try_may_do_better(graph: tuple[Dataset, Dataset]) -> None:
    requests, made = drive(graph, problem(graph), "no", rewritten(GOOD), extracted(*CLUES), tries=2)
    assert made.tallies == {"rewritten": 1} and len({request.body["seed"] for request in requests}) == 3
    requests, made = drive(graph, problem(graph), "no", rewritten(GOOD), extracted(*CLUES[1:]), tries=2)
    assert made.tallies == {"refused.constraint-lost": 1} and len(requests) == 3


def test_rows_of_another_kind_or_graph_are_errored(graph: tuple[Dataset, Dataset]) -> None:
    for row, rule in (
        (Problem("p", "2+2", "math", "x", "4"), "not-a-search-question"),
        (Problem("p", "2+2", "math", "x", "4", evidence="{"), "not-a-search-question"),
        (Problem("p", "2+2", "math", "x", "4", evidence="[1]"), "not-a-search-question"),
        (problem(graph, language="tlh"), "not-a-search-question"),
        (problem(graph, query={"answer": "?x", "clues": []}), "not-a-search-question"),
        (problem(graph, query=Query(X, (Fact(X, ("gone",), node("g1")),)).to_json()), "not-a-search-question"),
        (problem(graph, graph=["x"]), "other-graph"),
    ):
        _, made = drive(graph, row)
        assert isinstance(made, Outcome) and (made.rule, made.outcome) == (rule, "errored") and made.detail


def test_a_record_that_was_changed_is_found(graph: tuple[Dataset, Dataset]) -> None:
    _, made = drive(graph, problem(graph), rewritten(GOOD), extracted(*CLUES))
    prompt, evidence = made.rows[0].prompt, json.loads(made.rows[0].evidence)
    assert recorded(prompt, evidence) is None
    assert "Low Tide" in str(recorded(prompt.replace("Low Tide", "High Tide"), evidence))
    for path, value in (
        (("clues", "clues"), CLUES[1:]), (("relations",), {}), (("terms", "Drama"), {"node": "g2"}), (("clues",), None), (("names",), 3),
    ):  # fmt: skip
        changed = json.loads(json.dumps(evidence))
        held = changed["rewrite"]
        for key in path[:-1]:
            held = held[key]
        held[path[-1]] = value
        assert recorded(prompt, changed), path
    assert recorded(prompt, {**evidence, "wording": "template"}) == "no rewrite is recorded"


def test_a_statement_is_compared_by_what_it_allows() -> None:
    terms, relations = {"Drama": node("g1"), "?q": node("g2")}, {"kind of": "has_genre"}
    stated = claimed(
        {"asked": "?Q", "clues": [{"subject": "?Q", "relation": ["Kind Of "], "object": "?q"}]}, relations, terms
    )
    assert refusal(Query(X, (Fact(X, ("has_genre",), node("g2")),)), stated) is None
    assert refusal(Query(X, (Fact(X, ("has_genre",), node("g1")),)), stated) == (
        "constraint-lost",
        "not stated: ? has_genre g1",
    )


def test_templates_of_ones_own_are_checked(graph: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("[user]\nSay {{question}} anew.")
    requests, _ = drive(graph, problem(graph), "no", template=str(mine))
    assert requests[0].body["messages"][0]["content"].startswith("Say ")
    assert STAGE.model_files(STAGE.config(template=str(mine)))[0] == str(mine)
    with pytest.raises(UsageError, match="relations"):
        drive(graph, problem(graph), "no", extract_template=str(mine))


class Rewriting(Answers):
    """An OpenAI-compatible server: it rewrites well, but for questions whose template is a list of clues, which it loses."""

    def answer(self, asked: str) -> str:
        if asked.startswith("Read a question"):
            return f"Here it is:\n```json\n{extracted(*CLUES)}\n```"
        return rewritten(GOOD if "Name " not in asked.rpartition("Question:")[2] else "Which film?")


def test_the_engine_runs_it(graph: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    rows = [problem(graph, number) for number in range(12)]
    lost = sum(row.prompt.startswith("Name ") for row in rows)
    assert 0 < lost < 12
    given = {"input": [dataset_of("Problem", [*rows, Problem("other", "2+2", "math", "x", "4")], str(tmp_path / "in"))]}
    given |= {"edges": [graph[0].url], "nodes": [graph[1].url]}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Rewriting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        settings = {"llm.endpoint": f"http://127.0.0.1:{server.server_port}/v1"}
        for choice in ("keep", "drop"):
            config = validate(STAGE.config, {"model": "planned", "on_refusal": choice, "max_error_rate": 0.1}, "test")
            made = execute(STAGE, config, given, str(tmp_path / choice), settings=settings).dataset
            out = [row for batch in made.batches() for row in batch.to_pylist()]
            kept = 12 if choice == "keep" else 12 - lost
            assert (made.counts["in"], made.counts["kept"], made.counts["errored"]) == (13, kept, 1)
            assert made.counts["dropped"] == 12 - kept and made.statistics["rewritten"] == 12 - lost
            assert sum(row["prompt"] == GOOD for row in out) == 12 - lost
            for row in out:
                evidence = json.loads(row["evidence"])
                assert (recorded(row["prompt"], evidence) is None) == (evidence["wording"] == "rewrite")
    finally:
        server.shutdown()
