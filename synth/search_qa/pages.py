"""link-pages: for each hop of a question the pages that say it, so that the question can be answered by reading (docs/search.md).

A page says a hop where one passage of it names both ends, by any of their names (and beside a number a word of the
relation); the document that an edge was read from comes first. That is a test of words, not of meaning: a passage may name both and say something else of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.search import SearchIndex
    from synth.graph.store import Graph
    from synth.search_qa.query import Term
    from synth.search_qa.question import Hop, Question

_NAMES = 4  # names of an end that one query holds


class LinkPages(StageConfig):
    """Which pages count, and which questions stay."""

    require: Literal["all", "answer", "none"] = Field(
        "all",
        description="hops that need a page: all, those that name the answer, or none (pages are written down only)",
    )
    candidates: int = Field(20, ge=1, le=200, description="pages of the search for a hop that are looked at")
    pages_per_hop: int = Field(3, ge=1, le=50, description="pages kept for each hop, at most; the best first")
    max_edges: int = Field(50_000_000, ge=1, description="edges of the graph, at most: it is held in memory")


@dataclass
class Linking:
    """What a worker holds: the index, the graph for names, the documents of edges, and hops that were linked before."""

    index: SearchIndex
    graph: Graph
    documents: dict[str, str]
    linked: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def names(self, term: Term) -> list[str]:
        from synth.search_qa.naming import spellings, with_bare

        number = self.graph.index(term)
        if term.kind != "node" or number is None:
            return spellings(term)
        return with_bare(self.graph.names(number))


def setup(config: LinkPages, inputs: dict[str, Any]) -> Linking:
    """The index, the graph, and where the edges that questions hold were read."""
    from arcmill.search import SearchIndex
    from synth.graph.given import given_graph

    graph = given_graph(inputs["edges"], inputs.get("nodes", ()), max_edges=config.max_edges)
    index = SearchIndex.open(inputs["index"])
    documents: dict[str, str] = {}
    for dataset in inputs["edges"]:
        for batch in dataset.batches(columns=["id", "document"]):
            if batch.column("document").null_count < batch.num_rows:
                rows = zip(batch.column("id").to_pylist(), batch.column("document").to_pylist(), strict=True)
                documents.update((edge, document) for edge, document in rows if document is not None)
    return Linking(index, graph, documents)


def core(batch: pa.RecordBatch, config: LinkPages, state: Linking) -> Changes:
    """`pages` (edge -> documents) and `page_starts` (where in them) in the evidence of each question."""
    from arcmill.records import batch_to_rows
    from synth.search_qa.question import question_of, with_evidence

    evidence: list[str | None] = []
    outcomes: dict[int, Outcome] = {}
    tallies: Counter[str] = Counter()
    for row, problem in enumerate(batch_to_rows("Problem", batch)):
        evidence.append(problem.evidence)
        try:
            question = question_of(problem)
            made_of = question.evidence.get("graph")
            if made_of and not set(made_of) & set(state.graph.fingerprints):
                raise ValueError("the question is over another graph than the edges given here")
        except ValueError as error:
            outcomes[row] = Outcome("evidence", "errored", detail=str(error))
            continue
        found = {hop.edge: pages_of(hop, question, config, state) for hop in question.hops}
        missing = [hop for hop in question.hops if not found[hop.edge]]
        tallies.update(hops=len(found), hops_with_page=sum(map(bool, found.values())))
        if wanting := [
            hop for hop in missing if config.require == "all" or (config.require == "answer" and hop.answers)
        ]:
            outcomes[row] = _unsupported(wanting, found, config, state)
            continue
        evidence[row] = with_evidence(
            question.evidence,
            index=state.index.fingerprint,
            pages={edge: [document for document, _ in pages] for edge, pages in found.items()},
            page_starts={edge: [start for _, start in pages] for edge, pages in found.items()},
        )
    return Changes({"evidence": evidence}, outcomes, tallies)


def pages_of(hop: Hop, question: Question, config: LinkPages, state: Linking) -> list[tuple[str, int]]:
    """(document, character at which the passage begins) of the pages that say a hop, the best first."""
    key = f"{hop.edge} {question.language}"
    if key not in state.linked:
        state.linked[key] = _search(hop, question.language, config, state)
    return state.linked[key]


def _search(hop: Hop, language: str, config: LinkPages, state: Linking) -> list[tuple[str, int]]:
    from arcmill.search.words import words
    from synth.search_qa.naming import PageText

    ends = [state.names(hop.subject), state.names(hop.object)]
    relation = state.graph.relation_name(hop.relations[0], language)
    # Any page may hold a 3: beside a number stands a word of what it counts, in the language of the page.
    told = [relation, *(state.graph.relation_name(hop.relations[0], other) for other in ("en", "zh"))]
    counted = [word for text in dict.fromkeys(told) for word in words(text)] if hop.object.kind == "number" else []

    def says(text: str) -> bool:
        page = PageText(text)
        return all(page.any(names) for names in ends) and (not counted or page.any(counted))

    query = " ".join([*ends[0][:_NAMES], relation, *ends[1][:_NAMES]])
    found: list[tuple[str, int]] = []
    origin = state.documents.get(hop.edge)
    if origin is not None and (starts := state.index.passages_of(origin)):
        named = [start for start, text in starts if says(text)]
        found.append((origin, named[0] if named else 0))
    for hit in state.index.search(query, config.candidates):
        if len(found) >= config.pages_per_hop:
            break
        if hit.id == origin:
            continue
        passages = state.index.passages_of(hit.id)
        # The passage that was found is the likeliest.
        for start, text in sorted(passages, key=lambda passage: passage[0] != hit.start):
            if says(text):
                found.append((hit.id, start))
                break
    return found


def _unsupported(
    wanting: list[Hop], found: dict[str, list[tuple[str, int]]], config: LinkPages, state: Linking
) -> Outcome:
    hop = wanting[0]
    names = (state.names(hop.subject)[0], state.graph.relation_name(hop.relations[0]), state.names(hop.object)[0])
    more = f", and {len(wanting) - 1} more" if len(wanting) > 1 else ""
    share = sum(map(bool, found.values())) / len(found)
    detail = f"no page names both ends of {' | '.join(names)[:200]} (edge {hop.edge}){more}"
    return Outcome("unsupported-hop", score=share, threshold=1.0 if config.require == "all" else None, detail=detail)


STAGE = Stage(
    name="link-pages",
    version=1,
    help="Find the pages that say each hop of a question; drop questions that the documents cannot answer.",
    example="arcmill link-pages --input questions --input index=index --input edges=graph --output linked",
    config=LinkPages,
    reads={"input": "Problem", "index": "Model", "edges": "Edge", "nodes?": "Node"},
    writes="Problem",
    engine="datatrove",
    core=core,
    setup=setup,
)
