"""A small graph in memory with the methods of `synth.graph.store.Graph` that wording uses. A fake: it proves nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from synth.search_qa.query import Term


class FakeGraph:
    def __init__(
        self,
        nodes: Mapping[str, Sequence[str]],
        relations: Mapping[str, str],
        literals: Sequence[Term] = (),
        type_relations: Sequence[str] = (),
        classes: Sequence[str] = (),
        labels: Mapping[tuple[str, str], str] | None = None,
        kinds: Mapping[str, set[str]] | None = None,
    ) -> None:
        self._terms = [*(Term("node", held) for held in nodes), *literals]
        self._names = [list(names) for names in nodes.values()]
        self._index = {term: number for number, term in enumerate(self._terms)}
        self._bearers: dict[str, list[int]] = {}
        for number, names in enumerate(self._names):
            for name in dict.fromkeys(map(_folded, names)):
                self._bearers.setdefault(name, []).append(number)
        self._relations, self._labels = dict(relations), dict(labels or {})
        self.relations = list(relations)
        self._kinds = dict(kinds or {})
        self.type_relations = [self.relations.index(relation) for relation in type_relations]
        self._classes, self._instances = frozenset(classes), [0]
        self.size, self.first_literal = len(self._terms), len(nodes)
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

    def bearers(self, name: str) -> list[int]:
        return self._bearers.get(_folded(name), [])

    def subjects(self, object_: int, relation: int) -> list[int]:
        return self._instances if self._terms[object_].value in self._classes else []

    def object_kinds(self) -> dict[str, set[str]]:
        return {relation: self._kinds.get(relation, set()) for relation in self.relations}

    def relation_name(self, relation: str, language: str = "en") -> str:
        return self._relations.get(relation, relation)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
