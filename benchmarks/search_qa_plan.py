"""What is done to solve a query: a plan of semi-joins from its constants towards what is asked for.

A query that is a tree is solved so; one with a circle as one tree for each value of a variable on the circle (its cut).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from search_qa_graph import Graph

Query = dict[str, Any]


def facts_of(query: Query) -> list[dict[str, Any]]:
    """The clues of a query that are edges."""
    return [clue for clue in query["clues"] if "variable" not in clue]


def without(query: Query, number: int) -> Query:
    """The query that lacks a clue, and all that then hangs on nothing."""
    left = [clue for place, clue in enumerate(query["clues"]) if place != number]
    reached = {query["answer"]}
    for _ in left:
        for clue in left:
            held = variables(clue)
            if reached & held:
                reached |= held
    return {"answer": query["answer"], "clues": [clue for clue in left if reached & variables(clue)]}


def variables(clue: dict[str, Any]) -> set[str]:
    """The names of the variables in a clue."""
    ends = [clue["variable"]] if "variable" in clue else [clue["subject"], clue["object"]]
    return {end for end in ends if isinstance(end, str)}


def key_of(query: Query) -> str:
    """The same for queries that differ in nothing but the names of their variables, in the order of their clues."""
    names: dict[str, str] = {query["answer"]: "?"}

    def told(end: Any) -> Any:
        return names.setdefault(end, f"?{len(names)}") if isinstance(end, str) else end

    made = []
    for clue in query["clues"]:
        if "variable" in clue:
            made.append([told(clue["variable"]), clue["kind"], clue["low"], clue["high"]])
        else:
            made.append([told(clue["subject"]), sorted(clue["relations"]), told(clue["object"])])
    return json.dumps(made, sort_keys=True)


class NotATree(Exception):
    """More circles than one variable lies on: such a query is solved by a plain join."""


@dataclass
class Plan:
    """What is done for one query: slots are sets of (value of the variable on the circle, value)."""

    steps: list[tuple[Any, ...]] = field(default_factory=list)  # (level, new, source, previous, rds)
    bases: list[tuple[int, int]] = field(default_factory=list)  # (slot, constant)
    cuts: list[int] = field(default_factory=list)  # slots that hold the value of the variable on the circle
    alls: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # slots that hold every subject of a relation
    bounds: list[tuple[int, str, int, int]] = field(default_factory=list)
    level: dict[int, int] = field(default_factory=dict)
    root: int = -1


class Planner:
    """Turns a query into steps. A vertex is a variable, or one place of a constant or of the variable that is cut."""

    def __init__(self, graph: Graph, query: Query, first: int, cut: str | None, root: str) -> None:
        self.graph, self.plan, self.next = graph, Plan(), first
        self.bound: dict[Any, list[tuple[str, int, int]]] = defaultdict(list)
        for clue in query["clues"]:
            if "variable" in clue:
                span = graph.interval(clue["kind"], clue["low"], clue["high"])
                self.bound[clue["variable"]].append((clue["kind"], *span))
        self.around: dict[Any, list[tuple[Any, tuple[int, ...]]]] = defaultdict(list)
        self.constant: dict[Any, int] = {}
        self.cut: set[Any] = set() if cut is None else {cut}
        self.known = True
        joined = _Joined()
        facts = sorted(
            facts_of(query), key=lambda fact: cut is not None and cut in variables(fact)
        )  # those of the cut last
        for number, fact in enumerate(facts):
            ends: list[Any] = []
            for side in ("subject", "object"):
                end = fact[side]
                if isinstance(end, dict):
                    place = (number, side)
                    term = graph.term(end)
                    self.known &= term is not None
                    self.constant[place] = term or 0
                    end = place
                ends.append(end)
            a, b = ends
            if not joined.join(a, b):
                if cut is None or cut not in (a, b):
                    raise NotATree
                place = (number, "cut")  # one more place of the variable on the circle
                self.cut.add(place)
                a, b = (place, b) if a == cut else (a, place)
                joined.join(a, b)
            codes = [graph.relations[name] for name in fact["relations"] if name in graph.relations]
            self.known &= bool(codes)
            self.around[a].append((b, tuple(2 * code for code in codes)))
            self.around[b].append((a, tuple(2 * code + 1 for code in codes)))
        self.root = root
        self.told: dict[Any, bool] = {}
        self._mark(root, None)

    def _mark(self, vertex: Any, parent: Any) -> bool:
        """Whether a constant (or the cut) stands at or below a vertex."""
        below = [self._mark(other, vertex) for other, _ in self.around[vertex] if other != parent]
        self.told[vertex] = vertex in self.constant or vertex in self.cut or any(below)
        return self.told[vertex]

    def build(self) -> Plan:
        """The steps. An unknown constant or relation leaves the root without a base, so without answers."""
        if not self.known:
            self.plan.root = self._slot(0)
            return self.plan
        if not self.told[self.root]:
            start = self._slot(0, self.root)
            self.plan.alls.append((start, self.around[self.root][0][1]))
            self.plan.root = self._below(self.root, None, start)
        else:
            self.plan.root = self._up(self.root, None)
        return self.plan

    def _slot(self, level: int, vertex: Any = None) -> int:
        slot, self.next = self.next, self.next + 1
        self.plan.level[slot] = level
        self.plan.bounds += [(slot, *span) for span in self.bound.get(vertex, ())]
        return slot

    def _step(self, source: int, rds: tuple[int, ...], previous: int | None, vertex: Any) -> int:
        level = 1 + max(self.plan.level[source], self.plan.level[previous] if previous is not None else 0)
        new = self._slot(level, vertex if previous is None else None)
        self.plan.steps.append((level, new, source, previous, rds))
        return new

    def _up(self, vertex: Any, parent: Any) -> int:
        current: int | None = None
        if vertex in self.constant:
            current = self._slot(0, vertex)
            self.plan.bases.append((current, self.constant[vertex]))
        elif vertex in self.cut:
            current = self._slot(0, vertex)
            self.plan.cuts.append(current)
        for other, rds in self.around[vertex]:
            if other != parent and self.told[other]:
                current = self._step(self._up(other, vertex), tuple(rd ^ 1 for rd in rds), current, vertex)
        assert current is not None
        return self._below(vertex, parent, current)

    def _below(self, vertex: Any, parent: Any, current: int) -> int:
        """What is left of a vertex's values where those below it that no constant holds must have some value, too."""
        for other, rds in self.around[vertex]:
            if other != parent and not self.told[other]:
                reached = self._below(other, vertex, self._step(current, rds, None, other))
                current = self._step(reached, tuple(rd ^ 1 for rd in rds), current, vertex)
        return current


class _Joined:
    """Which vertices are connected already."""

    def __init__(self) -> None:
        self.parent: dict[Any, Any] = {}

    def _end(self, vertex: Any) -> Any:
        while self.parent.setdefault(vertex, vertex) != vertex:
            vertex = self.parent[vertex]
        return vertex

    def join(self, a: Any, b: Any) -> bool:
        """False where they were connected before."""
        a, b = self._end(a), self._end(b)
        self.parent[a] = b
        return bool(a != b)


def cuts(query: Query) -> list[str | None]:
    """Variables to cut a query at, the nearest to a constant first; [None] for a tree."""
    between = [fact for fact in facts_of(query) if len(variables(fact)) == 2 or not _constants(fact)]
    joined = _Joined()
    if all(joined.join(fact["subject"], fact["object"]) for fact in between):
        return [None]
    far = {name: 0 for fact in facts_of(query) if _constants(fact) for name in variables(fact)}
    for distance in range(1, len(between) + 1):
        for fact in between:
            if any(far.get(name, distance) < distance for name in variables(fact)):
                for name in variables(fact):
                    far.setdefault(name, distance)
    names = sorted(set().union(*(variables(fact) for fact in between)))
    return sorted(names, key=lambda name: (far.get(name, 99), name))


def _constants(fact: dict[str, Any]) -> bool:
    return isinstance(fact["subject"], dict) or isinstance(fact["object"], dict)


def loosened(query: Query, cut: str) -> Query:
    """A tree of the query's clues that spans it: what it lets through for the cut holds all that the query does."""
    joined, clues = _Joined(), []
    for clue in query["clues"]:
        ends = sorted(variables(clue))
        if "variable" in clue or _constants(clue) or (len(ends) == 2 and joined.join(*ends)):
            clues.append(clue)
    return {"answer": cut, "clues": clues}


def plan_of(graph: Graph, query: Query, first: int) -> tuple[Plan, int, str | None]:
    for cut in cuts(query):
        if cut is not None and not any(cut in variables(fact) for fact in facts_of(loosened(query, cut))):
            continue  # nothing but an edge to itself says what it may be
        try:
            planner = Planner(graph, query, first, cut, query["answer"])
        except NotATree:
            continue
        return planner.build(), planner.next, cut
    raise NotATree
