"""The nodes of a graph from its edges: names, types, degrees, documents, and the ids that are joined."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from arcmill.dataset import Dataset, read_part
from arcmill.errors import InputError
from arcmill.records import NAMING, Node
from arcmill.stage import Failure, Outcome
from synth.graph.nodes import BuildNodes
from synth.graph.resolve import Groups, key, same_names, standing

_COLUMNS = ("subject", "relation", "object", "kind", "language", "source", "document", "sentence")
_UNSPOKEN = "und"  # ISO 639: the language of a name is not known
Named = dict[str, dict[str, None]]  # language -> names, in the order of reading


def rows(datasets: Sequence[Dataset], config: BuildNodes) -> Iterator[Node | Failure | dict[str, int]]:
    """See `nodes.core`."""
    graph = _Read(datasets, config)
    groups, why, cycles = _redirects(graph)
    ambiguous = 0
    if config.resolve:
        found, ambiguous = same_names(graph.called(groups), graph.typed(), graph.curated, graph.names, groups)
        why |= {number: {"why": "same-name", "name": name} for number, name in found.items() if number not in why}
    counts = Counter({"redirected": 0, "resolved": 0, "nodes": 0, "relations": 0})
    counts.update(ambiguous_names=ambiguous, redirect_cycles=cycles)
    yield from _nodes(graph, groups, why, config, counts)
    yield from _relations(graph, counts)
    yield dict(counts)


class _Read:
    """All edges, in numbers; of texts only what names things."""

    def __init__(self, datasets: Sequence[Dataset], config: BuildNodes) -> None:
        self.config = config
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.labels: dict[int, Named] = {}
        self.aliases: dict[int, Named] = {}
        self.descriptions: dict[int, Named] = {}
        self.moved: dict[int, dict[int, None]] = {}  # id -> the ids that stand for it
        self.types: dict[int, dict[int, None]] = {}
        self.documents: dict[int, dict[str, None]] = {}
        self.sources: dict[int, str] = {}
        self.relation_sources: dict[int, str] = {}
        self.curated: set[int] = set()  # ids that a source other than a sentence gives
        self.degree: Counter[int] = Counter()
        self.uses: Counter[int] = Counter()
        self._kinds = frozenset(config.type_relations)
        read = 0
        for dataset in datasets:
            for part in dataset.parts:
                for batch in read_part(dataset, part["path"]):
                    read += batch.num_rows
                    if read > config.max_edges:
                        raise InputError(
                            f"build-nodes: more than {config.max_edges:,} edges in {dataset.url}; nodes are gathered in "
                            "memory: raise --set max_edges=… if there is room"
                        )
                    for row in zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True):
                        self._add(*row)

    def number(self, text: str) -> int:
        found = self._number.get(text)
        if found is None:
            found = self._number[text] = len(self.names)
            self.names.append(text)
        return found

    def _add(
        self, subject: str, relation: str, value: str, kind: str, language: str | None, source: str, document: str | None,
        sentence: str | None,
    ) -> None:  # fmt: skip
        start = self.number(subject)
        self.sources.setdefault(start, source)
        if relation in NAMING:
            if relation == "redirect":
                if value != subject:
                    end = self.number(value)
                    self.moved.setdefault(start, {})[end] = None
                    self.sources.setdefault(end, source)
            else:
                of = {"label": self.labels, "alias": self.aliases, "description": self.descriptions}[relation]
                of.setdefault(start, {}).setdefault(language or _UNSPOKEN, {})[value] = None
            if sentence is None:
                self.curated.add(start)
            return
        told = self.number(relation)
        self.uses[told] += 1
        self.relation_sources.setdefault(told, source)
        ends = [start]
        self.degree[start] += 1
        if kind == "node":
            end = self.number(value)
            ends.append(end)
            self.degree[end] += 1
            self.sources.setdefault(end, source)
            if relation in self._kinds:
                self.types.setdefault(start, {})[end] = None
        if sentence is None:
            self.curated.update(ends)
        if document is not None and self.config.max_documents:
            for number in ends:
                held = self.documents.setdefault(number, {})
                if len(held) < self.config.max_documents:
                    held[document] = None

    def things(self) -> list[int]:
        """Numbers of the nodes: what edges and redirects join, in order of their ids."""
        found = set(self.degree) | set(self.moved) | {end for ends in self.moved.values() for end in ends}
        # What only has names is a relation, or nothing: build-graph drops names of nothing.
        found |= {number for number in self.labels if number not in self.uses}
        return sorted(found, key=lambda number: self.names[number])

    def called(self, groups: Groups) -> dict[int, set[str]]:
        """Node -> the keys of its names: of every label and alias, and of the id where there is no label."""
        made: dict[int, set[str]] = {}
        for number in self.things():
            told = [
                name for of in (self.labels, self.aliases) for names in of.get(number, {}).values() for name in names
            ]
            made[number] = {key(name) for name in told or [self.names[number]]} - {""}
        return made

    def typed(self) -> dict[int, frozenset[str]]:
        """Node -> the keys of the names of its types."""
        made = {}
        for number, types in self.types.items():
            names = {name for kind in types for name in [self.names[kind], *self._labels(kind)]}
            made[number] = frozenset(key(name) for name in names)
        return made

    def _labels(self, number: int) -> list[str]:
        return [name for names in self.labels.get(number, {}).values() for name in names]


def _redirects(graph: _Read) -> tuple[Groups, dict[int, dict[str, str]], int]:
    """Groups of ids that redirects join, why each is in its group, and how many groups have no end."""
    groups, why = Groups(), dict[int, dict[str, str]]()
    for start, ends in graph.moved.items():
        for end in ends:
            groups.join(start, end)
        why[start] = {"why": "redirect", "to": graph.names[min(ends, key=lambda number: graph.names[number])]}
    joined = groups.members({number for start, ends in graph.moved.items() for number in (start, *ends)})
    cycles = sum(all(number in graph.moved for number in members) for members in joined.values())
    return groups, why, cycles


def _nodes(
    graph: _Read, groups: Groups, why: dict[int, dict[str, str]], config: BuildNodes, counts: Counter[str]
) -> Iterator[Node | Failure]:
    things = graph.things()
    members = groups.members(things)
    stands: dict[int, int] = {}
    for root, numbers in members.items():
        if len(numbers) == 1:
            stands[root] = numbers[0]
            continue
        owned = [number for number in numbers if number in graph.curated] or numbers
        stands[root] = standing(owned, graph.moved, lambda n: graph.degree[n] + (n in graph.labels), graph.names)
    for number in things:
        root = groups.root(number)
        chosen = stands[root]
        if number != chosen:
            told = why.get(number) or why.get(chosen) or {"why": "redirect"}
            counts["redirected" if told["why"] == "redirect" else "resolved"] += 1
            detail = json.dumps(told, ensure_ascii=False, sort_keys=True)
            yield Failure(
                graph.names[number], Outcome(told["why"], "merged", into_id=graph.names[chosen], detail=detail)
            )
            continue
        counts["nodes"] += 1
        group = [number, *(other for other in members[root] if other != number)]
        made = _node(graph, group, "node", sum(graph.degree[other] for other in group))
        made.types = list(dict.fromkeys(graph.names[stands.get(groups.root(kind), kind)] for other in group for kind in graph.types.get(other, ()))) or None  # fmt: skip
        made.documents = list(dict.fromkeys(d for other in group for d in graph.documents.get(other, ())))[: config.max_documents] or None  # fmt: skip
        if len(group) > 1:
            made.members = sorted(graph.names[other] for other in group[1:])
            reasons = {
                graph.names[other]: why.get(other) or {"why": "redirect", "from": graph.names[number]}
                for other in group[1:]
            }
            made.evidence = json.dumps({"members": reasons}, ensure_ascii=False, sort_keys=True)
        yield made


def _relations(graph: _Read, counts: Counter[str]) -> Iterator[Node]:
    for number in sorted(graph.uses, key=lambda place: graph.names[place]):
        counts["relations"] += 1
        yield _node(graph, [number], "relation", graph.uses[number])


def _node(graph: _Read, group: Sequence[int], role: str, degree: int) -> Node:
    """A node of its members' names: the first label of a language counts, the others are aliases."""
    labels: dict[str, str] = {}
    others: dict[str, None] = {}
    for of in (graph.labels, graph.aliases):
        for number in group:
            for language, names in of.get(number, {}).items():
                for name in names:
                    if of is graph.labels and language not in labels:
                        labels[language] = name
                    else:
                        others[name] = None
    identifier = graph.names[group[0]]
    for number in group[1:]:  # extracted names are ids, and names all the same
        if number not in graph.labels and number not in graph.curated:
            others[graph.names[number]] = None
    name = labels.get("en") or labels.get(_UNSPOKEN) or (labels[min(labels)] if labels else identifier)
    told: dict[str, list[str]] = defaultdict(list)
    for number in group:
        for language, texts in graph.descriptions.get(number, {}).items():
            told[language] += texts
    spoken = next((told[language][0] for language in ("en", _UNSPOKEN, *sorted(told)) if told.get(language)), None)
    taken = set(labels.values()) | {name}
    source = graph.relation_sources.get(group[0], "") if role == "relation" else graph.sources[group[0]]
    return Node(
        identifier, name, source, role, dict(sorted(labels.items())) or None,
        sorted(alias for alias in others if alias not in taken) or None, None, spoken, None, degree,
    )  # fmt: skip
