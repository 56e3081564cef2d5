"""Sampling of questions: from an answer outwards, by clues that narrow, until the graph holds one answer.

A question is begun with few clues that already leave one answer. Then its constants are replaced, one at a time, by
variables with clues of their own, as long as the answer stays one. That only ever loosens the query, so a clue that was
needed stays needed, and only the new ones must be looked at. Each constant stands as far from the answer in the graph as in
the query, so no shortcut arises.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synth.search_qa.prove import Refused, means_one
from synth.search_qa.solve import IntBound, IntFact, Plan, Solver, Undecided

LOOKS = 6  # edges that are looked at where one is chosen
_COUNTED = 64  # answers counted where clues are compared
_HASTY, _HASTY_CYCLE = 200_000, 20_000  # nodes that are looked at for one count, while sampling
_WAYS = 5  # closed ways that are tried for one answer
_TELLING = 32  # nodes of more edges are not looked at for twins


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
    hidden: int = 0  # names that are told by other clues

    def plan(self) -> Plan:
        return Plan(tuple(self.facts), tuple(self.bounds))

    def copy(self) -> Draft:
        return Draft(self.facts.copy(), self.bounds.copy(), self.witness.copy(), self.depth.copy(), self.hidden)

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
        self, solver: Solver, limits: Limits, usable: npt.NDArray[np.bool_], is_type: npt.NDArray[np.bool_],
        languages: Sequence[str] = ("en",),
    ) -> None:  # fmt: skip
        self.solver, self.graph, self.limits = solver, solver.graph, limits
        self.usable, self.is_type, self.languages = usable, is_type, languages
        self.sides = (
            (True, self.graph.out_start, self.graph.out_relation, self.graph.out_object),
            (False, self.graph.in_start, self.graph.in_relation, self.graph.in_subject),
        )
        self._clear: dict[int, bool] = {}
        self._shared = self.graph.shares_names()

    # -- a whole question ------------------------------------------------------------------------------------------

    def base(self, answer: int, shape: str, hops: int, value: bool, draw: random.Random) -> Draft:
        """A query of about so many facts whose one answer this is; `value`: with a number or date, if there is one near.

        Raises Refused.
        """
        draft = Draft()
        draft.variable(answer, 0)
        if shape == "cycle":
            self._circle(draft, draw)
        elif shape == "tree" or not self._chain(draft, draw):
            shape = "tree"
            self._narrow(draft, value, draw)
            self._thin(draft)
        misses = 0
        while len(draft.facts) < hops and misses < 3:
            lacks = value and not self._has_value(draft)
            room = (self.limits.max_hops if lacks else hops) - len(draft.facts)
            grown = self.deepened(draft, room, lacks, shape == "chain" and not lacks, draw)
            misses, draft = (misses + 1, draft) if grown is None else (0, grown)
        if len(draft.facts) < min(hops, self.limits.min_hops):
            raise Refused("too-few-hops", "no clue could be put farther away", len(draft.facts), self.limits.min_hops)
        if value and not self._has_value(draft):
            draft = self.deepened(draft, self.limits.max_hops - len(draft.facts), True, False, draw) or draft
        return draft

    def count(self, plan: Plan, cap: int, skip: int = -1) -> int:
        """Answers of a plan, at most `cap`; where that takes long, `cap`: what is sampled is proved again without haste."""
        joined, ends = 0, set[int]()
        for subject, _, object_ in plan.facts:
            if subject < 0:
                ends.add(subject)
                joined += object_ < 0
            if object_ < 0:
                ends.add(object_)
        cyclic = joined > len(ends) - 1
        try:
            return self.solver.count(plan, cap, skip, _HASTY_CYCLE if cyclic else _HASTY)
        except Undecided:
            return cap

    def is_distinct(self, node: int) -> bool:
        """Whether all its edges together tell a node from every other; if not, no clue farther away can do it either."""
        if self.graph.degree(node) > _TELLING:
            return True
        facts: list[IntFact] = []
        for forward, start, relation, far in self.sides:
            for at in range(int(start[node]), int(start[node + 1])):
                if self.usable[relation[at]]:
                    other, number = int(far[at]), (int(relation[at]),)
                    facts.append((-1, number, other) if forward else (other, number, -1))
        return bool(facts) and self.count(Plan(tuple(facts)), 2) == 1

    def _has_value(self, draft: Draft) -> bool:
        return any(object_ >= self.graph.first_number for _, _, object_ in draft.facts)

    def _is_clear(self, node: int) -> bool:
        """Whether no other node carries its name."""
        if node not in self._clear:
            self._clear[node] = all(means_one(self.graph, node, language, self._shared) for language in self.languages)
        return self._clear[node]

    def deepened(
        self, draft: Draft, room: int, value: bool, single: bool, draw: random.Random, typed: bool = False
    ) -> Draft | None:
        """The query with one constant replaced by a variable with clues of its own (at most `room` more facts), or None.

        `single`: with one clue, so that a chain stays one. `typed`: first with what it is.
        """
        places = [place for place, fact in enumerate(draft.facts) if self._can_hide(draft, fact)]
        draw.shuffle(places)
        for place in places:
            subject, relations, object_ = draft.facts[place]
            end, node = (subject, object_) if object_ >= 0 else (object_, subject)
            wider = draft.copy()
            depth = draft.depth[-1 - end] + 1
            hidden = wider.variable(node, depth)
            wider.hidden += 1
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
        options = list(self.clues(draft, hidden, draw, LOOKS, value))
        if typed:
            options = [*self._classes(draft, hidden, draw), *options]
        best: tuple[int, Draft] | None = None
        options = sorted(options[:LOOKS], key=lambda step: not (value or typed) and self._dullness(step.other))
        for step in options:
            made = draft.copy()
            made.add(hidden, step, step.other)
            left = self.count(made.plan(), _COUNTED)
            if left == 1:
                if self._is_needed(made, len(made.facts) - 1):
                    return made
            elif best is None or left < best[0]:
                best = left, made
        if single or room < 2 or best is None:
            return None
        first = best[1].facts[-1]
        for step in options:
            if self._is_told(best[1], hidden, step):
                continue
            made = best[1].copy()
            made.add(hidden, step, step.other)
            if made.facts[-1] == first or self.count(made.plan(), 2) != 1:
                continue
            if all(self._is_needed(made, len(made.facts) - back) for back in (1, 2)):
                return made
        return None

    # -- beginnings ------------------------------------------------------------------------------------------------

    def _chain(self, draft: Draft, draw: random.Random) -> bool:
        """Begin with a single clue that leaves one answer, if there is one."""
        steps = list(self.clues(draft, -1, draw, LOOKS * 2))
        for step in sorted(steps, key=lambda step: self._dullness(step.other)):
            draft.add(-1, step, step.other)
            if not self.graph.is_literal(step.other) and self.count(draft.plan(), 2) == 1:
                return True
            draft.facts.pop()
        return False

    def _circle(self, draft: Draft, draw: random.Random) -> None:
        """Facts of three or four edges that lead from the answer back to it, and clues that pin them down."""
        answer = draft.witness[0]
        for way in self._ways_around(answer, draw):
            steps = self._told_apart([answer, *way, answer], draw)
            if steps is None:
                continue
            ends = [-1, *(draft.variable(node, 0) for node in way), -1]
            for (one, other), step in zip(pairwise(ends), steps, strict=True):
                draft.add(one, step, other)
            draft.depth = [0, *(min(place, len(way) + 1 - place) for place in range(1, len(way) + 1))]
            if self._pinned(draft, draw):
                return
            draft.facts.clear()
            del draft.witness[1:], draft.depth[1:]
        raise Refused("no-cycle", "no closed way of three or four edges was found that is needed")

    def _ways_around(self, answer: int, draw: random.Random) -> list[list[int]]:
        """Some closed ways by a node: the two or three other nodes of each."""
        beside = [node for node in np.unique(self._around(answer)).tolist() if self._can_bridge(node)]
        beside = draw.sample(beside, min(len(beside), 2 * LOOKS))
        if len(beside) < 2:
            return []
        around = [np.unique(self._around(node)) for node in beside]
        far, owner = np.concatenate(around), np.repeat(np.arange(len(beside)), [nodes.size for nodes in around])
        place = {node: number for number, node in enumerate(beside)}
        order = np.argsort(far, kind="stable")
        far, owner = far[order], owner[order]
        twice = np.flatnonzero((far[1:] == far[:-1]) & (far[1:] != answer))
        found = list[list[int]]()
        for at in draw.sample(twice.tolist(), min(twice.size, LOOKS)):
            node = int(far[at])
            if node not in place and self._can_bridge(node):
                found.append([beside[owner[at]], node, beside[owner[at + 1]]])
        short = np.flatnonzero(np.isin(far, beside))
        for at in draw.sample(short.tolist(), min(short.size, LOOKS // 2)):
            found.append([beside[owner[at]], int(far[at])])
        draw.shuffle(found)
        return found[:_WAYS]

    def _told_apart(self, nodes: list[int], draw: random.Random) -> list[Step] | None:
        """Edges along a closed way; None where the two nodes beside the answer could be one, as their edges are alike."""
        for _ in range(3):
            steps = [draw.choice(self._between(one, other)) for one, other in pairwise(nodes)]
            back = [(step.relation, not step.forward) for step in reversed(steps)]
            if len(steps) == 3 or [(step.relation, step.forward) for step in steps[:2]] != back[:2]:
                return steps
        return None

    def _pinned(self, draft: Draft, draw: random.Random) -> bool:
        """Add clues to a cycle until one answer is left, for which all its facts are needed."""
        around = len(draft.facts)
        ends = sorted((-1 - number for number in range(len(draft.witness))), key=lambda end: -draft.depth[-1 - end])
        left = _COUNTED + 1
        for turn in range(3):
            # The far side first: what only the answer has, has no need of the cycle. Then what the far side has not.
            best: tuple[int, Step, int] | None = None
            for end in ([ends[0]], [-1], ends[1:])[turn]:
                for step in self.clues(draft, end, draw, LOOKS if turn == 1 else 3):
                    draft.add(end, step, step.other)
                    found = self.count(draft.plan(), _COUNTED)
                    if found == 1 and all(self._is_needed(draft, place) for place in range(around)):
                        self._thin(draft)
                        return True
                    draft.facts.pop()
                    if 1 < found < left and (best is None or found < best[0]):
                        best = found, step, end
            if best is None:
                return False
            left, step, end = best
            draft.add(end, step, step.other)
        return False

    def _around(self, node: int) -> npt.NDArray[np.int32]:
        """The nodes beside a node, by usable relations."""
        found = []
        for _, start, relation, other in self.sides:
            held = slice(int(start[node]), int(start[node + 1]))
            found.append(other[held][self.usable[relation[held]] & ~self.is_type[relation[held]]])
        around: npt.NDArray[np.int32] = np.concatenate(found)
        return around

    def _between(self, one: int, other: int) -> list[Step]:
        """The usable edges between two nodes."""
        found = list[Step]()
        for forward, start, relation, far in self.sides:
            held = slice(int(start[one]), int(start[one + 1]))
            for number in relation[held][far[held] == other].tolist():
                if self.usable[number] and not self.is_type[number]:
                    found.append(Step(number, forward, other))
        return found

    def _dullness(self, node: int) -> int:
        """0 where a constant could be told by clues of its own, else 1."""
        return 0 if not self.graph.is_literal(node) and 2 < self.graph.degree(node) <= self.limits.max_degree else 1

    def _can_bridge(self, node: int) -> bool:
        return not self.graph.is_literal(node) and 1 < self.graph.degree(node) <= self.limits.max_degree

    # -- clues -----------------------------------------------------------------------------------------------------

    def _narrow(self, draft: Draft, value: bool, draw: random.Random) -> None:
        """Add clues with constants to the answer until it is the only one. The first is drawn, the others are the best seen."""
        left = _COUNTED + 1
        for turn in range(min(self.limits.max_hops, 5)):
            best: tuple[int, int, Step] | None = None
            for step in self.clues(draft, -1, draw, LOOKS if turn else 3, value and turn == 0):
                draft.add(-1, step, step.other)
                found = self.count(draft.plan(), _COUNTED) if turn else 2
                draft.facts.pop()
                rank = found, 0 if value and turn == 0 else self._dullness(step.other)
                if found == 1 and turn and not self._are_needed(draft, step):
                    rank = 1, 2
                if best is None or rank < best[:2]:
                    best = *rank, step
                if rank == (1, 0):
                    break
            if best is None or (turn and best[0] >= left):
                break
            left, step = best[0] if turn else _COUNTED + 1, best[2]
            draft.add(-1, step, step.other)
            if left == 1:
                return
        raise Refused("not-unique", "clues nearby do not narrow it to one answer", left, 1)

    def _thin(self, draft: Draft) -> None:
        """Drop clues that are not needed, the last first."""
        for place in reversed(range(len(draft.facts))):
            if len(draft.facts) > 1 and not self._is_needed(draft, place):
                kept = draft.facts[:place] + draft.facts[place + 1 :]
                if _connected(kept, len(draft.witness)):
                    draft.facts = kept

    def _is_needed(self, draft: Draft, place: int) -> bool:
        counted = self.count(draft.plan(), 2, place)
        return counted == -1 or counted > 1

    def _are_needed(self, draft: Draft, step: Step) -> bool:
        """Whether all clues are still needed where one more is added."""
        draft.add(-1, step, step.other)
        needed = all(self._is_needed(draft, place) for place in range(len(draft.facts) - 1))
        draft.facts.pop()
        return needed

    def clues(
        self, draft: Draft, end: int, draw: random.Random, looks: int = LOOKS, value: bool = False, far: bool = True
    ) -> Iterator[Step]:
        """Edges of the node that a variable stands for, to nodes that are as far from the answer as the query says."""
        node, depth = draft.witness[-1 - end], draft.depth[-1 - end] + 1
        used, answer = draft.nodes(), draft.witness[0]
        steps = self._random_steps(node, draw, looks * 2)
        if value:
            steps = [*self._values(node, draw), *steps]
        found = 0
        for step in dict.fromkeys(steps):
            if found >= looks:
                break
            if self._is_told(draft, end, step):
                continue
            if step.other in used or not self._is_clear(step.other):
                continue
            if far and self._offered(step) > self.limits.max_branching:
                continue
            if depth > 1 and self.solver.distance(answer, step.other, depth, self.limits.hub_degree) < depth:
                continue
            found += 1
            yield step

    def _is_told(self, draft: Draft, end: int, step: Step) -> bool:
        """Whether another value of the relation is a clue already: a second year of one film (of two that share a name, mostly)
        reads as a contradiction."""
        first = self.graph.first_number
        if not step.forward or step.other < first:
            return False
        held = (
            object_ for subject, relations, object_ in draft.facts if (subject, relations) == (end, (step.relation,))
        )
        return any((object_ if object_ >= 0 else draft.witness[-1 - object_]) >= first for object_ in held)

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
