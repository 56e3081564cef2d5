"""The graph that a stage is given: held against the names that come with it, and refused where it holds nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from synth.graph.store import MAX_EDGES, TYPE_RELATIONS, Graph
from synth.search_qa.query import Term

_BUILDER = "build-nodes"
_SHARE = 0.5  # of a graph's nodes, or of the rows: where less of both is held in common, the graphs are two


def given_graph(
    edges: Sequence[Dataset], nodes: Sequence[Dataset] = (), *, max_edges: int = MAX_EDGES,
    type_relations: Sequence[str] = TYPE_RELATIONS,
) -> Graph:  # fmt: skip
    """`Graph.load`, and UsageError where Node rows are those of another graph.

    Rows that build-nodes wrote name the edges they were gathered of; others are held against the graph's nodes.
    """
    others = [dataset for dataset in nodes if not _built_of(dataset, edges)]
    graph = Graph.load(edges, nodes, max_edges=max_edges, type_relations=type_relations)
    for dataset in others:
        _compare(dataset, edges, graph)
    return graph


def refuse_empty(graph: Graph, edges: Sequence[Dataset]) -> None:
    """InputError where the graph has no edges: nothing can be asked or told of it."""
    if graph.edge_count:
        return
    left = f" ({graph.self_loops} from a thing to itself are left out)" if graph.self_loops else ""
    raise InputError(
        f"the graph {_urls(edges)} holds no edges{left}; names of things do not count. The ledger beside it says what was "
        "refused where it was built"
    )


def _built_of(nodes: Dataset, edges: Sequence[Dataset]) -> bool:
    """Whether build-nodes says of these rows that the edges are theirs; False where it did not write them."""
    manifest = nodes.manifest
    if manifest["stage"] != _BUILDER:
        return False
    of = {entry["fingerprint"] for entry in manifest["inputs"]}
    if of.isdisjoint(dataset.fingerprint for dataset in edges):
        raise UsageError(
            f"the nodes {nodes.url} were built of other edges than {_urls(edges)}: give the edges they were built of, or "
            f"build nodes of these: arcmill {_BUILDER} --input {edges[0].url}"
        )
    return True


def _compare(nodes: Dataset, edges: Sequence[Dataset], graph: Graph) -> None:
    ids = list[str]()
    for batch in nodes.batches(["id", "role"]):
        roles = zip(batch.column("id").to_pylist(), batch.column("role").to_pylist(), strict=True)
        ids += [name for name, role in roles if role == "node"]
    if not ids or not graph.first_literal:
        return
    found = graph.numbers([Term("node", name) for name in ids])
    found = found[found >= 0]
    if found.size < _SHARE * len(ids) and np.unique(found).size < _SHARE * graph.first_literal:
        raise UsageError(
            f"the nodes {nodes.url} are of another graph than {_urls(edges)}: {found.size:,} of their {len(ids):,} ids stand "
            f"in it, which has {graph.first_literal:,} nodes; give the nodes that {_BUILDER} makes of these edges"
        )


def _urls(datasets: Sequence[Dataset]) -> str:
    return " and ".join(dataset.url for dataset in datasets)
