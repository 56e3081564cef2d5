"""synth-search-qa: multi-hop questions over a knowledge graph, each proved on the graph before any model sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from synth.search_qa.make import Maker

UNIT = 100  # questions a split


class SynthSearchQa(StageConfig):
    """How many questions of what kind are made, and what is demanded of them."""

    questions: int = Field(1000, ge=1, le=10_000_000, description="questions wanted")
    seed: int = Field(0, ge=0, description="seed of answers, clues and phrasings")
    languages: list[Literal["en", "zh"]] = Field(["en"], min_length=1, description="languages of the texts, in turn")
    levels: dict[int, float] = Field(
        {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, min_length=1, description="obfuscation level -> weight. 0: none; 1: dates are ranges "
        "and numbers bounds; 2: also a name is told by other clues; 3: also a relation is one of several. Levels that a graph "
        "cannot have (no dates or numbers, no relations alike) are left out"
    )  # fmt: skip
    shapes: dict[Literal["chain", "tree", "cycle"], float] = Field(
        {"chain": 1.0, "tree": 4.0, "cycle": 0.5}, min_length=1, description="shape -> weight: chain (one way from one constant "
        "to the answer), tree (clues that meet), cycle (variables on a closed way). A chain becomes a tree where obfuscation "
        "gives it branches"
    )  # fmt: skip
    min_hops: int = Field(2, ge=1, le=9, description="fewest facts of a question")
    max_hops: int = Field(9, ge=2, le=9, description="most facts of a question")
    max_depth: int = Field(4, ge=1, le=9, description="facts between a constant and the answer, at most")
    relations: list[str] | None = Field(None, description="relations that clues may use; null: all")
    deny_relations: list[str] = Field(default_factory=list, description="relations that no clue uses")
    type_relations: list[str] = Field(
        ["type", "P31", "rdf:type", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"],
        description="relations that say what a thing is: their objects are classes, never answers or hidden nodes",
    )
    vague_relations: list[list[str]] | None = Field(
        None, description="groups of relations that level 3 does not tell apart; null: those that join the same kinds of things"
    )  # fmt: skip
    answer_types: list[str] | None = Field(None, description="ids of classes that answers are of; null: any node")
    max_answer_degree: int = Field(1000, ge=1, description="edges of an answer, at most")
    max_degree: int = Field(1000, ge=1, description="edges of a hidden node, at most; constants may be hubs")
    max_branching: int = Field(10_000, ge=1, description="edges that one step towards the answer offers, at most")
    hub_degree: int | None = Field(
        None, ge=1, description="nodes of more edges are no shortcut; null: a way through any node is one"
    )
    cap: int = Field(1000, ge=2, le=1_000_000, description="answers counted without a clue, at most")
    budget: int = Field(4_000_000, ge=1000, description="nodes that the proof of one query may look at")
    max_per_answer: int = Field(1, ge=1, description="questions with the same answer")
    max_per_anchor: int = Field(10, ge=1, description="questions of a split (100) that name the same node or value")
    max_shared: float = Field(
        0.5, ge=0, le=1, description="share of a question's edges that another of its split may have"
    )
    attempts: int = Field(40, ge=1, description="candidates per question wanted, at most; then a split ends with fewer")
    max_edges: int = Field(
        50_000_000, ge=1, le=1_000_000_000, description="edges of the graph, at most; more is refused"
    )

    @model_validator(mode="after")
    def _rising(self) -> SynthSearchQa:
        if self.min_hops > self.max_hops:
            raise ValueError("min_hops is at most max_hops")
        if not set(self.levels) <= {0, 1, 2, 3}:
            raise ValueError("levels are 0 to 3")
        for name in ("levels", "shapes"):
            weights = getattr(self, name).values()
            if min(weights) < 0 or not sum(weights) > 0:
                raise ValueError(f"{name}: weights are 0 or more, and one is above 0")
        return self


def splits(config: SynthSearchQa) -> list[str]:
    """Units of at most `UNIT` questions; each has the answers whose hash falls to it."""
    return [str(number) for number in range(-(-config.questions // UNIT))]


def setup(config: SynthSearchQa, inputs: Mapping[str, Any]) -> Maker:
    """The graph in memory, and what questions are made with."""
    from synth.search_qa.make import Maker

    return Maker.of(config, inputs.get("edges", []), inputs.get("nodes", []))


def core(split: str, config: SynthSearchQa, maker: Maker) -> Iterator[Any]:
    """The questions of a split, a Failure for each candidate that was refused, and counts."""
    return maker.split(int(split), len(splits(config)))


STAGE = Stage(
    name="synth-search-qa",
    version=2,
    help="Make multi-hop search questions from a knowledge graph, each with the proof that its answer is the only one.",
    example="arcmill synth-search-qa --input edges=graph --output questions --set questions=500 --set languages=[en,zh]",
    config=SynthSearchQa,
    reads={"edges": "Edge", "nodes?": "Node"},
    writes="Problem",
    engine="datatrove",
    core=core,
    splits=splits,
    setup=setup,
)
