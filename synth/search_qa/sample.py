"""Sampling of questions: from an answer outwards, by clues that narrow, until the graph holds one answer.

A question is begun with few clues that already leave one answer. Then its constants are replaced, one at a time, by
variables with clues of their own, as long as the answer stays one. That only ever loosens the query, so a clue that was
needed stays needed, and only the new ones must be looked at. Each constant stands as far from the answer in the graph as in
the query, so no shortcut arises.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synth.search_qa.prove import Refused
from synth.search_qa.solve import IntBound, IntFact, Plan, Solver

LOOKS = 8  # edges that are looked at where one is chosen
_COUNTED = 64  # answers counted where clues are compared


@dataclass(frozen=True, slots=True)
class Limits:
    """What a question may be made of (see the stage's settings)."""

    min_hops: int = 2
    max_hops: int = 9
    max_depth: int = 4
    max_degree: int = 1000
    max_branching: int = 10_000
    hub_degree: int | None = None


class Step(NamedTuple):
    """An edge of a node: relation, whether the node is its subject, and the other end."""

    relation: int
    forward: bool
    other: int


@dataclass(slots=True)
class Draft:
    """A query being made, with the node that each variable stands for, and how far from the answer that is."""

    facts: list[IntFact] = field(default_factory=list)
    bounds: list[IntBound] = field(default_factory=list)
    witness: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)

    def plan(self) -> Plan:
        return Plan(tuple(self.facts), tuple(self.bounds))

    def copy(self) -> Draft:
        return Draft(self.facts.copy(), self.bounds.copy(), self.witness.copy(), self.depth.copy())

    def nodes(self) -> set[int]:
        """All nodes that stand in it, so that none is used twice."""
        return {*self.witness, *(end for subject, _, object_ in self.facts for end in (subject, object_) if end >= 0)}

    def variable(self, node: int, depth: int) -> int:
        """A new variable that stands for a node."""
        self.witness.append(node)
        self.depth.append(depth)
        return -len(self.witness)

    def add(self, end: int, step: Step, other: int) -> None:
        """A fact from variable `end` to `other`, a constant or variable."""
        self.facts.append((end, (step.relation,), other) if step.forward else (other, (step.relation,), end))


class Grower:
    """Grows questions about the nodes of one graph. `usable` says of each relation whether it may be used."""

    def __init__(
        self, solver: Solver, limits: Limits, usable: npt.NDArray[np.bool_], is_type: npt.NDArray[np.bool_]
    ) -> None:
        self.solver, self.graph, self.limits = solver, solver.graph, limits
        self.usable, self.is_type = usable, is_type

    # -- a whole question ------------------------------------------------------------------------------------------

    def base(self, answer: int, shape: str, hops: int, value: bool, draw: random.Random) -> Draft:
        """A query of about so many facts whose one answer this is; `value`: with a number or date, if there is one near.

        Raises Refused.
        """
        draft = Draft()
        draft.variable(answer, 0)
        if shape == "cycle":
            self._circle(draft, draw)
        elif shape == "chain":
            self._chain(draft, draw)
        if shape != "chain":
            self._narrow(draft, value, draw)
            self._thin(draft)
        if shape == "cycle" and not _is_cyclic(draft):
            raise Refused("no-cycle", "the clues that close the cycle are not needed")
        misses = 0
        while len(draft.facts) < hops and misses < 3:
            grown = self.deepened(draft, hops - len(draft.facts), value, shape == "chain", draw)
            misses, draft = (misses + 1, draft) if grown is None else (0, grown)
        if len(draft.facts) < min(hops, self.limits.min_hops):
            raise Refused("too-few-hops", "no clue could be put farther away", len(draft.facts), self.limits.min_hops)
        return draft

    def deepened(
        self, draft: Draft, room: int, value: bool, single: bool, draw: random.Random, typed: bool = False
    ) -> Draft | None:
        """The query with one constant replaced by a variable with clues of its own (at most `room` more facts), or None.

        `single`: with one clue, so that a chain stays one. `typed`: first with what it is.
        """
        places = [place for place, fact in enumerate(draft.facts) if self._can_hide(draft, fact)]
        draw.shuffle(places)
        for place in places[:3]:
            subject, relations, object_ = draft.facts[place]
            end, node = (subject, object_) if object_ >= 0 else (object_, subject)
            wider = draft.copy()
            depth = draft.depth[-1 - end] + 1
            hidden = wider.variable(node, depth)
            wider.facts[place] = (subject, relations, hidden) if object_ >= 0 else (hidden, relations, object_)
            if (made := self._described(wider, hidden, room, value, single, typed, draw)) is not None:
                return made
        return None

    def _can_hide(self, draft: Draft, fact: IntFact) -> bool:
        subject, relations, object_ = fact
        if (subject < 0) == (object_ < 0) or self.is_type[relations[0]]:
            return False
        end, node = (subject, object_) if object_ >= 0 else (object_, subject)
        return (
            not self.graph.is_literal(node)
            and self.graph.degree(node) <= self.limits.max_degree
            and draft.depth[-1 - end] + 1 < self.limits.max_depth
        )

    def _described(
        self, draft: Draft, hidden: int, room: int, value: bool, single: bool, typed: bool, draw: random.Random
    ) -> Draft | None:
        options = list(self._steps(draft, hidden, value, draw))
        if typed:
            options = [*self._classes(draft, hidden, draw), *options]
        best: tuple[int, Draft] | None = None
        for step in options[:LOOKS]:
            made = draft.copy()
            made.add(hidden, step, step.other)
            left = self.solver.count(made.plan(), _COUNTED)
            if left == 1:
                if self._is_needed(made, len(made.facts) - 1):
                    return made
            elif best is None or left < best[0]:
                best = left, made
        if single or room < 2 or best is None:
            return None
        first = best[1].facts[-1]
        for step in options[:LOOKS]:
            made = best[1].copy()
            made.add(hidden, step, step.other)
            if made.facts[-1] == first or self.solver.count(made.plan(), 2) != 1:
                continue
            if all(self._is_needed(made, len(made.facts) - back) for back in (1, 2)):
                return made
        return None

    # -- beginnings ------------------------------------------------------------------------------------------------

    def _chain(self, draft: Draft, draw: random.Random) -> None:
        for step in self._steps(draft, -1, False, draw, LOOKS * 2):
            draft.add(-1, step, step.other)
            if not self.graph.is_literal(step.other) and self.solver.count(draft.plan(), 2) == 1:
                return
            draft.facts.pop()
        raise Refused("not-unique", "no single clue leaves one answer")

    def _circle(self, draft: Draft, draw: random.Random) -> None:
        """Facts of three or four edges that lead from the answer back to it."""
        answer = draft.witness[0]
        around = self._around(answer)
        for _ in range(LOOKS):
            first = next(
                (s for s in self._steps(draft, -1, False, draw, 2, far=False) if self._can_bridge(s.other)), None
            )
            if first is None:
                continue
            if draw.random() < 0.3:
                way = [first.other]
            else:
                second = [
                    s
                    for s in self._random_steps(first.other, draw, 3)
                    if s.other != answer and self._can_bridge(s.other)
                ]
                if not second:
                    continue
                way = [first.other, second[0].other]
            shared = np.intersect1d(self._around(way[-1]), around).tolist()
            met = [node for node in shared if node not in (*way, answer) and self._can_bridge(node)]
            if not met:
                continue
            way.append(draw.choice(met))
            ends = [-1, *(draft.variable(node, 0) for node in way), -1]
            nodes = [answer, *way, answer]
            for (one, other), (end, far) in zip(itertools.pairwise(nodes), itertools.pairwise(ends), strict=True):
                step = draw.choice(self._between(one, other))
                draft.add(end, step, far)
            half = len(nodes) // 2
            draft.depth = [0, *(min(place, len(nodes) - 1 - place) for place in range(1, len(nodes) - 1))]
            assert max(draft.depth) <= half
            return
        raise Refused("no-cycle", "no closed way of three or four edges was found")

    def _around(self, node: int) -> npt.NDArray[np.int32]:
        """The nodes beside a node, by usable relations."""
        graph = self.graph
        found = []
        for start, relation, other in (
            (graph.out_start, graph.out_relation, graph.out_object), (graph.in_start, graph.in_relation, graph.in_subject),
        ):  # fmt: skip
            held = slice(int(start[node]), int(start[node + 1]))
            found.append(other[held][self.usable[relation[held]] & ~self.is_type[relation[held]]])
        around: npt.NDArray[np.int32] = np.concatenate(found)
        return around

    def _between(self, one: int, other: int) -> list[Step]:
        """The usable edges between two nodes."""
        graph, found = self.graph, list[Step]()
        for forward, start, relation, far in (
            (True, graph.out_start, graph.out_relation, graph.out_object),
            (False, graph.in_start, graph.in_relation, graph.in_subject),
        ):
            held = slice(int(start[one]), int(start[one + 1]))
            for number in relation[held][far[held] == other].tolist():
                if self.usable[number] and not self.is_type[number]:
                    found.append(Step(number, forward, other))
        return found

    def _can_bridge(self, node: int) -> bool:
        return not self.graph.is_literal(node) and 1 < self.graph.degree(node) <= self.limits.max_degree

    # -- clues -----------------------------------------------------------------------------------------------------

    def _narrow(self, draft: Draft, value: bool, draw: random.Random) -> None:
        """Add clues with constants until one answer is left."""
        room = self.limits.max_hops - len(draft.facts)
        left = 1 << 30
        for turn in range(min(room, 5)):
            best: tuple[int, Step, int] | None = None
            ends = [-1 - number for number in range(len(draft.witness))]
            end = draw.choice(ends) if turn == 0 and len(ends) > 1 else -1
            for _ in range(2):
                looks = LOOKS if turn else 1
                for step in self._steps(draft, end, value and turn == 0, draw, looks):
                    draft.add(end, step, step.other)
                    found = self.solver.count(draft.plan(), _COUNTED if turn else 2)
                    draft.facts.pop()
                    if found < left and (best is None or found < best[0]):
                        best = found, step, end
                        if found == 1:
                            break
                if best is not None:
                    break
                end = draw.choice(ends)
            if best is None:
                break
            left, step, end = best
            draft.add(end, step, step.other)
            if turn == 0:
                left = min(_COUNTED + 1, left if left == 1 else _COUNTED + 1)
            if left == 1:
                return
        raise Refused("not-unique", "clues nearby do not narrow it to one answer", min(left, _COUNTED), 1)

    def _thin(self, draft: Draft) -> None:
        """Drop clues that are not needed, the last first."""
        for place in reversed(range(len(draft.facts))):
            if len(draft.facts) > 1 and not self._is_needed(draft, place):
                kept = draft.facts[:place] + draft.facts[place + 1 :]
                if _connected(kept, len(draft.witness)):
                    draft.facts = kept

    def _is_needed(self, draft: Draft, place: int) -> bool:
        counted = self.solver.count(draft.plan(), 2, place)
        return counted == -1 or counted > 1

    def _steps(
        self, draft: Draft, end: int, value: bool, draw: random.Random, looks: int = LOOKS, far: bool = True
    ) -> Iterator[Step]:
        """Edges of the node that a variable stands for, to nodes that are as far from the answer as the query says."""
        node, depth = draft.witness[-1 - end], draft.depth[-1 - end] + 1
        used, answer = draft.nodes(), draft.witness[0]
        steps = self._random_steps(node, draw, looks * 2)
        if value:
            steps = [*self._values(node, draw), *steps]
        found = 0
        for step in dict.fromkeys(steps):
            if step.other in used or found >= looks:
                continue
            if far and self._offered(step) > self.limits.max_branching:
                continue
            if depth > 1 and self.solver.distance(answer, step.other, depth, self.limits.hub_degree) < depth:
                continue
            found += 1
            yield step

    def _random_steps(self, node: int, draw: random.Random, looks: int) -> list[Step]:
        graph = self.graph
        first, back = int(graph.out_start[node]), int(graph.in_start[node])
        out = int(graph.out_start[node + 1]) - first
        total = out + int(graph.in_start[node + 1]) - back
        found = []
        for pick in draw.sample(range(total), min(total, looks)):
            if pick < out:
                step = Step(int(graph.out_relation[first + pick]), True, int(graph.out_object[first + pick]))
            else:
                at = back + pick - out
                step = Step(int(graph.in_relation[at]), False, int(graph.in_subject[at]))
            if self.usable[step.relation] and not self.is_type[step.relation]:
                found.append(step)
        return found

    def _values(self, node: int, draw: random.Random) -> list[Step]:
        """Edges to numbers and dates."""
        graph = self.graph
        held = slice(int(graph.out_start[node]), int(graph.out_start[node + 1]))
        places = np.flatnonzero(graph.out_object[held] >= graph.first_number) + held.start
        steps = [Step(int(graph.out_relation[at]), True, int(graph.out_object[at])) for at in places]
        steps = [
            step for step in steps if self.usable[step.relation] and graph.low[step.other] == graph.low[step.other]
        ]
        draw.shuffle(steps)
        return steps

    def _classes(self, draft: Draft, end: int, draw: random.Random) -> list[Step]:
        """Edges that say what a node is, where they are no shortcut."""
        node, depth = draft.witness[-1 - end], draft.depth[-1 - end] + 1
        used, found = draft.nodes(), []
        for relation in np.flatnonzero(self.is_type).tolist():
            if not self.usable[relation]:
                continue
            for other in self.graph.objects(node, relation).tolist():
                if (
                    other not in used
                    and self.solver.distance(draft.witness[0], other, depth, self.limits.hub_degree) >= depth
                ):
                    found.append(Step(relation, True, other))
        draw.shuffle(found)
        return found

    def _offered(self, step: Step) -> int:
        """Edges of the relation at the other end, on the way back to the answer."""
        held = self.graph.subjects if step.forward else self.graph.objects
        return int(held(step.other, step.relation).size)


def _connected(facts: Sequence[IntFact], variables: int) -> bool:
    """Whether all variables still hang together with the answer."""
    reached, grew = {-1}, True
    while grew:
        grew = False
        for subject, _, object_ in facts:
            ends = {end for end in (subject, object_) if end < 0}
            if ends & reached and not ends <= reached:
                reached |= ends
                grew = True
    return len(reached) == variables


def _is_cyclic(draft: Draft) -> bool:
    return sum(subject < 0 and object_ < 0 for subject, _, object_ in draft.facts) >= len(draft.witness)
