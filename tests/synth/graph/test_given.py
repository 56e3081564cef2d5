"""The graph that a stage is given: names of another graph, and no edges."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_graphs import edge, store

from arcmill.errors import InputError, UsageError
from arcmill.records import Node
from synth.graph.given import given_graph, refuse_empty
from synth.graph.store import Graph

EDGES = [edge(f"a{number}", "likes", f"b{number}") for number in range(10)]


def test_rows_by_hand_are_held_against_the_graph(tmp_path: Path) -> None:
    edges = [store(EDGES, tmp_path / "edges")]
    few = [Node(f"a{number}", f"Ada {number}", "hand") for number in range(3)]  # of few things, but all of this graph
    more = [Node(f"{letter}{number}", "x", "hand") for letter in "abcdef" for number in range(10)]  # of a larger graph
    for name, rows in (("few", few), ("more", more), ("relations", [Node("z", "Z", "hand", role="relation")])):
        assert given_graph(edges, [store(rows, tmp_path / name, "Node")]).edge_count == 10
    strange = [Node(f"c{number}", "x", "hand") for number in range(10)]
    for name, rows in (("none", strange), ("hardly", [*few, *strange])):
        with pytest.raises(
            UsageError, match=rf"nodes .*{name} are of another graph than .*edges: [03] of their 1[03] ids"
        ):
            given_graph(edges, [store(rows, tmp_path / name, "Node")])


def test_a_graph_of_names_is_empty(tmp_path: Path) -> None:
    edges = [store([edge("a", "label", "A", "text")], tmp_path / "names")]
    with pytest.raises(InputError, match="holds no edges"):
        refuse_empty(given_graph(edges), edges)
    edges = [store(EDGES, tmp_path / "edges")]
    refuse_empty(Graph.load(edges), edges)
