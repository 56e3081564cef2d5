"""The proof of a question on its graph: what is demanded, and the figures that it leaves in the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from synth.graph.names import folded
from synth.graph.store import Graph
from synth.search_qa.query import Query, Term
from synth.search_qa.solve import Plan, Solver, Undecided, stated, without
from synth.search_qa.wording.lexicon import symmetric

_MOST_TURNED = 6  # facts whose directions are tried in all ways


class Refused(Exception):
    """A candidate that is no question. `rule` names what does not hold."""

    def __init__(self, rule: str, detail: str = "", score: float | None = None, threshold: float | None = None) -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule, self.detail, self.score, self.threshold = rule, detail, score, threshold


@dataclass(frozen=True, slots=True)
class Demand:
    """How a proof is made: answers are counted up to `cap`; nodes of more than `hub_degree` edges are no way through."""

    cap: int = 1000
    hub_degree: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A query whose answer the graph proves to be one, with its witness (nodes by variable) and the figures found."""

    query: Query
    variables: list[Term]
    witness: list[int]
    shape: str
    without: list[int]
    shortcuts: list[dict[str, Any]]
    edges: list[str]
    both_ways: list[str]  # relations that were also followed against their direction
    difficulty: dict[str, Any]
    demand: Demand

    def evidence(self, graph: Graph) -> dict[str, Any]:
        """The keys of a row's evidence that the proof decides."""
        answer = self.witness[0]
        return {
            "query": self.query.to_json(),
            "answer": _told(graph, answer),
            "proof": {
                "answers": 1, "without": self.without, "cap": self.demand.cap, "shortcuts": self.shortcuts,
                "hub_degree": self.demand.hub_degree, "both_ways": self.both_ways,
            },
            "witness": {
                term.value: _told(graph, number) for term, number in zip(self.variables, self.witness, strict=True)
            },
            "edges": self.edges,
            "difficulty": self.difficulty,
            "shape": self.shape,
        }  # fmt: skip


def prove(
    solver: Solver,
    plan: Plan,
    witness: Sequence[int],
    demand: Demand,
    language: str,
    said: tuple[Query, list[Term]] | None,
) -> Proof:
    """Prove a plan whose variables are the nodes of `witness` in the graph (the answer first). Raises Refused.

    `said` is the query that the plan is of; None: it was made in numbers. Whether names stand in the text is proved where
    the text is.
    """
    graph = solver.graph
    query, variables = said or stated(graph, plan)
    places = (
        sorted(range(len(plan.facts)), key=lambda fact: plan.places[fact]) if plan.places else range(len(plan.facts))
    )
    facts = [plan.facts[place] for place in places]
    constants = {end for subject, _, object_ in facts for end in (subject, object_) if end >= 0}
    if len(set(witness)) != len(witness) or constants & set(witness):
        raise Refused("not-injective", "a node of the witness stands for two things")
    edges = list[str]()
    for (subject, _, object_), fact in zip(facts, query.facts, strict=True):
        ends = [witness[-1 - end] if end < 0 else end for end in (subject, object_)]
        if not (found := graph.edge_ids(ends[0], fact.relations, ends[1])):
            raise Refused("no-witness", f"no edge {fact.relations} from {graph.term(ends[0])} to {graph.term(ends[1])}")
        edges.append(found[0])
    try:
        found_answers = solver.answers(plan, 2)
        if found_answers != [witness[0]]:
            number = len(found_answers)
            raise Refused(
                "not-unique", f"{'no' if not number else 'another' if number == 1 else 'a second'} answer", number, 1
            )
        both_ways = _hold_both_ways(solver, plan, witness[0])
        counts = list(without(solver, plan, demand.cap))
        for clue, counted in enumerate(counts):
            if counted == 1 or counted == 0:
                raise Refused("clue-not-needed", f"clue {clue + 1} of {len(counts)}", counted, 2)
        near = distances(plan)
        shortcuts = []
        for anchor, hops in sorted(_anchors(facts, near).items()):
            shortest = solver.distance(witness[0], anchor, hops, demand.hub_degree)
            if shortest < hops:
                raise Refused("shortcut", f"{graph.term(anchor).value} is {shortest} away", shortest, hops)
            shortcuts.append({"anchor": _told(graph, anchor), "hops": hops, "shortest": shortest})
    except Undecided as error:
        raise Refused("proof-too-large", str(error)) from None
    for anchor in sorted(constants):
        if not means_one(graph, anchor, language):
            raise Refused("ambiguous-name", f"{graph.name(anchor, language)!r} names something else too")
    return Proof(
        query, variables, list(witness), shape(plan), counts, shortcuts, edges, both_ways,
        difficulty(graph, plan, witness, counts, near), demand,
    )  # fmt: skip


def _hold_both_ways(solver: Solver, plan: Plan, answer: int) -> list[str]:
    """Relations of the plan whose words read the same from either end, such as a border. Graphs often hold one direction alone, so
    the answer must be the only one whichever way each of their facts is taken; what is needed stays needed, since answers are
    only added. Raises Refused."""
    graph = solver.graph
    even = {number for _, held, _ in plan.facts for number in held if symmetric(graph.relations[number], graph)}
    if not even:
        return []
    ways = [
        [fact, (fact[2], turned, fact[0])] if (turned := tuple(n for n in fact[1] if n in even)) else [fact]
        for fact in plan.facts
    ]
    if sum(len(way) > 1 for way in ways) > _MOST_TURNED:
        raise Refused("proof-too-large", f"more than {_MOST_TURNED} facts that read both ways")
    for facts in product(*ways):
        if set(solver.answers(Plan(facts, plan.bounds, plan.places), 2)) - {answer}:
            raise Refused("not-unique", "another answer where a relation is read from its other end", 1, 1)
    return sorted(graph.relations[number] for number in even)


def means_one(graph: Graph, node: int, language: str, shared: npt.NDArray[np.bool_] | None = None) -> bool:
    """Whether the name of a constant is of no other node and of no relation. `shared`: the graph's `shares_names`."""
    if graph.is_literal(node):
        return True
    name = graph.name(node, language)
    if graph.names_elsewhere and folded(name) in graph.names_elsewhere:
        return False
    return (shared is not None and not shared[node]) or graph.bearers(name) == [node]


def distances(plan: Plan) -> dict[int, int]:
    """Facts on the shortest way from each variable (-1 - v) to the answer, within the query."""
    near, now = {-1: 0}, [-1]
    while now:
        grown = []
        for end in now:
            for subject, _, object_ in plan.facts:
                for one, other in ((subject, object_), (object_, subject)):
                    if one == end and other < 0 and other not in near:
                        near[other] = near[end] + 1
                        grown.append(other)
        now = grown
    return near


def _anchors(facts: Sequence[tuple[int, tuple[int, ...], int]], near: Mapping[int, int]) -> dict[int, int]:
    """Constants, with the facts on the shortest way to the answer."""
    found: dict[int, int] = {}
    for subject, _, object_ in facts:
        for constant, end in ((subject, object_), (object_, subject)):
            if constant >= 0 and end < 0 and end in near:
                found[constant] = min(found.get(constant, 1 << 30), near[end] + 1)
    return found


def shape(plan: Plan) -> str:
    """chain: one way from one constant or value to the answer; cycle: variables on a closed way; else tree."""
    ends = [end for subject, _, object_ in plan.facts for end in (subject, object_)]
    used = len({end for end in ends if end < 0})
    between = sum(subject < 0 and object_ < 0 for subject, _, object_ in plan.facts)
    if between >= used:
        return "cycle"
    last = sum(end >= 0 for end in ends) + len({variable for variable, *_ in plan.bounds})
    line = all(ends.count(end) <= (1 if end == -1 else 2) for end in ends if end < 0)
    return "chain" if line and last == 1 else "tree"


def difficulty(
    graph: Graph, plan: Plan, witness: Sequence[int], counts: Sequence[int], near: Mapping[int, int]
) -> dict[str, Any]:
    """Figures of how hard the search is.

    hops: facts. longest: facts from the farthest constant or bound to the answer. branching: edges that a step towards the
    answer offers, where the witness stands (geometric mean over the facts). distractors: other nodes that meet all clues but
    one, summed over the clues, each counted up to the cap.
    """
    logs, longest = 0.0, 0
    for subject, relations, object_ in plan.facts:
        depth = [near[end] if end < 0 else min(near.get(other, 0) + 1, 1 << 30) for end, other in
                 ((subject, object_), (object_, subject))]  # fmt: skip
        far = 0 if depth[0] > depth[1] else 1  # which end is farther from the answer
        start = (subject, object_)[far]
        at = witness[-1 - start] if start < 0 else start
        offered = sum(
            (graph.objects(at, number) if far == 0 else graph.subjects(at, number)).size for number in relations
        )
        logs += math.log(max(offered, 1))
        if start >= 0:
            longest = max(longest, max(depth))
    longest = max([longest, *(near.get(variable, 0) for variable, *_ in plan.bounds)])
    return {
        "hops": len(plan.facts), "longest": longest, "branching": round(math.exp(logs / max(len(plan.facts), 1)), 2),
        "distractors": sum(counted - 1 for counted in counts if counted > 1),
    }  # fmt: skip


def _told(graph: Graph, number: int) -> dict[str, str]:
    term = graph.term(number)
    return {term.kind: term.value}
