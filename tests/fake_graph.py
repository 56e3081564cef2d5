"""A small graph in memory with the methods of `synth.graph.store.Graph` that wording uses. A fake: it proves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synth.search_qa.query import Term


class FakeGraph:
    def __init__(
        self,
        nodes: Mapping[str, Sequence[str]],
        relations: Mapping[str, str],
        literals: Sequence[Term] = (),
        type_relations: Sequence[str] = (),
        labels: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._terms = [*(Term("node", held) for held in nodes), *literals]
        self._names = [list(names) for names in nodes.values()]
        self._index = {term: number for number, term in enumerate(self._terms)}
        self._named: dict[str, list[int]] = {}
        for number, names in enumerate(self._names):
            for name in dict.fromkeys(names):
                self._named.setdefault(name, []).append(number)
        self._relations, self._labels = dict(relations), dict(labels or {})
        self.relations = list(relations)
        self.type_relations = list(type_relations)
        self.size = len(self._terms)
        self.fingerprints = ["fake"]

    def index(self, term: Term) -> int | None:
        return self._index.get(term)

    def term(self, number: int) -> Term:
        return self._terms[number]

    def name(self, number: int, language: str = "en") -> str:
        term = self._terms[number]
        if term.kind != "node":
            return term.value
        return self._labels.get((term.value, language), (self._names[number] or [term.value])[0])

    def names(self, number: int) -> list[str]:
        term = self._terms[number]
        return (self._names[number] or [term.value]) if term.kind == "node" else [term.value]

    def named(self, name: str) -> list[int]:
        return self._named.get(name, [])

    def relation_name(self, relation: str, language: str = "en") -> str:
        return self._relations.get(relation, relation)
