"""Exact answers of a query: semi-joins towards the answer on a tree, then backtracking over what closes cycles.

The variables of a query make a graph; a tree of it, spanned from the answer, is solved from the constants inwards (each
variable gets the set of nodes under which everything below it holds; after Yannakakis, VLDB 1981). Facts that are not in
the tree close cycles: for each candidate answer the variables on those cycles are assigned in turn, within the sets.
Sets are bits of one mark per node, cleared after each query by what was touched. Nothing is estimated: a query whose
search passes the budget is undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synth.graph.literals import bound_values
from synth.graph.store import Graph
from synth.search_qa.kernels import distance, solve
from synth.search_qa.query import Bound, Fact, Query, Term, variable

UNCONSTRAINED = -1  # a count where no clue is left
MAX_VARIABLES = 16  # bits of a mark that say yes; as many say no
BUDGET = 4_000_000  # nodes that one query may look at: about 0.1 s
_ANY_DEGREE = int(np.iinfo(np.int64).max)
_NO_FACTS, _NO_BOUNDS = np.empty((0, 4), np.int32), np.empty((0, 5))


class Undecided(Exception):
    """The search passed its budget: neither yes nor no."""


IntFact = tuple[int, tuple[int, ...], int]  # subject, relations, object; a variable v is -1 - v, the answer -1
IntBound = tuple[int, str, str | None, str | None]  # variable (-1 - v), kind, low, high


@dataclass(frozen=True, slots=True)
class Plan:
    """A query in numbers. Its clues are the facts, then the bounds; `places[i]` is where clue i stands in the query."""

    facts: tuple[IntFact, ...]
    bounds: tuple[IntBound, ...] = ()
    places: tuple[int, ...] = ()  # (): in that order

    @property
    def clues(self) -> int:
        return len(self.facts) + len(self.bounds)


def planned(graph: Graph, query: Query) -> tuple[Plan, list[Term]]:
    """A query in the numbers of a graph, and its variables in the order of their numbers.

    What the graph does not know holds nowhere. ValueError for a bound that is no value, a fact without a variable, and
    more than MAX_VARIABLES variables.
    """
    variables = query.variables()
    if len(variables) > MAX_VARIABLES:
        raise ValueError(f"{len(variables)} variables; at most {MAX_VARIABLES} are solved")
    numbers = {term: -1 - place for place, term in enumerate(variables)}
    facts, bounds, at_facts, at_bounds = list[IntFact](), list[IntBound](), list[int](), list[int]()
    for place, clue in enumerate(query.clues):
        if isinstance(clue, Fact):
            facts.append(_fact(graph, clue, numbers))
            at_facts.append(place)
        else:
            bound_values(clue.kind, clue.low, clue.high)
            bounds.append((numbers[clue.variable], clue.kind, clue.low, clue.high))
            at_bounds.append(place)
    return Plan(tuple(facts), tuple(bounds), tuple(at_facts + at_bounds)), variables


def stated(graph: Graph, plan: Plan) -> tuple[Query, list[Term]]:
    """The query of a plan that was made in numbers, and its variables: ?x is asked for, then ?a, ?b in order of numbers."""
    names = "xabcdefghijklmnopqrstuvwyz"
    used = max(-1 - end for subject, _, object_ in plan.facts for end in (subject, object_)) + 1
    variables = [variable(names[number]) for number in range(used)]
    terms = [
        tuple(variables[-1 - end] if end < 0 else graph.term(end) for end in (subject, object_))
        for subject, _, object_ in plan.facts
    ]
    facts = [
        Fact(subject, tuple(graph.relations[number] for number in held), object_)
        for (subject, object_), (_, held, _) in zip(terms, plan.facts, strict=True)
    ]
    bounds = [Bound(variables[-1 - number], kind, low, high) for number, kind, low, high in plan.bounds]
    return Query(variables[0], (*facts, *bounds)), variables


def _fact(graph: Graph, fact: Fact, numbers: dict[Term, int]) -> IntFact:
    relations = tuple(
        sorted({graph.relation_numbers[name] for name in fact.relations if name in graph.relation_numbers})
    )
    ends = []
    for term in fact.terms:
        number = numbers[term] if term.is_variable else graph.index(term)
        ends.append(number)
    known = [end for end in ends if end is not None]
    own = [end for end in known if end < 0]
    if not own:
        raise ValueError("a fact without a variable")
    if len(known) == 1 or known[0] == known[1]:  # a constant the graph lacks; a loop, which no graph here has
        return own[0], (), 0
    return known[0], relations, known[1]


class Solver:
    """Solves queries on one graph. It holds marks of its own: one thread at a time."""

    def __init__(self, graph: Graph, budget: int = BUDGET) -> None:
        self.graph, self.budget = graph, budget
        size = max(graph.size, 1)
        self._marks = np.zeros(size, np.uint32)
        self._touched = np.empty(size, np.int32)
        self._work = np.empty(1 << 16, np.int32)
        self._found = np.empty(1 << 10, np.int32)
        self._last: tuple[Plan, Any] | None = None
        self._fans = np.stack(
            [_fans(graph.out_start, graph.out_relation, graph), _fans(graph.in_start, graph.in_relation, graph)]
        )
        self._ranges = {
            "number": (graph.first_number, graph.first_date), "date": (graph.first_date, graph.size),
        }  # fmt: skip

    def count(self, plan: Plan, cap: int, skip: int = -1, budget: int | None = None) -> int:
        """Answers, at most `cap`, of a plan that lacks clue `skip`; UNCONSTRAINED where no clue is left.

        Raises Undecided after `budget` nodes, if that is less than the solver's.
        """
        allowed = self.budget if budget is None else min(self.budget, budget)
        if self._last is None or self._last[0] != plan:  # a plan is mostly counted several times
            self._last = plan, self._arrays(plan)
        facts, relations, bounds = self._last[1]
        if self._found.size < cap:
            self._found = np.empty(cap, np.int32)
        found = solve(
            self.graph.starts, self.graph.edge_relations, self.graph.edge_others, self.graph.low, self.graph.high, self._fans,
            facts, relations, bounds, skip, cap, allowed, self._marks, self._touched, self._work, self._found,
        )  # fmt: skip
        if found == -2:
            raise Undecided(f"more than {allowed:,} nodes looked at")
        return int(found)

    def answers(self, plan: Plan, cap: int, skip: int = -1, avoid: Sequence[int] = ()) -> list[int]:
        """The answers themselves, sorted; any `cap` of them where there are more. No variable is a node of `avoid`.

        ValueError where no clue is left.
        """
        self._marks[list(avoid)] = 0xFFFF0000  # no variable holds there
        try:
            found = self.count(plan, cap, skip)
        finally:
            self._marks[list(avoid)] = 0
        if found == UNCONSTRAINED:
            raise ValueError("no clue is left")
        return sorted(self._found[:found].tolist())

    def distance(self, one: int, other: int, below: int, hub_degree: int | None = None) -> int:
        """Edges on the shortest way between two nodes, in any direction, where there are fewer than `below`; else `below`.

        Nodes of more than `hub_degree` edges are not passed through. Raises Undecided.
        """
        hub = _ANY_DEGREE if hub_degree is None else hub_degree
        found = distance(
            self.graph.starts, self.graph.edge_others, one, other, below, hub, self.budget, self._marks, self._touched
        )
        if found == -2:
            raise Undecided(f"more than {self.budget:,} nodes looked at")
        return int(found)

    def _arrays(self, plan: Plan) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        rows, relations = list[int](), list[int]()
        for subject, held, object_ in plan.facts:
            first = len(relations)
            relations.extend(held)
            rows.extend((subject, object_, first, len(relations)))
        bounds: list[Any] = [
            (variable, *bound_values(kind, low, high), *self._ranges[kind]) for variable, kind, low, high in plan.bounds
        ]
        return (
            np.array(rows, np.int32).reshape(-1, 4) if rows else _NO_FACTS,
            np.array(relations, np.int32),
            np.array(bounds, np.float64) if bounds else _NO_BOUNDS,
        )


def _fans(starts: npt.NDArray[np.int64], relation: npt.NDArray[np.int32], graph: Graph) -> npt.NDArray[np.float64]:
    """Of each relation: how many edges of it an edge has beside it at its node, itself counted, in the mean."""
    found = np.zeros(max(len(graph.relations), 1))
    if not relation.size:
        return found
    fresh = np.ones(relation.size, bool)
    fresh[1:] = relation[1:] != relation[:-1]
    fresh[starts[:-1][starts[:-1] < relation.size]] = True
    places = np.flatnonzero(fresh)
    runs = np.diff(np.append(places, relation.size)).astype(np.float64)
    squares = np.bincount(relation[places], runs * runs, found.size)
    edges: npt.NDArray[np.float64] = np.maximum(np.bincount(relation[places], runs, found.size), 1)
    return squares / edges


def answers(graph: Graph, query: Query, cap: int = 1000) -> list[int]:
    """The answers of a query, sorted; any `cap` of them where there are more. Raises Undecided and ValueError."""
    plan, _ = planned(graph, query)
    return Solver(graph).answers(plan, cap)


def count(graph: Graph, query: Query, cap: int = 1000) -> int:
    """How many answers a query has, at most `cap`."""
    return len(answers(graph, query, cap))


def without(solver: Solver, plan: Plan, cap: int) -> Sequence[int]:
    """For each clue of the query, in its order: the answers of the query that lacks it, at most `cap`."""
    found = [0] * plan.clues
    for clue, place in enumerate(plan.places or range(plan.clues)):
        found[place] = solver.count(plan, cap, clue)
    return found
