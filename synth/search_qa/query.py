"""The formal query that a question states: clues about variables, of which one is asked for.

The answers of a query are the values of its answer variable over all assignments of its variables under which every clue holds
(homomorphisms: two variables may take one value). So what is proved unique here is unique under any stricter reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONSTANTS = ("node", "text", "number", "date")
_VARIABLE = re.compile(r"\?[a-z][a-z0-9]*\Z")


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A variable (`?x`), a node by its id, or a literal. `kind` is variable or one of CONSTANTS."""

    kind: str
    value: str

    @property
    def is_variable(self) -> bool:
        return self.kind == "variable"


@dataclass(frozen=True, slots=True)
class Fact:
    """An edge from subject to object, of any one of the relations (several only where a clue was made vague)."""

    subject: Term
    relations: tuple[str, ...]
    object: Term

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.subject, self.object)


@dataclass(frozen=True, slots=True)
class Bound:
    """A variable whose value, a number or a date, lies within [low, high]; one of them may be None.

    A date bound is as precise as it is written: high 1967 includes all of that year.
    """

    variable: Term
    kind: str  # number | date
    low: str | None
    high: str | None

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.variable,)


Clue = Fact | Bound


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. Its clues are connected; each variable stands in a Fact."""

    answer: Term
    clues: tuple[Clue, ...]

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(clue for clue in self.clues if isinstance(clue, Fact))

    @property
    def hops(self) -> int:
        """Edges that must be followed: the number of facts."""
        return len(self.facts)

    def variables(self) -> list[Term]:
        """Each once, the answer first, then in the order in which the clues name them."""
        return list(dict.fromkeys([self.answer, *(term for term in self._terms() if term.is_variable)]))

    def constants(self) -> list[Term]:
        """Each once, in the order in which the clues name them."""
        return list(dict.fromkeys(term for term in self._terms() if not term.is_variable))

    def without(self, number: int) -> Query:
        """The query that lacks one clue; what is then no longer connected with the answer says nothing of it and goes too."""
        left = [clue for place, clue in enumerate(self.clues) if place != number]
        reached, held = {self.answer}, list[Clue]()
        grew = True
        while grew:
            grew = False
            for clue in left:
                if clue not in held and any(term in reached for term in clue.terms if term.is_variable):
                    held.append(clue)
                    reached.update(term for term in clue.terms if term.is_variable)
                    grew = True
        return Query(self.answer, tuple(clue for clue in left if clue in held))

    def _terms(self) -> Iterator[Term]:
        for clue in self.clues:
            yield from clue.terms

    def to_json(self) -> dict[str, Any]:
        """As it stands in a row's evidence: {"answer": "?x", "clues": [{"subject": …, "relations": […], "object": …},
        {"variable": …, "kind": …, "low": …, "high": …}]}; a constant is {"node": id}, {"text": …}, {"number": …} or
        {"date": …}, a variable its name."""
        made: list[dict[str, Any]] = []
        for clue in self.clues:
            if isinstance(clue, Fact):
                made.append(
                    {"subject": _told(clue.subject), "relations": list(clue.relations), "object": _told(clue.object)}
                )
            else:
                made.append({"variable": clue.variable.value, "kind": clue.kind, "low": clue.low, "high": clue.high})
        return {"answer": self.answer.value, "clues": made}

    @staticmethod
    def from_json(value: Any) -> Query:
        """The inverse. ValueError where it is no query."""
        if not isinstance(value, Mapping) or not isinstance(value.get("clues"), list) or not value["clues"]:
            raise ValueError("a query has `answer` and a list of `clues`")
        answer = _term(value.get("answer"))
        clues = tuple(_clue(clue) for clue in value["clues"])
        query = Query(answer, clues)
        if not answer.is_variable:
            raise ValueError("the answer of a query is a variable")
        stated = {term for fact in query.facts for term in fact.terms}
        if missing := [term.value for term in query.variables() if term not in stated]:
            raise ValueError(f"no fact names {', '.join(missing)}")
        return query


def variable(name: str) -> Term:
    """`?name`."""
    return Term("variable", f"?{name}")


def node(identifier: str) -> Term:
    """A node by its id."""
    return Term("node", identifier)


def _told(term: Term) -> Any:
    return term.value if term.is_variable else {term.kind: term.value}


def _term(value: Any) -> Term:
    if isinstance(value, str) and _VARIABLE.match(value):
        return Term("variable", value)
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, held),) = value.items()
        if kind in CONSTANTS and isinstance(held, str):
            return Term(kind, held)
    raise ValueError(f"{json.dumps(value, ensure_ascii=False)[:80]} is neither a variable (?x) nor a constant")


def _clue(value: Any) -> Clue:
    if not isinstance(value, Mapping):
        raise ValueError("a clue is an object")
    if "variable" in value:
        term, low, high = _term(value["variable"]), value.get("low"), value.get("high")
        if not term.is_variable or value.get("kind") not in ("number", "date"):
            raise ValueError("a bound has a variable and a kind (number or date)")
        if not all(end is None or isinstance(end, str) for end in (low, high)) or (low is None and high is None):
            raise ValueError("a bound has a low or a high end, as text")
        return Bound(term, value["kind"], low, high)
    relations = value.get("relations")
    if not isinstance(relations, list) or not relations or not all(isinstance(name, str) for name in relations):
        raise ValueError("a fact has a list of relations")
    return Fact(_term(value.get("subject")), tuple(relations), _term(value.get("object")))
