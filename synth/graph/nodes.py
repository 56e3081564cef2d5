"""build-nodes: the things and relations of a graph with their names, and which ids mean the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from arcmill.config import Field, StageConfig
from arcmill.dataset import Dataset
from arcmill.stage import Stage


class BuildNodes(StageConfig):
    """How names are gathered, and what is held to be one thing."""

    type_relations: list[str] = Field(
        ["type", "P31"], description="relations whose objects are the types of their subjects"
    )
    resolve: bool = Field(
        True,
        description="hold extracted things of one name and compatible types for one; ids of other sources are joined by "
        "redirects alone",
    )
    max_documents: int = Field(20, ge=0, description="documents that a node names, the first ones")
    max_edges: int = Field(50_000_000, ge=1, le=2_000_000_000, description="edges read, at most; more is refused")


def setup(config: BuildNodes, inputs: Mapping[str, Any]) -> list[Dataset]:
    """The datasets of edges."""
    return list(inputs["input"])


def splits(config: BuildNodes) -> list[str]:
    """One unit: what is one thing is decided over the whole graph."""
    return ["nodes"]


def core(split: str, config: BuildNodes, edges: list[Dataset]) -> Iterator[Any]:
    """Every node in order of its id, then every relation; a merged Failure for each id that another stands for."""
    from synth.graph.node_rows import rows

    return rows(edges, config)


STAGE = Stage(
    name="build-nodes",
    version=1,
    help="Gather names, types and documents of a graph's nodes and relations, and join the ids that mean one thing.",
    example="arcmill build-nodes --input graph --output nodes",
    config=BuildNodes,
    reads={"input": "Edge"},
    writes="Node",
    engine="datatrove",
    core=core,
    setup=setup,
    splits=splits,
)
