"""A knowledge graph in memory: edges sorted by subject and by object, names beside them.

Nodes are numbered in the order of their terms (nodes by id, then texts, numbers, dates), so a number depends on the
edges alone and a term is found by bisection, without a table of Python strings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.records import EDGE_KINDS
from synth.graph.columns import BLOCK, Ints, Raw, joined, read_edges
from synth.graph.edge_ids import EdgeIds
from synth.graph.literals import date_days, number_value
from synth.graph.names import Names, folded, read_names
from synth.search_qa.query import Term

if TYPE_CHECKING:
    import networkx
    import pyarrow as pa

Longs = npt.NDArray[np.int64]
TYPE_RELATIONS = ("type", "P31", "rdf:type", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "instance of")
MAX_EDGES = 50_000_000
_BYTES_AN_EDGE = 200  # at the peak of loading (docs/benchmarks.md)


class Graph:
    """Edges in CSR form. Nodes are 0..size-1, relations 0..len(relations)-1.

    `out_start[n]:out_start[n + 1]` are the edges from n, sorted by (relation, object); `in_start` likewise the edges to
    n, by (relation, subject). `low` and `high` are the values of literals (numbers as they are, dates as days since
    1970-01-01, first and last); NaN for all else.
    """

    def __init__(
        self, terms: pa.Array, relations: list[str], starts: Longs, relation: Ints, other: Ints, ids: EdgeIds,
        fingerprints: list[str], sources: list[str],
    ) -> None:  # fmt: skip
        self._terms, self.relations, self._ids = terms, relations, ids
        self.fingerprints, self.sources = fingerprints, sources
        # Both directions in one array, for solvers: `starts[n]` edges from n, `starts[size + n]` edges to n.
        self.starts, self.edge_relations, self.edge_others = starts, relation, other
        size, edges = len(terms), relation.size // 2
        self.out_start, self.out_relation, self.out_object = starts[: size + 1], relation[:edges], other[:edges]
        self.in_start, self.in_relation, self.in_subject = starts[size:] - edges, relation[edges:], other[edges:]
        self.relation_numbers = {relation: number for number, relation in enumerate(relations)}
        self.first_literal, self.first_number, self.first_date = (self._place(tag) for tag in "123")
        self.low, self.high = self._values()
        self.names_held = Names.empty(self.size)
        self.names_elsewhere: frozenset[str] = frozenset()  # folded names of relations, and of what has no edge
        self.relation_names: dict[str, dict[str, str]] = {}
        self.self_loops = self.duplicates = 0
        self._types: dict[int, list[int]] = {}
        self._type_relations: list[int] = []

    # -- loading ---------------------------------------------------------------------------------------------------

    @classmethod
    def load(
        cls, edges: Sequence[Dataset], nodes: Sequence[Dataset] = (), *, max_edges: int = MAX_EDGES,
        type_relations: Sequence[str] = TYPE_RELATIONS, self_loops: bool = False,
    ) -> Graph:  # fmt: skip
        """Read Edge datasets (and Node datasets, for names, types and members).

        Redirects and members are applied; a duplicate edge counts once; self-loops are left out, unless
        they are asked for. Raises UsageError where
        there are more than `max_edges`, before anything is read, and InputError for rows that are no edges.
        """
        total = sum(dataset.rows for dataset in edges)
        if total > max_edges:
            raise UsageError(
                f"the graph has {total:,} edges, max_edges is {max_edges:,}: it is held in memory, and {total:,} edges take "
                f"about {total * _BYTES_AN_EDGE / 2**30:.1f} GiB; take fewer, or raise max_edges"
            )
        for dataset, record in [*((d, "Edge") for d in edges), *((d, "Node") for d in nodes)]:
            if dataset.record != record:
                raise UsageError(f"{dataset.url} holds {dataset.record}, a graph is read from {record}")
        raw = read_edges(edges)
        said = read_names(raw.said, nodes)
        graph = cls._built(raw, said.redirects, [d.fingerprint for d in [*edges, *nodes]], self_loops)
        graph._type_relations = [
            graph.relation_numbers[name] for name in type_relations if name in graph.relation_numbers
        ]
        known = graph.numbers([Term("node", identifier) for identifier in said.types])
        for place, classes in enumerate(said.types.values()):
            if (number := known[place]) >= 0:
                held = graph.numbers([Term("node", said.redirects.get(name, name)) for name in classes])
                graph._types[int(number)] = [int(found) for found in held if found >= 0]
        graph.names_held = said.arranged(graph._terms, graph.first_literal)
        graph.names_elsewhere = frozenset(map(folded, said.elsewhere))
        graph.relation_names = said.of_relations(graph.relation_numbers)
        return graph

    @classmethod
    def _built(cls, raw: Raw, redirects: Mapping[str, str], fingerprints: list[str], self_loops: bool) -> Graph:
        import pyarrow as pa
        import pyarrow.compute as pc

        terms, subject, object_ = joined(raw.subjects, raw.objects, redirects, "0")
        relations, relation, _ = joined(raw.relations, [], redirects, "")
        ids = EdgeIds.of(raw.ids)
        del raw.subjects, raw.objects, raw.relations, raw.ids
        total = subject.size
        keep = np.arange(total) if self_loops else np.flatnonzero(subject != object_)
        loops = total - keep.size
        order = keep[np.lexsort((object_[keep], relation[keep], subject[keep]))]
        subject, relation, object_ = subject[order], relation[order], object_[order]
        fresh = np.ones(order.size, bool)
        fresh[1:] = (subject[1:] != subject[:-1]) | (relation[1:] != relation[:-1]) | (object_[1:] != object_[:-1])
        subject, relation, object_, order = subject[fresh], relation[fresh], object_[fresh], order[fresh]
        # Nodes whose edges are all self-loops keep their place, with no edge.
        size = len(terms)
        back = np.lexsort((subject, relation, object_))
        starts = np.concatenate([_starts(subject, size), _starts(object_, size)[1:] + subject.size])
        relation = np.concatenate([relation, relation[back]])
        other = np.concatenate([object_, subject[back]])
        sources = sorted(raw.sources)
        names = [name for name in pc.cast(relations, pa.string()).to_pylist() if name is not None]
        graph = cls(terms, names, starts, relation, other, ids.taken(order), fingerprints, sources)
        graph.self_loops, graph.duplicates = loops, int(keep.size - order.size)
        return graph

    def _place(self, key: str) -> int:
        """How many terms stand before a key."""
        return bisect_left(range(len(self._terms)), key.encode(), key=lambda at: self._terms[at].as_py().encode())

    def _values(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        low = np.full(self.size, np.nan)
        high = np.full(self.size, np.nan)
        for at in range(self.first_number, self.size):
            value = self._terms[at].as_py()[1:]
            if at < self.first_date:
                low[at] = high[at] = number_value(value)
            else:
                low[at], high[at] = date_days(value)
        return low, high

    # -- nodes -----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Nodes, literals among them."""
        return len(self._terms)

    @property
    def edge_count(self) -> int:
        return int(self.out_object.size)

    def index(self, term: Term) -> int | None:
        """The number of a constant, or None where the graph does not hold it."""
        if term.kind not in EDGE_KINDS:
            return None
        try:
            key = f"{EDGE_KINDS.index(term.kind)}{term.value}".encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
        at = bisect_left(range(len(self._terms)), key, key=lambda place: self._terms[place].as_py().encode())
        return at if at < self.size and self._terms[at].as_py().encode() == key else None

    def numbers(self, terms: Sequence[Term]) -> Longs:
        """The numbers of many constants, -1 where the graph does not hold one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not terms:
            return np.empty(0, np.int64)
        if len(terms) < 1000:
            return np.array([-1 if (at := self.index(term)) is None else at for term in terms], np.int64)
        keys = pa.array([f"{EDGE_KINDS.index(term.kind)}{term.value}" for term in terms], pa.large_string())
        found = pc.index_in(keys, value_set=self._terms)
        return np.asarray(pc.fill_null(found, -1), np.int64)

    def term(self, number: int) -> Term:
        """The constant of a number."""
        key = self._terms[number].as_py()
        return Term(EDGE_KINDS[int(key[0])], key[1:])

    def is_literal(self, number: int) -> bool:
        return number >= self.first_literal

    def degree(self, number: int) -> int:
        """Edges from and to a node."""
        return int(
            self.out_start[number + 1] - self.out_start[number] + self.in_start[number + 1] - self.in_start[number]
        )

    @property
    def degrees(self) -> Longs:
        """`degree` of every node."""
        return np.diff(self.out_start) + np.diff(self.in_start)

    def name(self, number: int, language: str = "en") -> str:
        """Its label in the language, else its name, else its id; of a literal, its value."""
        found = None if self.is_literal(number) else self.names_held.best(number, language)
        return self.term(number).value if found is None else found

    def names(self, number: int) -> list[str]:
        """Every name and alias in every language; the id where there is none; of a literal, its value."""
        found = [] if self.is_literal(number) else self.names_held.all(number)
        return found or [self.term(number).value]

    def bearers(self, name: str) -> list[int]:
        """The nodes that carry a name or alias, compared as `folded`; a node without names carries its id."""
        found = self.names_held.bearers(folded(name), self._terms, self.first_literal)
        return [number for number in found if any(folded(held) == folded(name) for held in self.names(number))]

    def shares_names(self) -> npt.NDArray[np.bool_]:
        """Of each node, whether another may carry one of its names; where not, `bearers` of its names gives it alone."""
        return self.names_held.shared(self._terms, self.first_literal)

    def relation_name(self, relation: str, language: str = "en") -> str:
        """Its label in the language, else in English, else in any, else its id."""
        held = self.relation_names.get(relation)
        if not held:
            return relation
        return held.get(language) or held.get("en") or held[min(held)]

    def object_kinds(self) -> dict[str, set[str]]:
        """Relation -> kinds of what it leads to (node, text, number, date)."""
        firsts = np.array([self.first_literal, self.first_number, self.first_date])
        found: dict[str, set[str]] = {relation: set() for relation in self.relations}
        for start in range(0, self.edge_count, BLOCK):
            part = slice(start, start + BLOCK)
            codes = firsts.searchsorted(self.out_object[part], "right")
            for pair in np.unique(self.out_relation[part].astype(np.int64) * len(EDGE_KINDS) + codes).tolist():
                relation, kind = divmod(pair, len(EDGE_KINDS))
                found[self.relations[relation]].add(EDGE_KINDS[kind])
        return found

    def types(self, number: int) -> list[int]:
        """The nodes that its types are, by Node rows and by edges of a type relation; sorted."""
        found = set(self._types.get(number, ()))
        for relation in self._type_relations:
            found.update(self.objects(number, relation).tolist())
        return sorted(found)

    def typed(self, number: int) -> list[int]:
        """The nodes of which Node rows say that they are of a class; sorted."""
        return sorted(node for node, classes in self._types.items() if number in classes)

    @property
    def type_relations(self) -> list[int]:
        """The relations of this graph that say what a node is."""
        return list(self._type_relations)

    def description(self, number: int) -> str | None:
        """The phrase that tells what it is, where the graph has one."""
        return None if self.is_literal(number) else self.names_held.description(number)

    # -- edges -----------------------------------------------------------------------------------------------------

    def objects(self, subject: int, relation: int) -> Ints:
        """Where the edges of a relation lead from a node; sorted."""
        first, last = int(self.out_start[subject]), int(self.out_start[subject + 1])
        held = self.out_relation[first:last]
        return self.out_object[
            first + int(held.searchsorted(relation)) : first + int(held.searchsorted(relation, "right"))
        ]

    def subjects(self, object_: int, relation: int) -> Ints:
        """Where the edges of a relation to a node come from; sorted."""
        first, last = int(self.in_start[object_]), int(self.in_start[object_ + 1])
        held = self.in_relation[first:last]
        return self.in_subject[
            first + int(held.searchsorted(relation)) : first + int(held.searchsorted(relation, "right"))
        ]

    def edge_ids(self, subject: int, relations: Iterable[str], object_: int) -> list[str]:
        """The ids of the edges from subject to object that have one of the relations, in the order of the relations."""
        found = []
        for relation in relations:
            if (number := self.relation_numbers.get(relation)) is None:
                continue
            first = int(self.out_start[subject])
            held = self.out_relation[first : int(self.out_start[subject + 1])]
            start = first + int(held.searchsorted(number))
            end = first + int(held.searchsorted(number, "right"))
            at = start + int(self.out_object[start:end].searchsorted(object_))
            if at < end and self.out_object[at] == object_:
                found.append(self._ids[at])
        return found

    def to_networkx(self, numbers: Iterable[int] | None = None, limit: int = 1_000_000) -> networkx.MultiDiGraph:
        """The edges between these nodes (all nodes, where None) as a networkx graph of ids, keyed by relation.

        Raises UsageError beyond `limit` edges: networkx takes about a kilobyte an edge.
        """
        import networkx

        wanted = set(range(self.size)) if numbers is None else set(numbers)
        edges = list[tuple[int, int, int]]()
        for subject in sorted(wanted):
            for at in range(int(self.out_start[subject]), int(self.out_start[subject + 1])):
                if int(self.out_object[at]) in wanted:
                    edges.append((subject, int(self.out_object[at]), int(self.out_relation[at])))
                    if len(edges) > limit:
                        raise UsageError(
                            f"more than {limit:,} edges between {len(wanted):,} nodes: a networkx graph of them takes about "
                            f"a kilobyte an edge; take fewer nodes, or raise the limit"
                        )
        made = networkx.MultiDiGraph()
        for number in sorted(wanted):
            term = self.term(number)
            made.add_node(number, kind=term.kind, id=term.value, name=self.name(number))
        for subject, object_, relation in edges:
            made.add_edge(subject, object_, key=self.relations[relation])
        return made


def _starts(ordered: Ints, size: int) -> Longs:
    starts = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(ordered, minlength=size), out=starts[1:])
    return starts
