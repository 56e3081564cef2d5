"""The graph in memory: what edges and names become, for good and for bad input."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tiny_graphs import edge, store

from arcmill.errors import InputError, UsageError
from arcmill.records import Edge, Node
from synth.graph.literals import bound_values, date_days, number_value
from synth.graph.store import Graph
from synth.search_qa.query import Term, node


def graph(folder: Path, *edges: Edge, nodes: list[Node] | None = None) -> Graph:
    held = [store(nodes, folder / "nodes", "Node")] if nodes else []
    return Graph.load([store(edges, folder / "edges")], held)


def test_both_directions_hold_every_edge_once(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [edge(f"n{draw.randrange(40)}", f"r{draw.randrange(4)}", f"n{draw.randrange(40)}") for _ in range(600)]
    made = graph(tmp_path, *rows)
    wanted = {(row.subject, row.relation, row.object): row.id for row in rows if row.subject != row.object}
    assert made.edge_count == len(wanted)
    assert made.self_loops == sum(row.subject == row.object for row in rows)
    assert made.duplicates == len(rows) - made.self_loops - len(wanted)
    for (subject, relation, object_), identifier in wanted.items():
        s, o, r = made.index(node(subject)), made.index(node(object_)), made.relation_numbers[relation]
        assert s is not None and o is not None
        assert o in made.objects(s, r) and s in made.subjects(o, r)
        assert made.edge_ids(s, [relation], o) == [identifier]
    assert sum(made.objects(n, r).size for n in range(made.size) for r in range(4)) == len(wanted)
    assert sum(made.subjects(n, r).size for n in range(made.size) for r in range(4)) == len(wanted)
    assert int(made.degrees.sum()) == 2 * len(wanted)


def test_a_number_depends_on_the_edges_and_not_on_their_order(tmp_path: Path) -> None:
    rows = [edge("b", "r", "a"), edge("a", "r", "c"), edge("c", "year", "1967", "date"), edge("a", "q", "b")]
    one, other = graph(tmp_path / "1", *rows), graph(tmp_path / "2", *reversed(rows))
    assert [one.term(n) for n in range(one.size)] == [other.term(n) for n in range(other.size)]
    assert (one.out_object == other.out_object).all() and (one.in_relation == other.in_relation).all()


def test_literals_have_values_and_are_no_nodes(tmp_path: Path) -> None:
    made = graph(
        tmp_path, edge("a", "year", "1967", "date"), edge("a", "votes", "1967", "number"), edge("a", "is", "1967", "text"),
        edge("a", "next", "1967"),
    )  # fmt: skip
    kinds = [made.term(n).kind for n in range(made.size)]
    assert kinds == ["node", "node", "text", "number", "date"]
    date, number = made.index(Term("date", "1967")), made.index(Term("number", "1967"))
    assert date == 4 and number == 3 and made.low[3] == made.high[3] == 1967
    assert (made.low[4], made.high[4]) == date_days("1967")
    assert made.is_literal(2) and not made.is_literal(1) and made.names(4) == ["1967"]


@pytest.mark.parametrize(
    ("text", "days"),
    [("1970", (0, 364)), ("1970-01-01", (0, 0)), ("2000-02", (10988, 11016)), ("1900-02", (-25536, -25509)),
     ("-0044-03-15", (-735525, -735525)), ("1969-12-31T23:59:59Z", (-1, -1))],
)  # fmt: skip
def test_dates_are_intervals_of_days(text: str, days: tuple[int, int]) -> None:
    assert date_days(text) == days


def test_what_is_no_value_lies_within_no_bound() -> None:
    for text in ("", "1967-13", "1967-02-30", "soon", "19 67"):
        assert not date_days(text)[0] <= 0 and not date_days(text)[0] > 0
    for text in ("", "nan", "inf", "1_000", "ten"):
        assert number_value(text) != number_value(text)
    with pytest.raises(ValueError, match="'soon' is no date"):
        bound_values("date", "soon", None)
    assert bound_values("date", "1967", "1967") == date_days("1967")


def test_redirects_and_members_stand_for_one_node(tmp_path: Path) -> None:
    made = graph(
        tmp_path, edge("old", "redirect", "new", "text"), edge("older", "redirect", "old", "text"),
        edge("older", "r", "x"), edge("new", "r", "x"), edge("y", "r", "m"), edge("x", "r", "older"),
        edge("older", "label", "Old Name", "text", "en"), edge("new", "label", "New Name", "text", "en"),
        edge("p", "redirect", "q", "text"), edge("q", "redirect", "p", "text"), edge("q", "r", "x"),
        nodes=[Node("x", "X", "tiny", members=["m"], labels={"zh": "艾克斯"}, aliases=["Ex"], description="a letter")],
    )  # fmt: skip
    ids = [made.term(n).value for n in range(made.size)]
    assert ids == ["new", "p", "x", "y"]
    assert made.edge_count == 4 and made.duplicates == 1
    assert made.names(0) == ["New Name", "Old Name"] and made.name(0) == "New Name"
    x = made.index(node("x"))
    assert x is not None
    assert made.name(x) == "X" and made.name(x, "zh") == "艾克斯" and made.names(x) == ["X", "艾克斯", "Ex"]
    assert made.description(x) == "a letter" and made.description(0) is None


def test_names_of_relations_and_types(tmp_path: Path) -> None:
    made = graph(
        tmp_path, edge("film", "P31", "class"), edge("class", "label", "film", "text", "en"), edge("film", "P57", "who"),
        edge("P57", "label", "director", "text", "en"), edge("P57", "label", "导演", "text", "zh"),
        nodes=[Node("who", "Who", "tiny", types=["class", "unknown"])],
    )  # fmt: skip
    film, who = made.index(node("film")), made.index(node("who"))
    assert film is not None and who is not None
    assert [made.name(n) for n in made.types(film)] == ["film"] and made.types(who) == made.types(film)
    assert made.relation_name("P57", "zh") == "导演" and made.relation_name("P57", "de") == "director"
    assert made.relation_name("P31") == "P31"


def test_of_chinese_labels_a_simplified_one_comes_first(tmp_path: Path) -> None:
    labels = {
        "a": ("zh", "zh-hant", "zh-hans"),
        "b": ("zh-tw", "zh-cn", "zh"),
        "c": ("zh-hant", "zh"),
        "d": ("en", "zh-hant"),
    }
    made = graph(
        tmp_path, *(edge(name, "r", "a") for name in "bcd"),
        *(edge(name, "label", f"{name} {tag}", "text", tag) for name, tags in labels.items() for tag in tags),
    )  # fmt: skip
    found = [made.name(number, "zh") for name in labels if (number := made.index(node(name))) is not None]
    assert found == ["a zh-hans", "b zh-cn", "c zh", "d zh-hant"]


def test_the_kinds_of_what_relations_lead_to(tmp_path: Path) -> None:
    made = graph(
        tmp_path, edge("a", "r", "b"), edge("a", "year", "1967", "date"), edge("b", "year", "c"), edge("a", "said", "x", "text"),
        edge("b", "count", "5", "number"),
    )  # fmt: skip
    assert made.object_kinds() == {"count": {"number"}, "r": {"node"}, "said": {"text"}, "year": {"date", "node"}}


def test_who_carries_a_name_whatever_its_unicode(tmp_path: Path) -> None:
    made = graph(
        tmp_path, edge("a", "r", "b"), edge("b", "r", "c"), edge("c", "r", "ＡＢ"), edge("c", "r", "🦉\u202e\u0301"),
        edge("a", "label", "Straße", "text", "de"), edge("b", "alias", "STRASSE", "text"), edge("c", "label", " ", "text"),
    )  # fmt: skip
    a, b, c = (made.index(node(name)) for name in "abc")
    assert made.bearers("strasse") == [a, b]
    assert made.bearers("c") == [c] and made.bearers("a") == []
    assert made.bearers("ab") == [made.index(node("ＡＢ"))]
    assert (
        made.index(node("\ud800")) is None
        and made.index(node("")) is None
        and made.index(Term("variable", "?x")) is None
    )
    owl = made.index(node("🦉\u202e\u0301"))
    assert owl is not None and made.names(owl) == ["🦉\u202e\u0301"]


def test_an_empty_graph_is_a_graph(tmp_path: Path) -> None:
    made = graph(tmp_path, edge("a", "label", "A", "text", "en"))
    assert (made.size, made.edge_count, made.relations) == (0, 0, [])
    assert made.index(node("a")) is None and made.bearers("A") == []
    loops = graph(tmp_path / "loops", edge("a", "r", "a"))
    assert (loops.size, loops.edge_count, loops.self_loops) == (1, 0, 1)


def test_beyond_the_limit_nothing_is_read(tmp_path: Path) -> None:
    held = store([edge("a", "r", "b"), edge("b", "r", "c")], tmp_path / "edges")
    with pytest.raises(UsageError, match=r"2 edges, max_edges is 1.*GiB"):
        Graph.load([held], max_edges=1)
    with pytest.raises(UsageError, match="holds Edge, a graph is read from Node"):
        Graph.load([held], [held])
    made = Graph.load([held])
    with pytest.raises(UsageError, match="more than 1 edges between 3 nodes"):
        made.to_networkx(limit=1)
    assert sorted(made.to_networkx([0, 1]).edges(keys=True)) == [(0, 1, "r")]


def test_an_edge_of_no_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="an edge of kind 'colour'"):
        graph(tmp_path, edge("a", "r", "b", "colour"))


def test_ids_that_are_no_digests_are_kept(tmp_path: Path) -> None:
    rows = [Edge("first", "a", "r", "b", "node", "tiny"), Edge("第二", "a", "r", "c", "node", "tiny")]
    made = graph(tmp_path, *rows)
    assert made.edge_ids(0, ["q", "r"], 2) == ["第二"] and made.edge_ids(0, ["r"], 0) == []
