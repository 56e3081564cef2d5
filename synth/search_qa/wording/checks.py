"""What a rewritten question must and must not name, checked without a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from synth.search_qa.query import Bound, Query, Term
from synth.search_qa.wording.lexicon import Speech, nouns
from synth.search_qa.wording.names import named

if TYPE_CHECKING:
    from synth.graph.store import Graph

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def must_name(query: Query, spoken: Speech) -> dict[str, list[str]]:
    """What stands in the question -> other forms of it, any of which will do. Classes may be said in other words ("a movie"):
    the reader who extracts the clues judges them."""
    found: dict[str, list[str]] = {}
    classes = {fact.object for fact in query.facts if spoken.is_class(fact)}
    for term in query.constants():
        if term.kind == "node" and term not in classes:
            number = spoken.graph.index(term)
            name = spoken.name(term)
            found[name] = [] if number is None else [other for other in spoken.graph.names(number) if other != name]
        elif term.kind != "node":
            found[term.value if term.kind == "text" else _figures(term.value)] = []
    for clue in query.clues:
        if isinstance(clue, Bound):
            low, high = (None if end is None else _figures(end) for end in (clue.low, clue.high))
            if low is not None and high is not None and _is_decade(low, high):
                found[low] = [f"{low}s", f"'{low[2:]}s"]
                continue
            found.update((end, []) for end in (low, high) if end is not None)
    return found


def missing(text: str, wanted: dict[str, list[str]]) -> str | None:
    """A name of which no form stands in the text."""
    return next((name for name, others in wanted.items() if not named(text, [name, *others])), None)


def neighbours(query: Query, hidden: Iterable[Term], spoken: Speech, most: int) -> list[str]:
    """Names of nodes next to the answer, the bridges and the anchors, of at most `most` edges of each: what a model that knows
    the facts would let slip. Neither the query's own constants, nor plain nouns ("film")."""
    graph = spoken.graph
    own = {number for term in query.constants() if (number := graph.index(term)) is not None}
    near: dict[int, None] = {}
    for term in [*hidden, *query.constants()]:
        if (number := graph.index(term)) is not None:
            near.update(dict.fromkeys(_around(graph, number, most)))
    held = {noun.hidden.split(" ", 1)[-1].casefold() for noun in nouns("en").values()} | set(nouns("en"))
    names = dict.fromkeys(
        name for number in near if number not in own and not graph.is_literal(number) for name in graph.names(number)
    )
    return [name for name in names if name.casefold() not in held]


def _around(graph: Graph, number: int, most: int) -> list[int]:
    start, end = int(graph.out_start[number]), int(graph.out_start[number + 1])
    held = graph.out_object[start : min(end, start + most)].tolist()
    start, end = int(graph.in_start[number]), int(graph.in_start[number + 1])
    return [*held, *graph.in_subject[start : min(end, start + most)].tolist()]


def _figures(value: str) -> str:
    """The part of a number or date that every wording keeps: its digits, of a date the year."""
    found = _NUMBER.search(value)
    return found[0].lstrip("0") or "0" if found else value


def _is_decade(low: str, high: str) -> bool:
    return low.isdigit() and high.isdigit() and len(low) == 4 and low[3] == "0" and int(high) == int(low) + 9
