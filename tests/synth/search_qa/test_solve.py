"""The solver against a search by hand that shares nothing with it but the meaning of a query."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import networkx
import numpy as np
import pytest
from tiny_graphs import edge, store

from arcmill.records import Edge
from synth.graph.store import Graph
from synth.search_qa.query import Bound, Clue, Fact, Query, Term, node, variable
from synth.search_qa.solve import MAX_VARIABLES, UNCONSTRAINED, Solver, Undecided, answers, planned, without

DAYS = {"1960": (1960, 1960), "1961": (1961, 1961), "1965": (1965, 1965), "196": (196, 196)}


def random_edges(draw: random.Random) -> list[Edge]:
    size, rows = draw.randrange(2, 9), list[Edge]()
    for _ in range(draw.randrange(1, 26)):
        relation, subject = f"r{draw.randrange(3)}", f"n{draw.randrange(size)}"
        if draw.random() < 0.2:
            rows.append(edge(subject, relation, str(draw.randrange(4)), "number"))
        elif draw.random() < 0.1:
            rows.append(edge(subject, relation, draw.choice(list(DAYS)), "date"))
        else:
            rows.append(edge(subject, relation, f"n{draw.randrange(size)}"))
    return rows


def random_query(draw: random.Random, rows: list[Edge]) -> Query:
    constants = [node(f"n{number}") for number in range(9)] + [Term("number", "2"), Term("date", "1960")]
    variables = [variable("x")]
    clues = list[Clue]()
    for _ in range(draw.randrange(1, 6)):
        one = draw.choice(variables)
        if draw.random() < 0.35:
            other = draw.choice(constants)
        elif draw.random() < 0.4 and len(variables) > 1:
            other = draw.choice([v for v in variables if v != one])
        else:
            other = variable(f"v{len(variables)}")
            variables.append(other)
        relations = tuple(f"r{number}" for number in sorted(draw.sample(range(3), draw.choice([1, 1, 1, 2]))))
        ends = (one, other) if draw.random() < 0.5 else (other, one)
        clues.append(Fact(ends[0], relations, ends[1]))
    if draw.random() < 0.3:
        low, high = sorted(draw.choices(["0", "1", "2", "3"], k=2))
        clues.append(Bound(draw.choice(variables), "number", low, draw.choice([high, None])))
    if draw.random() < 0.15:
        clues.append(Bound(draw.choice(variables), "date", draw.choice(["1960", None]), "1961-12"))
    draw.shuffle(clues)
    return Query(variables[0], tuple(clues))


def by_hand(rows: list[Edge], query: Query) -> set[tuple[str, str]]:
    """Every assignment of every variable, tried."""
    held = {(row.subject, row.relation, row.kind, row.object) for row in rows if row.subject != row.object}
    ids = [("node", row.subject) for row in rows] + [(row.kind, row.object) for row in rows]
    terms = [("node", name) for kind, name in ids if kind == "node"] + [term for term in ids if term[0] != "node"]
    terms = list(dict.fromkeys(terms))
    # Facts at a time, so that it ends: partial assignments that hold so far.
    found = [dict[str, tuple[str, str]]()]
    for clue in sorted(query.clues, key=lambda clue: isinstance(clue, Bound)):
        grown = []
        for values in found:
            free = [t for t in dict.fromkeys(clue.terms) if t.is_variable and t.value not in values]
            for choice in itertools.product(terms, repeat=len(free)):
                now = values | {term.value: value for term, value in zip(free, choice, strict=True)}
                if isinstance(clue, Fact):
                    ends = [now[t.value] if t.is_variable else (t.kind, t.value) for t in clue.terms]
                    (kind, subject), (object_kind, object_) = ends
                    good = kind == "node" and any((subject, r, object_kind, object_) in held for r in clue.relations)
                else:
                    kind, value = now[clue.variable.value]
                    if kind != clue.kind:
                        good = False
                    elif kind == "number":
                        good = float(clue.low or 0) <= float(value) <= float(clue.high or 9)
                    else:
                        good = int((clue.low or "0")[:4]) <= int(value) <= int((clue.high or "9999")[:4])
                if good:
                    grown.append(now)
        found = grown
    return {values[query.answer.value] for values in found}


@pytest.mark.parametrize("seed", range(60))
def test_answers_are_those_of_a_search_by_hand(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    rows = random_edges(draw)
    graph = Graph.load([store(rows, tmp_path / "edges")])
    solver = Solver(graph)
    for _ in range(40):
        query = random_query(draw, rows)
        plan, _ = planned(graph, query)
        wanted = {graph.index(Term(*term)) for term in by_hand(rows, query)}
        found = solver.answers(plan, 1000)
        assert set(found) == wanted and len(found) == len(wanted)
        few = solver.answers(plan, 2)
        assert set(few) <= wanted and len(few) == min(2, len(wanted))
        counts = without(solver, plan, 1000)
        for number, counted in enumerate(counts):
            left = query.without(number)
            facts = [clue for clue in left.clues if isinstance(clue, Fact)]
            assert counted == (len(by_hand(rows, left)) if facts else UNCONSTRAINED)
        assert not solver._marks.any()


def test_large_sets_give_the_same_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub of more edges than are listed lazily, with the answer below and above it."""
    rows = [edge(f"film{n}", "genre", "drama") for n in range(5000)]
    rows += [edge(f"film{n}", "by", f"person{n % 700}") for n in range(5000)]
    rows += [edge(f"person{n}", "born", f"town{n % 50}") for n in range(700)]
    graph = Graph.load([store(rows, tmp_path / "edges")])
    x, a, b = variable("x"), variable("a"), variable("b")
    genre, by, born = ("genre",), ("by",), ("born",)
    towns = Query(x, (Fact(a, born, x), Fact(b, by, a), Fact(b, genre, node("drama"))))
    assert [graph.term(n).value for n in answers(graph, towns)] == sorted(f"town{n}" for n in range(50))
    one = Query(x, (*towns.clues, Fact(node("film7"), by, a)))
    assert [graph.term(n).value for n in answers(graph, one)] == ["town7"]
    other = Query(x, (Fact(x, genre, node("drama")), Fact(x, by, a), Fact(a, born, node("town7"))))
    assert len(answers(graph, other)) == sum(n % 700 % 50 == 7 for n in range(5000))


def test_a_clique_passes_the_budget_and_is_undecided(tmp_path: Path) -> None:
    rows = [edge(f"n{a}", "r", f"n{b}") for a in range(40) for b in range(40) if (a + b) % 2]  # no odd cycle
    graph = Graph.load([store(rows, tmp_path / "edges")])
    names = [variable(name) for name in "xabcdef"]
    circle = Query(
        names[0], tuple(Fact(one, ("r",), two) for one, two in zip(names, names[1:] + names[:1], strict=True))
    )
    plan, _ = planned(graph, circle)
    with pytest.raises(Undecided, match="more than 50,000 nodes"):
        Solver(graph, budget=50_000).count(plan, 10)
    even = Query(names[0], (*circle.clues[:2], Fact(names[2], ("r",), names[3]), Fact(names[3], ("r",), names[0])))
    assert len(answers(graph, even)) == 40


def test_distances_are_those_of_networkx(tmp_path: Path) -> None:
    draw = random.Random(5)
    for turn in range(20):
        rows = [edge(f"n{draw.randrange(60)}", "r", f"n{draw.randrange(60)}") for _ in range(draw.randrange(20, 160))]
        graph = Graph.load([store(rows, tmp_path / str(turn))])
        plain = networkx.Graph(graph.to_networkx())
        solver = Solver(graph)
        for _ in range(60):
            one, other = draw.randrange(graph.size), draw.randrange(graph.size)
            hub = draw.choice([None, 6])
            ways = plain
            if hub is not None:
                degrees = graph.degrees
                ways = plain.subgraph([n for n in plain if degrees[n] <= hub or n in (one, other)])
            true = networkx.shortest_path_length(ways, one, other) if networkx.has_path(ways, one, other) else 99
            for below in (1, 2, 4, 9):
                assert solver.distance(one, other, below, hub) == min(true, below)
        assert not solver._marks.any()


def test_what_the_graph_does_not_know_holds_nowhere(tmp_path: Path) -> None:
    graph = Graph.load([store([edge("a", "r", "b"), edge("c", "r", "b")], tmp_path / "edges")])
    x = variable("x")
    for wrong in (
        Fact(x, ("r",), node("nobody")), Fact(x, ("q",), node("b")), Fact(x, ("r",), Term("text", "b")),
        Fact(x, ("r",), x), Fact(node("nobody"), ("r",), x),
    ):  # fmt: skip
        assert answers(graph, Query(x, (wrong,))) == []
        plan, _ = planned(graph, Query(x, (Fact(x, ("r",), node("b")), wrong)))
        assert without(Solver(graph), plan, 9) == [0, 2]
    assert len(answers(graph, Query(x, (Fact(x, ("q", "r"), node("b")),)))) == 2
    with pytest.raises(ValueError, match="without a variable"):
        answers(graph, Query(x, (Fact(node("a"), ("r",), node("b")),)))
    many = Query(x, tuple(Fact(x, ("r",), variable(f"v{n}")) for n in range(MAX_VARIABLES)))
    with pytest.raises(ValueError, match="17 variables; at most 16"):
        answers(graph, many)
    empty = Graph.load([store([edge("a", "label", "A", "text")], tmp_path / "empty")])
    assert answers(empty, Query(x, (Fact(x, ("r",), node("b")),))) == []
    assert answers(empty, Query(x, (Fact(x, ("r",), variable("y")),))) == []
    assert np.asarray(empty.degrees).size == 0
