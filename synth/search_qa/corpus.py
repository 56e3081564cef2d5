"""write-pages: a page for each thing of a graph, made of its edges: a corpus in which every fact of the graph is said.

These are generated pages, and say so (source, tags, metadata). They serve where no real documents about a graph are at hand:
tests, the embedded graph, a search environment whose answers are all to be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome, Stage

if TYPE_CHECKING:
    from synth.graph.store import Graph

SOURCE = "graph-pages"
_WORDS = {
    "en": {"alias": "Also known as {}.", "fact": "{} – {}: {}.", "more": "And {} more that are not listed here.", "page": "{} ({})"},
    "zh": {"alias": "又名{}。", "fact": "{}——{}：{}。", "more": "另有{}项未列出。", "page": "{}（{}）"},
}  # fmt: skip


class WritePages(StageConfig):
    """What pages hold."""

    language: Literal["en", "zh"] = Field("en", description="language of the names and of the few words between them")
    facts_per_page: int = Field(
        200, ge=1, le=10_000, description="facts about a thing on one page; a thing of more has further pages"
    )
    mentions: int = Field(
        50,
        ge=0,
        le=10_000,
        description="facts about other things that name this one, at most; they stand on their own pages too",
    )
    splits: int = Field(8, ge=1, le=1024, description="units of work; a thing is in one by the hash of its id")
    max_edges: int = Field(50_000_000, ge=1, description="edges of the graph, at most: it is held in memory")


@dataclass
class Corpus:
    """What a worker holds: the graph, and the nodes of each split in the order of their ids."""

    graph: Graph
    nodes: dict[str, list[int]]


def splits(config: WritePages) -> list[str]:
    """Numbers of the units."""
    return [f"{number:04}" for number in range(config.splits)]


def setup(config: WritePages, inputs: dict[str, Any]) -> Corpus:
    """The graph, once a worker. InputError where it has no edges, UsageError where the nodes are another graph's."""
    from synth.graph.given import given_graph, refuse_empty

    graph = given_graph(inputs["edges"], inputs.get("nodes", ()), max_edges=config.max_edges)
    refuse_empty(graph, inputs["edges"])
    nodes: dict[str, list[int]] = {name: [] for name in splits(config)}
    for number in range(graph.first_literal):
        bucket = int(stable_id("write-pages", graph.term(number).value)[:8], 16) % config.splits
        nodes[f"{bucket:04}"].append(number)
    return Corpus(graph, nodes)


def core(split: str, config: WritePages, state: Corpus) -> Iterator[Document | Failure]:
    """The pages of one split. A node without any fact is dropped as `no-facts`."""
    for number in state.nodes[split]:
        written = False
        for document in pages(number, state.graph, config):
            written = True
            yield document
        if not written:
            identifier = state.graph.term(number).value
            yield Failure(stable_id(SOURCE, identifier), Outcome("no-facts", detail=f"{identifier} has no edges"))


def pages(number: int, graph: Graph, config: WritePages) -> Iterator[Document]:
    """The pages of one node, the facts about it split over them."""
    words = _WORDS[config.language]
    told = _told(number, graph, config)
    own = [words["fact"].format(*fact) for fact in told]
    others, left = _mentions(number, graph, config)
    if not own and not others:
        return
    name = graph.name(number, config.language)
    head = [graph.description(number) or ""]
    if aliases := [alias for alias in graph.names(number) if alias != name]:
        head.append(words["alias"].format(", ".join(aliases)))
    mentions = [words["fact"].format(*fact) for fact in others]
    if left:
        mentions.append(words["more"].format(left))
    node, size = graph.term(number).value, config.facts_per_page
    for page, start in enumerate(range(0, max(len(own), 1), size), 1):
        title = name if page == 1 else words["page"].format(name, page)
        blocks = [
            f"# {title}",
            *(head if page == 1 else ()),
            *own[start : start + size],
            *(mentions if page == 1 else ()),
        ]
        yield Document(
            stable_id(SOURCE, node, config.language, str(page)),
            "\n\n".join(block for block in blocks if block),
            SOURCE,
            language=config.language,
            tags=["generated"],
            metadata={"title": title, "node": node, "generated": "write-pages"},
        )


Told = tuple[str, str, str]


def _told(number: int, graph: Graph, config: WritePages) -> list[Told]:
    """(its name, relation, object) of each edge from a node, sorted as it is read."""
    found = []
    for at in range(int(graph.out_start[number]), int(graph.out_start[number + 1])):
        found.append(_fact(number, int(graph.out_relation[at]), int(graph.out_object[at]), graph, config.language))
    return sorted(found)


def _mentions(number: int, graph: Graph, config: WritePages) -> tuple[list[Told], int]:
    """The facts that name a node as their object, at most `mentions`, by hash so that no letter is favoured; and how many
    are left out."""
    first, last = int(graph.in_start[number]), int(graph.in_start[number + 1])
    places = list(range(first, last))
    if len(places) > config.mentions:

        def drawn(at: int) -> str:
            subject, relation = graph.term(int(graph.in_subject[at])).value, graph.relations[int(graph.in_relation[at])]
            return stable_id("mention", subject, relation)

        places = sorted(places, key=drawn)[: config.mentions]
    found = [
        _fact(int(graph.in_subject[at]), int(graph.in_relation[at]), number, graph, config.language) for at in places
    ]
    return sorted(found), last - first - len(places)


def _fact(subject: int, relation: int, object_: int, graph: Graph, language: str) -> Told:
    label = graph.relation_name(graph.relations[relation], language).replace("_", " ")
    return graph.name(subject, language), label, graph.name(object_, language)


STAGE = Stage(
    name="write-pages",
    version=1,
    help="Write a page about each thing of a graph from its edges: a generated corpus for the search environment.",
    example="arcmill write-pages --input edges=graph --output pages\narcmill index-documents --input pages --output index",
    config=WritePages,
    reads={"edges": "Edge", "nodes?": "Node"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    splits=splits,
)
