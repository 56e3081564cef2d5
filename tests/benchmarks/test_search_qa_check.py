"""The independent check of search questions: it agrees with plain enumeration, and names each planted fault."""

from __future__ import annotations

import copy
import itertools
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arcmill.records import Edge, Node, Problem, rows_to_batch, stable_id

duckdb = pytest.importorskip("duckdb", reason="the independent check needs duckdb (extra `test`)")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import search_qa_check as checked  # noqa: E402
import search_qa_graph as stored  # noqa: E402
import search_qa_names as naming  # noqa: E402
import search_qa_plan as planned  # noqa: E402
import search_qa_solver as solver  # noqa: E402

CAP = 1000
Triple = tuple[str, str, str, str]


def write(folder: Path, record: str, rows: list[Any]) -> str:
    """A dataset, as far as the check reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_batches([rows_to_batch(record, rows)]), folder / "part-00000.parquet")
    files = [{"path": "part-00000.parquet", "rows": len(rows)}]
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    return str(folder)


def edge(subject: str, relation: str, target: str, kind: str = "node") -> Edge:
    return Edge(stable_id("edge", subject, relation, target, kind), subject, relation, target, kind, "hand")


def fact(subject: Any, relation: str | list[str], target: Any) -> dict[str, Any]:
    held = [{"node": end} if isinstance(end, str) and not end.startswith("?") else end for end in (subject, target)]
    return {"subject": held[0], "relations": [relation] if isinstance(relation, str) else relation, "object": held[1]}


def enumerate_answers(edges: list[Edge], query: dict[str, Any]) -> set[tuple[str, str]]:
    """The answers, by trying everything."""
    triples = {(("node", e.subject), e.relation, (e.kind, e.object)) for e in edges
               if e.relation not in stored.NAMING and (e.kind, e.subject) != ("node", e.object)}  # fmt: skip
    terms = sorted({end for s, _, o in triples for end in (s, o)})
    names = sorted({end for clue in query["clues"] for end in planned.variables(clue)})

    def value(end: Any, held: dict[str, Any]) -> Any:
        return held[end] if isinstance(end, str) else next(iter(end.items()))

    def holds(clue: dict[str, Any], held: dict[str, Any]) -> bool:
        if "variable" in clue:
            kind, text = held[clue["variable"]]
            if kind != clue["kind"]:
                return False
            low, high = clue["low"], clue["high"]
            if kind == "number":
                return (low is None or float(low) <= float(text)) and (high is None or float(text) <= float(high))
            first, last = (text + "-01-01")[:10], (text + "-12-31")[:10]
            return (low is None or low <= first) and (high is None or last <= (high + "-12-31")[:10])
        s, o = value(clue["subject"], held), value(clue["object"], held)
        return any((s, relation, o) in triples for relation in clue["relations"])

    found = set()
    for values in itertools.product(terms, repeat=len(names)):
        held = dict(zip(names, values, strict=True))
        if all(holds(clue, held) for clue in query["clues"]):
            found.add(held[query["answer"]])
    return found


def random_graph(draw: random.Random) -> list[Edge]:
    nodes = [f"n{number}" for number in range(draw.randint(3, 7))]
    edges = [edge(draw.choice(nodes), draw.choice("rs"), draw.choice(nodes)) for _ in range(draw.randint(4, 14))]
    edges += [
        edge(node, "year", draw.choice(["1950", "1961", "1961-05"]), "date") for node in nodes if draw.random() < 0.6
    ]
    edges += [edge(node, "size", draw.choice(["1", "2.5", "10"]), "number") for node in nodes if draw.random() < 0.4]
    return list({made.id: made for made in edges}.values())


def random_query(draw: random.Random, edges: list[Edge]) -> dict[str, Any]:
    """Any connected query of at most three variables: trees, circles, loops, several relations, bounds."""
    names = ["?a", "?b", "?c"][: draw.randint(1, 3)]
    clues: list[dict[str, Any]] = []
    subjects = sorted({made.subject for made in edges})
    for place, name in enumerate(names):
        other = names[draw.randrange(place)] if place else draw.choice([{"node": draw.choice(subjects)}, name])
        ends = [other, name]
        draw.shuffle(ends)
        clues.append(fact(ends[0], draw.choice(["r", "s", ["r", "s"]]), ends[1]))
    for _ in range(draw.randint(0, 2)):
        ends = [draw.choice(names), draw.choice([*names, {"node": draw.choice(subjects)}])]
        draw.shuffle(ends)
        clues.append(fact(ends[0], draw.choice(["r", "s", ["r", "s"]]), ends[1]))
    if draw.random() < 0.4:
        relation, kind, low, high = draw.choice([
            ("year", "date", "1955", "1961"), ("year", "date", None, "1960"), ("size", "number", "2", "10.0"),
        ])  # fmt: skip
        clues += [fact(draw.choice(names), relation, "?v"), {"variable": "?v", "kind": kind, "low": low, "high": high}]
    draw.shuffle(clues)
    return {"answer": draw.choice(names), "clues": clues}


def test_answers_are_those_of_plain_enumeration_and_of_a_plain_join(tmp_path: Path) -> None:
    draw = random.Random(1)
    circles = 0
    for number in range(25):
        edges = random_graph(draw)
        graph = stored.Graph([write(tmp_path / str(number), "Edge", edges)], [], 1, "1GB")
        queries = [random_query(draw, edges) for _ in range(12)]
        named = {number: term for term, number in graph.terms.items()}
        for query, (answers, lowest) in zip(queries, solver.count(graph, queries, CAP), strict=True):
            expected = enumerate_answers(edges, query)
            assert {named[x] for x in solver.direct(graph, query)} == expected, query
            assert answers == len(expected), query
            assert lowest is None or named[lowest] in expected
            circles += planned.cuts(query) != [None]
    assert circles > 50


def test_only_some_candidates_are_tried_first_and_all_where_too_few_of_them_hold(
    tmp_path: Path, monkeypatch: Any
) -> None:
    edges = [edge(f"n{number}", "r", f"m{number % 7}") for number in range(60)]
    edges += [edge(f"m{number}", "s", f"k{number % 2}") for number in range(7)]
    edges += [edge(f"n{number}", "t", f"n{number + 1}") for number in range(0, 58, 2)]
    graph = stored.Graph([write(tmp_path / "g", "Edge", edges)], [], 1, "1GB")
    monkeypatch.setattr(solver, "_FEW", 3)
    chain = {"answer": "?a", "clues": [fact("?a", "r", "?b"), fact("?b", "s", "?c")]}
    circle = {
        "answer": "?a",
        "clues": [*chain["clues"], fact("?a", "t", "?d"), fact("?d", "r", "?e"), fact("?e", "s", "?c")],
    }
    for query in (chain, circle):
        ((answers, _),) = solver.count(graph, [query], CAP)
        assert answers == len(solver.direct(graph, query)) > 3
    ((few, _),) = solver.count(graph, [chain], 2)
    assert few == 3  # enough was found among the first


def test_shortest_ways_are_those_of_a_breadth_first_search(tmp_path: Path) -> None:
    import networkx

    draw = random.Random(2)
    pairs_found = 0
    for number in range(12):
        edges = [edge(f"n{draw.randrange(14)}", draw.choice("rs"), f"n{draw.randrange(14)}") for _ in range(22)]
        graph = stored.Graph([write(tmp_path / str(number), "Edge", edges)], [], 1, "1GB")
        plain = networkx.Graph(
            (graph.terms["node", e.subject], graph.terms["node", e.object]) for e in edges if e.subject != e.object
        )
        degrees = dict(graph.db.execute("SELECT a, n FROM degree").fetchall())
        for hub_degree in (None, 4):
            pairs = [tuple(draw.sample(sorted(plain), 2)) for _ in range(20)]
            found = stored.distances(graph, pairs, 5, hub_degree)
            for a, b in pairs:
                through = plain.subgraph(
                    [x for x in plain if x in (a, b) or hub_degree is None or degrees[x] <= hub_degree]
                )
                far = networkx.shortest_path_length(through, a, b) if networkx.has_path(through, a, b) else 99
                assert found.get((a, b)) == (far if far < 5 else None), (a, b, hub_degree)
                pairs_found += far < 5
    assert pairs_found > 100


# -- questions by hand -----------------------------------------------------------------------------------------

FILMS = {
    "f1": ("Blue Harbour", "p1", "p3", "1961-05"), "f2": ("Red Harbour", "p1", "p4", "1950"),
    "f3": ("Green Hill", "p2", "p3", "1961"), "f4": ("Grey Hill", "p2", "p4", "1972"), "f5": ("Old Mill", "p1", "p3", "1980"),
}  # fmt: skip
PEOPLE = {"p1": "Ada Ames", "p2": "Bo Berg", "p3": "Cy Cole", "p4": "Di Dorn"}


def film_edges() -> list[Edge]:
    edges = [edge(person, "label", name, "text") for person, name in PEOPLE.items()]
    for film, (name, writer, actor, year) in FILMS.items():
        edges += [edge(film, "label", name, "text"), edge(film, "writer", writer), edge(film, "actor", actor)]
        edges.append(edge(film, "year", year, "date"))
    edges += [edge("p3", "alias", "C. C.", "text"), edge("f1b", "redirect", "f1"), edge("f1b", "festival", "x1")]
    edges += [
        edge("x1", "label", "Pine Festival", "text"),
        edge("x1", "town", "t1"),
        edge("t1", "label", "Ostby", "text"),
    ]
    edges += [edge("x2", "label", "Elm Festival", "text"), edge("f2", "festival", "x2"), edge("x2", "town", "t2")]
    edges += [edge("t2", "label", "Norby", "text")]
    return edges


def question(
    edges: list[Edge], name: str, text: str, answer: str, clues: list[Any], witness: dict[str, Any], **more: Any
) -> Problem:
    """A question with its proof, counted by trying everything."""
    moved = [edge("f1" if e.subject == "f1b" else e.subject, e.relation, e.object, e.kind) for e in edges]
    query = {"answer": "?x", "clues": clues}
    left = []
    for place in range(len(clues)):
        lacking = planned.without(query, place)
        left.append(min(CAP, len(enumerate_answers(moved, lacking))) if planned.facts_of(lacking) else -1)
    held = {"?x": {"node": answer}, **witness}
    ids = []
    for clue in planned.facts_of(query):
        s, o = (held[end] if isinstance(end, str) else end for end in (clue["subject"], clue["object"]))
        (kind, target), subject = next(iter(o.items())), s["node"]
        ids += [
            old.id
            for old, new in zip(edges, moved, strict=True)
            if (new.subject, new.object, new.kind) == (subject, target, kind) and new.relation in clue["relations"]
        ][:1]
    evidence = {
        "kind": "search-qa", "query": query, "answer": {"node": answer}, "witness": held, "edges": ids, "language": "en",
        "proof": {"answers": 1, "without": left, "cap": CAP}, **more,
    }  # fmt: skip
    said = FILMS[answer][0] if answer in FILMS else PEOPLE[answer]
    return Problem(name, text, "exact", "hand", said, evidence=json.dumps(evidence, ensure_ascii=False))


def questions(edges: list[Edge]) -> list[Problem]:
    year = {"variable": "?y", "kind": "date", "low": "1960", "high": "1961"}
    return [
        question(edges, "q1", "Which film that Ada Ames wrote was released between 1960 and 1961?", "f1",
                 [fact("?x", "writer", "p1"), fact("?x", "year", "?y"), year], {"?y": {"date": "1961-05"}}),
        question(edges, "q2", "Which film did Bo Berg write and Di Dorn play in?", "f4",
                 [fact("?x", "writer", "p2"), fact("?x", ["actor"], "p4")], {}),
        question(edges, "q3", "哪部电影由 Ada Ames 编剧，其电影节在 Ostby 举行？", "f1",
                 [fact("?x", "writer", "p1"), fact("?x", "festival", "?f"), fact("?f", "town", "t1")],
                 {"?f": {"node": "x1"}}, language="zh"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Edge]]:
    edges = film_edges()
    return write(tmp_path_factory.mktemp("films") / "edges", "Edge", edges), edges


def faults(
    where: Path, films: tuple[str, list[Edge]], rows: list[Problem], nodes: tuple[str, ...] = ()
) -> dict[str, set[str]]:
    found = checked.check([write(where / "questions", "Problem", rows)], [films[0]], nodes)
    assert found["ok"] == (not found["faults"])
    named: dict[str, set[str]] = {}
    for fault in found["faults"]:
        named.setdefault(fault["id"], set()).add(fault["check"])
    return named


def test_sound_questions_hold(tmp_path: Path, films: tuple[str, list[Edge]]) -> None:
    rows = questions(films[1])
    # In the third, without its first clue the festival alone still says which film it is: that is the fault it has.
    assert faults(tmp_path, films, rows) == {"q3": {"necessary"}}
    other = Problem("z", "What is 1 + 1?", "math", "hand", "2", evidence=json.dumps({"verdict": "right"}))
    found = checked.check([write(tmp_path / "more", "Problem", [*rows[:2], other])], [films[0]])
    assert found["ok"] and found["questions"] == 2 and found["other_rows"] == 1
    assert "100.00 %" in checked.render(found, 10)


def planted(row: Problem, change: Any) -> Problem:
    made = copy.deepcopy(row)
    evidence = json.loads(made.evidence or "")
    change(made, evidence)
    made.evidence = json.dumps(evidence, ensure_ascii=False)
    return made


@pytest.mark.parametrize(("fault", "change"), [
    ("unique", lambda row, e: e["query"]["clues"][2].update(high="1999")),
    ("unique", lambda row, e: (e.update(answer={"node": "f2"}), setattr(row, "answer", "Red Harbour"))),
    ("unique", lambda row, e: e["proof"].update(answers=2)),
    ("necessary", lambda row, e: e["proof"]["without"].__setitem__(0, 7)),
    ("necessary", lambda row, e: (e["query"]["clues"].append(fact("?x", ["writer", "actor"], "p1")), e["proof"]["without"].append(1),
                                  e["edges"].append(e["edges"][0]))),
    ("names", lambda row, e: setattr(row, "prompt", row.prompt + " Not ＢＬＵＥ harbour.")),
    ("anchors", None),
    ("language", lambda row, e: e.update(language="zh")),
    ("language", lambda row, e: e.update(language="fr")),
    ("answer", lambda row, e: setattr(row, "answer", "Ada Ames")),
    ("witness", lambda row, e: e["edges"].reverse()),
    ("witness", lambda row, e: e["witness"].update({"?y": {"date": "1980"}})),
    ("witness", lambda row, e: e["edges"].pop()),
    ("evidence", lambda row, e: e["query"]["clues"][0].update(relations=["nobody"])),
    ("evidence", lambda row, e: e["query"]["clues"][2].update(low="soon")),
    ("evidence", lambda row, e: e["proof"]["without"].pop()),
    ("evidence", lambda row, e: e["query"]["clues"].clear()),
])  # fmt: skip
def test_each_planted_fault_is_named(fault: str, change: Any, tmp_path: Path, films: tuple[str, list[Edge]]) -> None:
    sound, other = questions(films[1])[:2]
    if fault == "anchors":  # another thing of the same name, told by a Node
        twin = write(tmp_path / "nodes", "Node", [Node("p9", "Ada Ames", "hand", aliases=["A. A."])])
        assert faults(tmp_path, films, [sound, other], (twin,)) == {"q1": {"anchors"}}
        return
    assert fault in faults(tmp_path, films, [planted(sound, change), other])["q1"]


def test_shortcuts_are_named_and_hubs_are_not_passed_through(tmp_path: Path) -> None:
    edges = film_edges()
    clues = [
        fact("?x", "festival", "?f"),
        fact("?f", "town", "?t"),
        fact("?t", "twin", "t9"),
        fact("?x", "writer", "p1"),
    ]
    edges += [
        edge("t1", "twin", "t9"),
        edge("t2", "twin", "t8"),
        edge("f5", "festival", "x1"),
        edge("x1", "label", "x", "text"),
    ]
    witness = {"?f": {"node": "x1"}, "?t": {"node": "t1"}}
    row = question(edges, "q", "Which film?", "f1", clues, witness)
    films = (write(tmp_path / "one", "Edge", edges), edges)
    assert "shortcut" not in faults(tmp_path, films, [row])["q"]
    edges = [
        *edges,
        edge("t9", "near", "h"),
        edge("h", "near", "f1"),
    ]  # t9 - h - f1: two edges, where the query has three
    films = (write(tmp_path / "two", "Edge", edges), edges)
    assert "shortcut" in faults(tmp_path, films, [row])["q"]
    through = planted(row, lambda row, evidence: evidence["proof"].update(hub_degree=1))
    assert "shortcut" not in faults(tmp_path, films, [through])["q"]  # h has two edges: a hub then
    edges = [*edges, edge("t9", "near", "f1")]
    films = (write(tmp_path / "three", "Edge", edges), edges)
    assert "shortcut" in faults(tmp_path, films, [through])["q"]  # one edge passes through nothing


def test_names_meet_at_borders_of_words() -> None:
    assert naming.stands("Ali", "Who is ALI?") and not naming.stands("Ali", "Alibi") and not naming.stands("", "x")
    assert naming.stands("北京", "他在北京出生") and naming.stands("Straße", "die STRASSE dort")
    assert naming.stands("A.I.", "the film A.I. of") and not naming.stands("1961", "in 19615")
    assert checked.anchors(
        {"answer": "?x", "clues": [fact("?x", "r", "?y"), fact("?y", "r", "k"), fact("?x", "s", "k")]}
    ) == {("node", "k"): 1}


def test_the_command_names_failing_rows_and_says_so_by_its_status(
    tmp_path: Path, films: tuple[str, list[Edge]]
) -> None:
    rows = questions(films[1])
    data = write(tmp_path / "q", "Problem", rows)
    command = [sys.executable, str(BENCHMARKS / "search_qa_check.py"), "--questions", data, "--edges", films[0]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "FAILED q3  necessary: without clue 0 there is still one answer" in done.stdout, (
        done.stderr
    )
    done = subprocess.run([*command, "--limit", "2", "--json"], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["questions"] == 2, done.stderr
    source = "".join(file.read_text() for file in BENCHMARKS.glob("search_qa_*.py"))
    assert not any(
        f"{verb} {package}" in source for verb in ("import", "from") for package in ("synth", "arcmill", "pipelines")
    )
