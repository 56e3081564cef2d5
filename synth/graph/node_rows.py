"""The nodes of a graph from its edges: names, types, degrees, documents, and the ids that are joined."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset, read_part
from arcmill.errors import InputError
from arcmill.records import NAMING, Node
from arcmill.stage import Failure, Outcome
from synth.graph.nodes import BuildNodes
from synth.graph.resolve import Groups, key, same_names, standing

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_NAMED = ("subject", "relation", "object", "language", "source", "sentence")
_UNSPOKEN = "und"  # ISO 639: the language of a name is not known
Named = dict[str, dict[str, None]]  # language -> names, in the order of reading


def rows(datasets: Sequence[Dataset], config: BuildNodes) -> Iterator[Node | Failure | dict[str, int]]:
    """See `nodes.core`."""
    graph = _Read(datasets, config)
    groups, why, cycles = _redirects(graph)
    things, ambiguous = graph.things(), 0
    if config.resolve and (called := graph.called(things)):
        curated = {number for number in called if graph.curated[number]}
        found, ambiguous = same_names(called, graph.typed(), curated, graph.names, groups)
        why |= {number: {"why": "same-name", "name": name} for number, name in found.items() if number not in why}
    counts = Counter({"redirected": 0, "resolved": 0, "nodes": 0, "relations": 0})
    counts.update(ambiguous_names=ambiguous, redirect_cycles=cycles)
    yield from _nodes(graph, things, groups, why, counts)
    yield from _relations(graph, counts)
    yield dict(counts)


class _Read:
    """All edges, in numbers; of texts only what names things. Arrays are as long as `names`, or longer."""

    def __init__(self, datasets: Sequence[Dataset], config: BuildNodes) -> None:
        import numpy as np

        self.config = config
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.labels: dict[int, Named] = {}
        self.aliases: dict[int, Named] = {}
        self.descriptions: dict[int, Named] = {}
        self.moved: dict[int, dict[int, None]] = {}  # id -> the ids that stand for it
        self.types: dict[int, dict[int, None]] = {}
        self.documents: dict[int, dict[str, None]] = {}
        self.uses: Counter[int] = Counter()  # of relations
        self.relation_sources: dict[int, str] = {}
        self.sources: list[str] = []
        self.degree = np.zeros(1024, np.int64)
        self.curated = np.zeros(1024, bool)  # ids that a source other than a sentence gives
        self.source = np.full(1024, -1, np.int32)
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
                    self._add(batch)

    def number(self, text: str) -> int:
        found = self._number.get(text)
        if found is None:
            found = self._number[text] = len(self.names)
            self.names.append(text)
        return found

    def _add(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        naming = pc.is_in(batch.column("relation"), pa.array(NAMING))
        told = batch.filter(naming)
        for row in zip(*(told.column(name).to_pylist() for name in _NAMED), strict=True):
            self._name(*row)
        told = batch.filter(pc.invert(naming))
        relations, of = self._numbered(told.column("relation"))
        sources = [str(source) for source in told.column("source").to_pylist()]
        for number, source in zip(reversed(relations[of].tolist()), reversed(sources), strict=True):
            if number not in self.uses:
                self.relation_sources[number] = source  # at last, the first
        self.uses.update(dict(zip(relations.tolist(), _counts(of, len(relations)), strict=True)))
        nodes = pc.equal(told.column("kind"), "node")
        self._ends(told.column("subject"), told)
        self._ends(told.filter(nodes).column("object"), told.filter(nodes))
        kinds = told.filter(
            pc.and_(nodes, pc.is_in(told.column("relation"), pa.array(sorted(self._kinds), pa.string())))
        )
        for start, kind in zip(kinds.column("subject").to_pylist(), kinds.column("object").to_pylist(), strict=True):
            self.types.setdefault(self.number(start), {})[self.number(kind)] = None
        papers = told.filter(pc.is_valid(told.column("document")))
        for row in zip(
            *(papers.column(name).to_pylist() for name in ("subject", "object", "kind", "document")), strict=True
        ):
            for text in row[:2] if row[2] == "node" else row[:1]:
                held = self.documents.setdefault(self.number(text), {})
                if len(held) < self.config.max_documents:
                    held[row[3]] = None

    def _numbered(self, column: pa.Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The numbers of the texts that a column holds, and which of these each row has."""
        import numpy as np

        coded = column.dictionary_encode()
        numbers = np.array([self.number(text) for text in coded.dictionary.to_pylist()], np.int64)
        self._grow()
        return numbers, np.asarray(coded.indices)

    def _grow(self) -> None:
        import numpy as np

        size = len(self.degree)
        if len(self.names) > size:
            more = max(len(self.names), 2 * size) - size
            self.degree = np.concatenate([self.degree, np.zeros(more, np.int64)])
            self.curated = np.concatenate([self.curated, np.zeros(more, bool)])
            self.source = np.concatenate([self.source, np.full(more, -1, np.int32)])

    def _source(self, text: str) -> int:
        if text not in self.sources:
            self.sources.append(text)
        return self.sources.index(text)

    def _ends(self, column: pa.Array, rows: pa.RecordBatch) -> None:
        """Count what stands at one end of the edges, and where it was first met."""
        import numpy as np

        numbers, of = self._numbered(column)
        self.degree[numbers] += np.array(_counts(of, len(numbers)), np.int64)
        ends = numbers[of]
        self.curated[ends[np.asarray(rows.column("sentence").is_null())]] = True
        self._met(ends, rows.column("source"))

    def _met(self, numbers: np.ndarray[Any, Any], sources: pa.Array) -> None:
        import numpy as np

        coded = sources.dictionary_encode()
        places = np.array([self._source(text) for text in coded.dictionary.to_pylist()], np.int32)
        new = self.source[numbers] < 0
        self.source[numbers[new][::-1]] = places[np.asarray(coded.indices)[new]][::-1]  # backwards: the first one stays

    def _name(
        self, subject: str, relation: str, value: str, language: str | None, source: str, sentence: str | None
    ) -> None:
        ends = [subject]
        if relation == "redirect":
            if value == subject:
                return
            ends.append(value)
            self.moved.setdefault(self.number(subject), {})[self.number(value)] = None
        else:
            of = {"label": self.labels, "alias": self.aliases, "description": self.descriptions}[relation]
            of.setdefault(self.number(subject), {}).setdefault(language or _UNSPOKEN, {})[value] = None
        for number in map(self.number, ends):
            self._grow()
            if self.source[number] < 0:
                self.source[number] = self._source(source)
        if sentence is None:
            self.curated[self.number(subject)] = True

    def things(self) -> list[int]:
        """Numbers of the nodes: what edges and redirects join, in order of their ids."""
        found = {number for number in range(len(self.names)) if self.degree[number]}
        found |= set(self.moved) | {end for ends in self.moved.values() for end in ends}
        # What only has names is a relation, or nothing: build-graph drops names of nothing.
        found |= {number for number in self.labels if number not in self.uses}
        return sorted(found, key=lambda number: self.names[number])

    def called(self, things: Sequence[int]) -> dict[int, set[str]]:
        """The keys by which extracted nodes are called, and other nodes that share one: of every label and alias, and of
        the id where there is no label."""
        made = {number: self._keys(number) for number in things if not self.curated[number]}
        shared = {name for keys in made.values() for name in keys}
        for number in things if shared else ():
            if self.curated[number] and (keys := self._keys(number) & shared):
                made[number] = keys
        return made

    def _keys(self, number: int) -> set[str]:
        told = [name for of in (self.labels, self.aliases) for names in of.get(number, {}).values() for name in names]
        return {key(name) for name in told or [self.names[number]]} - {""}

    def typed(self) -> dict[int, frozenset[str]]:
        """Node -> the keys of the names of its types."""
        made = {}
        for number, types in self.types.items():
            names = {name for kind in types for name in [self.names[kind], *self._labels(kind)]}
            made[number] = frozenset(key(name) for name in names)
        return made

    def _labels(self, number: int) -> list[str]:
        return [name for names in self.labels.get(number, {}).values() for name in names]


def _counts(of: np.ndarray[Any, Any], size: int) -> list[int]:
    import numpy as np

    counts: list[int] = np.bincount(of, minlength=size)[:size].tolist()
    return counts


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
    graph: _Read, things: Sequence[int], groups: Groups, why: dict[int, dict[str, str]], counts: Counter[str]
) -> Iterator[Node | Failure]:
    members = groups.members(number for number in things if number in groups)
    stands: dict[int, int] = {}
    for root, numbers in members.items():
        owned = [number for number in numbers if graph.curated[number]] or numbers
        stands[root] = standing(owned, graph.moved, lambda n: int(graph.degree[n]) + (n in graph.labels), graph.names)
    for number in things:
        root = groups.root(number)
        chosen = stands.get(root, number)
        if number != chosen:
            told = why.get(number) or why.get(chosen) or {"why": "redirect"}
            counts["redirected" if told["why"] == "redirect" else "resolved"] += 1
            detail = json.dumps(told, ensure_ascii=False, sort_keys=True)
            yield Failure(
                graph.names[number], Outcome(told["why"], "merged", into_id=graph.names[chosen], detail=detail)
            )
            continue
        counts["nodes"] += 1
        group = [number, *(other for other in members.get(root, ()) if other != number)]
        made = _node(graph, group, "node", sum(int(graph.degree[other]) for other in group))
        kinds = [kind for other in group for kind in graph.types.get(other, ())]
        made.types = list(dict.fromkeys(graph.names[stands.get(groups.root(kind), kind)] for kind in kinds)) or None
        papers = list(dict.fromkeys(paper for other in group for paper in graph.documents.get(other, ())))
        made.documents = papers[: graph.config.max_documents] or None
        if len(group) > 1:
            made.members = sorted(graph.names[other] for other in group[1:])
            back = {"why": "redirect", "from": graph.names[number]}
            reasons = {graph.names[other]: why.get(other) or back for other in group[1:]}
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
        if number not in graph.labels and not graph.curated[number]:
            others[graph.names[number]] = None
    name = labels.get("en") or labels.get(_UNSPOKEN) or (labels[min(labels)] if labels else identifier)
    told: dict[str, list[str]] = defaultdict(list)
    for number in group:
        for language, texts in graph.descriptions.get(number, {}).items():
            told[language] += texts
    spoken = next((told[language][0] for language in ("en", _UNSPOKEN, *sorted(told)) if told.get(language)), None)
    taken = set(labels.values()) | {name}
    source = graph.relation_sources.get(group[0], "") if role == "relation" else graph.sources[graph.source[group[0]]]
    return Node(
        identifier, name, source, role, dict(sorted(labels.items())) or None,
        sorted(alias for alias in others if alias not in taken) or None, None, spoken, None, degree,
    )  # fmt: skip
