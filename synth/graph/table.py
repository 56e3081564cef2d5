"""All facts of a graph at once, as numbers: each name is held once, a fact takes 26 bytes beside them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from arcmill.errors import InputError
from arcmill.records import EDGE_KINDS, NAMING
from synth.graph.facts import AUTO, Fact, Refused, name

if TYPE_CHECKING:
    import numpy as np

KINDS = (*EDGE_KINDS, AUTO)
NODE = KINDS.index("node")
_KIND = {kind: number for number, kind in enumerate(KINDS)}


class Table:
    """Columns of facts, in the order of reading. Names are numbers in `names`; relations are names as well."""

    def __init__(self, limit: int, max_edges: int) -> None:
        self.limit, self.max_edges = limit, max_edges
        self.names: list[str] = []
        self.languages: list[str | None] = [None]
        self.places: list[str] = []  # files, or whatever a fact was read from
        self._number: dict[str, int] = {}
        self._raw: dict[str, int] = {}  # what is read otherwise than it is called
        self._language: dict[str | None, int] = {None: 0}
        self._place: dict[str, int] = {}
        self.subject, self.relation, self.object = array("i"), array("i"), array("i")
        self.kind, self.language = array("b"), array("h")
        self.place, self.line = array("i"), array("q")

    def __len__(self) -> int:
        return len(self.subject)

    def number(self, text: str) -> int:
        """The number of a name. Refused where it is none."""
        found = self._number.get(text)
        if found is None and (found := self._raw.get(text)) is None:
            called = name(text, self.limit)
            found = self._number.get(called)
            if found is None:
                found = self._number[called] = len(self.names)
                self.names.append(called)
            if called != text:
                self._raw[text] = found
        return found

    def find(self, text: str) -> int | None:
        """The number of a name that was met."""
        return self._number.get(text)

    def add(self, fact: Fact, place: str) -> None:
        """Put a fact in. Refused where a name is none; InputError where the graph would be larger than `max_edges`."""
        known = self._number.get
        if (subject := known(fact[0])) is None:
            subject = self.number(fact[0])
        if (relation := known(fact[1])) is None:
            relation = self.number(fact[1])
        if (value := known(fact[2])) is None:
            value = self.number(fact[2])
        if len(self.subject) >= self.max_edges:
            raise InputError(
                f"more than {self.max_edges:,} facts at {place}:{fact.line}; a graph is built in memory, about 200 bytes a "
                "fact: raise --set max_edges=… if there is room, or take fewer relations with --set relations=[…]"
            )
        if (where := self._place.get(place)) is None:
            where = self._place[place] = len(self.places)
            self.places.append(place)
        if (spoken := self._language.get(fact.language)) is None:
            if len(self.languages) > 30_000:
                raise Refused("too-many-languages", "no data has so many languages")
            spoken = self._language[fact.language] = len(self.languages)
            self.languages.append(fact.language)
        self.subject.append(subject)
        self.relation.append(relation)
        self.object.append(value)
        self.kind.append(_KIND[fact.kind])
        self.language.append(spoken)
        self.place.append(where)
        self.line.append(fact.line)

    def column(self, column: str) -> np.ndarray[Any, Any]:
        """A column as numpy sees it, without a copy; nothing may be added afterwards while it is held."""
        import numpy as np

        values: array[int] = getattr(self, column)
        return np.frombuffer(values, values.typecode) if len(values) else np.zeros(0, values.typecode)

    def naming(self) -> list[int]:
        """Numbers of the relations that name things."""
        return [found for relation in NAMING if (found := self.find(relation)) is not None]

    def where(self, row: int) -> str:
        """`file:line` of a fact, or its place alone where it has no line."""
        place, line = self.places[self.place[row]], self.line[row]
        return f"{place}:{line}" if line else place

    def told(self, row: int) -> str:
        """A fact to be read, shortened."""
        parts = (self.names[column[row]] for column in (self.subject, self.relation, self.object))
        return " | ".join(part if len(part) <= 80 else part[:79] + "…" for part in parts)


def of_names(table: Table, names: Sequence[str]) -> list[int]:
    """Numbers of the names that occur."""
    return [found for text in names if (found := table.find(text)) is not None]
