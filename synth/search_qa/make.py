"""The making of questions: which answers are tried, what is asked of each, and which candidates become rows."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.records import Problem, stable_id
from arcmill.stage import Failure, Outcome
from synth.graph.given import given_graph, refuse_empty
from synth.graph.store import Graph
from synth.search_qa.obfuscate import alike, loosened
from synth.search_qa.prove import Demand, Proof, Refused, prove
from synth.search_qa.query import Term
from synth.search_qa.sample import Grower, Limits
from synth.search_qa.solve import Solver, Undecided
from synth.search_qa.wording import revealed, say

if TYPE_CHECKING:
    from synth.search_qa.stage import SynthSearchQa

_TRIES = 4  # candidates of one answer, before the next is tried


class Maker:
    """Makes the questions of a graph, split by split. What a split yields depends on its number alone."""

    def __init__(self, config: SynthSearchQa, graph: Graph) -> None:
        self.config, self.graph = config, graph
        self.solver = Solver(graph, config.budget)
        usable, is_type = self._relations()
        limits = Limits(
            config.min_hops,
            config.max_hops,
            config.max_depth,
            config.max_degree,
            config.max_branching,
            config.hub_degree,
        )
        self.grower = Grower(self.solver, limits, usable, is_type, config.languages)
        self.demand = Demand(config.cap, config.hub_degree)
        self.vague = self._vague(usable & ~is_type)
        self.levels = self._levels(usable)
        self.answers = self._answers(usable, is_type)
        self.source = "+".join(graph.sources)

    @classmethod
    def of(cls, config: SynthSearchQa, edges: Sequence[Dataset], nodes: Sequence[Dataset]) -> Maker:
        """Load the graph. InputError where it has no edges, UsageError where settings name what it lacks, or the nodes are
        another graph's."""
        graph = given_graph(edges, nodes, max_edges=config.max_edges, type_relations=config.type_relations)
        refuse_empty(graph, edges)
        return cls(config, graph)

    # -- what the graph allows -------------------------------------------------------------------------------------

    def _relations(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        config, known = self.config, self.graph.relation_numbers
        wanted = [
            *(config.relations or ()),
            *config.deny_relations,
            *(n for g in config.vague_relations or () for n in g),
        ]
        if missing := sorted(set(wanted) - set(known)):
            held = ", ".join(self.graph.relations[:20]) or "none"
            raise UsageError(f"the graph has no relation {missing[0]!r}; it has {held}")
        usable = np.array(
            [
                (config.relations is None or name in config.relations) and name not in config.deny_relations
                for name in self.graph.relations
            ],
            bool,
        )
        is_type = np.zeros(usable.size, bool)
        is_type[self.graph.type_relations] = True
        return usable, is_type

    def _vague(self, usable: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
        if self.config.vague_relations is None:
            return alike(self.graph, np.flatnonzero(usable).tolist())
        found = defaultdict[int, list[int]](list)
        for group in self.config.vague_relations:
            numbers = sorted({self.graph.relation_numbers[name] for name in group})
            for one in numbers:
                found[one] += [other for other in numbers if other != one and other not in found[one]]
        return dict(found)

    def _levels(self, usable: npt.NDArray[np.bool_]) -> dict[int, float]:
        first = self.graph.first_number
        values = bool((usable[self.graph.out_relation] & (self.graph.out_object >= first)).any())
        cannot = set() if values else {1}
        if not self.vague:
            cannot.add(3)
        levels = {
            level: weight for level, weight in sorted(self.config.levels.items()) if weight and level not in cannot
        }
        if not levels and self.graph.edge_count:
            lacks = "dates or numbers" if 1 in cannot else "relations that join the same kinds of things"
            raise UsageError(f"levels: the graph has no {lacks}, which level {min(self.config.levels)} needs")
        return levels

    def _answers(self, usable: npt.NDArray[np.bool_], is_type: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Nodes that may be asked for: no literals, no classes, no relations."""
        graph, config = self.graph, self.config
        degrees = graph.degrees
        good = (degrees > 0) & (degrees <= config.max_answer_degree)
        good[graph.first_literal :] = False
        good[np.unique(graph.out_object[is_type[graph.out_relation]])] = False
        for name in graph.relations:
            if (number := graph.index(Term("node", name))) is not None:
                good[number] = False
        if config.answer_types is not None:
            of = np.zeros(graph.size, bool)
            for name in config.answer_types:
                number = graph.index(Term("node", name))
                if number is None:
                    raise UsageError(f"answer_types: the graph has no node {name!r}")
                for relation in graph.type_relations:
                    of[graph.subjects(number, relation)] = True
                of[graph.typed(number)] = True
            good &= of
        return np.flatnonzero(good)

    # -- a split ---------------------------------------------------------------------------------------------------

    def split(self, number: int, total: int) -> Iterator[Any]:
        """Problems, Failures of refused candidates, and at the end what was counted."""
        config, graph = self.config, self.graph
        keys = _mixed(self.answers, config.seed)
        own = self.answers[keys % np.uint64(total) == number]
        order = own[np.argsort(keys[keys % np.uint64(total) == number], kind="stable")].tolist()
        share = config.questions // total + (number < config.questions % total)
        left, made, counts = share * config.attempts, 0, Counter[str]()
        held, levels, shapes = _Held(config), _Mix(self.levels), _Mix(config.shapes)
        turn = 0
        while made < share and left > 0 and order and turn < _TRIES * config.max_per_answer:
            again = []
            for answer in order:
                if made == share or left == 0:
                    break
                identifier = stable_id("search-qa-candidate", graph.term(answer).value, str(config.seed), str(turn))
                draw = random.Random(f"{config.seed} {turn} {identifier}")
                if not turn and not self.grower.is_distinct(answer):
                    counts["answers_like_others"] += 1
                    refused = Refused("not-unique", "no edge of it tells it from another")
                    yield Failure(
                        identifier, Outcome(refused.rule, detail=f"{graph.term(answer).value}: {refused.detail}")
                    )
                    continue
                left -= 1
                language = config.languages[made % len(config.languages)]
                level, shape = levels.next(draw), shapes.next(draw)
                try:
                    problem = self._question(answer, level, shape, language, draw, held)
                except Refused as refused:
                    counts[f"refused_at_level_{level}"] += 1
                    yield Failure(identifier, _outcome(refused, level, graph.term(answer).value))
                    again.append(answer)
                    continue
                made += 1
                levels.made[level] += 1
                shapes.made[shape] += 1
                counts[f"questions_at_level_{level}"] += 1
                if held.answers[answer] < config.max_per_answer:
                    again.append(answer)
                yield problem
            order, turn = again, turn + 1
        if made < share:
            counts["questions_missing"] = share - made
            counts["splits_out_of_candidates" if left else "splits_out_of_attempts"] = 1
        counts["answers_possible"] = own.size
        yield counts

    def _question(
        self, answer: int, level: int, shape: str, language: str, draw: random.Random, held: _Held
    ) -> Problem:
        config = self.config
        hops = draw.randint(config.min_hops, config.max_hops)
        try:
            draft = self.grower.base(answer, shape, max(hops - (level >= 2), 1), level >= 1, draw)
            draft = loosened(self.grower, draft, level, self.vague, draw)
        except Undecided as error:
            raise Refused("proof-too-large", str(error)) from None
        if not config.min_hops <= len(draft.facts) <= config.max_hops:
            raise Refused("too-few-hops", "", len(draft.facts), config.min_hops)
        proof = prove(self.solver, draft.plan(), draft.witness, self.demand, language, None)
        held.check(proof, draft.plan().facts)
        try:
            text = say(proof.query, self.graph, language, draw)
        except ValueError as error:
            raise Refused("not-sayable", str(error)) from None
        unnamed(self.graph, proof, text)
        held.take(proof, draft.plan().facts)
        return self._problem(proof, text, level, language)

    def _problem(self, proof: Proof, text: str, level: int, language: str) -> Problem:
        graph = self.graph
        answer = graph.name(proof.witness[0], language)
        evidence = {
            "kind": "search-qa", "graph": graph.fingerprints, **proof.evidence(graph), "level": level, "language": language,
            "aliases": [name for name in graph.names(proof.witness[0]) if name != answer], "wording": "template",
        }  # fmt: skip
        canonical = json.dumps(evidence["query"], sort_keys=True, ensure_ascii=False)
        return Problem(
            id=stable_id("search-qa", canonical, language), prompt=text, answer=answer, answer_type="exact", domain="search",
            source=self.source, evidence=json.dumps(evidence, sort_keys=True, ensure_ascii=False),
        )  # fmt: skip


def unnamed(graph: Graph, proof: Proof, text: str) -> None:
    """Refuse a text in which the answer or a hidden thing is named."""
    for term, number in zip(proof.variables, proof.witness, strict=True):
        if found := revealed(text, graph.names(number)):
            raise Refused("name-in-text", f"{found[0]!r} of {term.value}")


class _Mix:
    """Draws kinds so that the share of each among what was made comes near its weight, and one that fails does not stop all."""

    def __init__(self, weights: Mapping[Any, float]) -> None:
        self.weights = {kind: weight for kind, weight in weights.items() if weight}
        self.made, self.tried = Counter[Any](), Counter[Any]()

    def next(self, draw: random.Random) -> Any:
        """The kind that is farthest behind; a try counts as a tenth of a success."""
        found = min(
            self.weights,
            key=lambda kind: ((self.made[kind] + 0.1 * self.tried[kind]) / self.weights[kind], draw.random()),
        )
        self.tried[found] += 1
        return found


class _Held:
    """What the questions of a split already use."""

    def __init__(self, config: SynthSearchQa) -> None:
        self.config = config
        self.answers, self.anchors = Counter[int](), Counter[int]()
        self.edges: dict[str, list[int]] = defaultdict(list)
        self.questions = 0

    def check(self, proof: Proof, facts: Sequence[tuple[int, tuple[int, ...], int]]) -> None:
        for anchor in _constants(facts):
            if self.anchors[anchor] >= self.config.max_per_anchor:
                raise Refused(
                    "redundant", "a constant is in too many questions", self.anchors[anchor], self.config.max_per_anchor
                )
        shared = Counter(question for edge in proof.edges for question in self.edges.get(edge, ()))
        most = max(shared.values(), default=0) / len(proof.edges)
        if most > self.config.max_shared:
            raise Refused("redundant", "another question has the same edges", round(most, 3), self.config.max_shared)

    def take(self, proof: Proof, facts: Sequence[tuple[int, tuple[int, ...], int]]) -> None:
        self.answers[proof.witness[0]] += 1
        self.anchors.update(_constants(facts))
        for edge in proof.edges:
            self.edges[edge].append(self.questions)
        self.questions += 1


def _constants(facts: Sequence[tuple[int, tuple[int, ...], int]]) -> list[int]:
    return sorted({end for subject, _, object_ in facts for end in (subject, object_) if end >= 0})


def _outcome(refused: Refused, level: int, answer: str) -> Outcome:
    detail = f"level {level}, of {answer}" + (f": {refused.detail}" if refused.detail else "")
    return Outcome(refused.rule, score=refused.score, threshold=refused.threshold, detail=detail)


def _mixed(numbers: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.uint64]:
    """A hash of each number (SplitMix64), by which answers fall to splits and are put in order."""
    start = (seed * 0x2545F4914F6CDD1D + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
    mixed = numbers.astype(np.uint64) + np.uint64(start)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
