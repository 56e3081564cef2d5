"""Random queries of every shape over a graph of hostile names."""

from __future__ import annotations

import random
from typing import Any

from fake_graph import FakeGraph

from synth.search_qa.query import Bound, Clue, Fact, Query, Term, node

HOSTILE = [
    "Kismet", "It", "A", "“quoted”", "”", "““”", "”” and “", "a, b and c", "who directed", "that was directed by “Kismet”",
    "two\nlines\r\n", "   ", " lead", "「中」『文』", "由某人执导，而此人", "，并且", "。1. A是", "[brackets] (and) {}", "«»‘’“”「」『』〔〕", "0",
    "1967", "the year 1967", "a number of at least 5", "\ue0000\ue001", "𝔘𝔫𝔦", "İstanbul", "e\u0301", "\u202eright", "?", "A?", "1. A is.",
    "Which film is A?", "something", "someone who", "Name something that", "has as “director” X", "or", "‘", "’’", "\\“", "null", "\x00", "谁",
    "某部电影", "的导演是", "“”“”", "«", "A\nWhich film is A?", "given these clues?", "a film", "is a film",
]  # fmt: skip
CLASSES = [
    "film", "human", "city", "person", "film that was made", "university", "art and design", "电影", "城市的一部分", "人", "member of B",
    "work", "vitamin A", "FC “X”", "one", "国家", "Drug", "anything", "作品集",
]  # fmt: skip
RELATIONS = {
    "directed_by": "directed_by", "written_by": "written_by", "starred_actors": "starred_actors", "release_year": "release_year",
    "P31": "instance of", "P19": "place of birth", "P47": "shares border with", "P463": "member of", "P26": "spouse",
    "x1": "cause of “death”", "x2": "odd, and that who", "x3": "same label", "x4": "same label", "x5": "x1", "x6": "a\nb", "x7": "由某人的",
    "author": "author", "P50": "author",
}  # fmt: skip
LITERALS = [
    Term("number", "5"), Term("number", "-3.50"), Term("number", "1e5"), Term("number", "007"), Term("date", "1967"),
    Term("date", "1967-03"), Term("date", "1967-03-21"), Term("date", "-0044"), Term("date", "2001-02-30"), Term("text", "MIT"),
    Term("text", "Kismet"), Term("text", "in “marks”"), Term("date", "0476-09"), Term("text", "5"), Term("date", "2000-01-01T10:00Z"),
]  # fmt: skip
NUMBERS = ["5", "7", "-3.5", "1e5", "0"]
DATES = ["1960", "1969", "1967", "1967-03", "1967-03-21", "1970", "-0044", "x", "1990", "1999"]


def hostile_graph() -> FakeGraph:
    nodes: dict[str, list[str]] = {f"n{number}": [name] for number, name in enumerate(HOSTILE)}
    nodes.update({f"c{number}": [name] for number, name in enumerate(CLASSES)})
    nodes["two"] = ["shared", "two's own"]
    nodes["other"] = ["shared", "the other's own"]
    nodes["nameless"] = ["nameless"]
    return FakeGraph(nodes, RELATIONS, LITERALS, ["P31"], [held for held in nodes if held.startswith("c")])


def random_query(draw: random.Random) -> Query:
    """Trees, cycles, double edges, self-loops, bounds, classes, vague facts; two to nine facts."""
    size = draw.choice((1, 1, 2, 2, 3, 3, 4, 5, 7))
    variables = [Term("variable", f"?{'xabcdefgh'[number]}") for number in range(size)]
    clues: list[Clue] = [
        _fact(draw, variables[number], variables[draw.randrange(number) if draw.random() < 0.5 else number - 1])
        for number in range(1, size)
    ]
    for _ in range(draw.choice((0, 0, 0, 1, 2))):
        clues.append(_fact(draw, draw.choice(variables), draw.choice(variables)))
    for term in variables:
        for _ in range(draw.choice((0, 1, 1, 2))):
            clues.append(_fact(draw, term, _constant(draw)))
        if draw.random() < 0.3:
            clues.append(Fact(term, ("P31",), node(f"c{draw.randrange(len(CLASSES))}")))
        if draw.random() < 0.3:
            clues.append(_bound(draw, term))
    if not any(isinstance(clue, Fact) and variables[0] in clue.terms for clue in clues):
        clues.append(_fact(draw, variables[0], _constant(draw)))
    draw.shuffle(clues)
    stated = {term for clue in clues if isinstance(clue, Fact) for term in clue.terms}
    kept = [clue for clue in clues if isinstance(clue, Fact) or clue.variable in stated]
    query = Query(variables[0], tuple(kept))
    return Query.from_json(query.to_json())


def _fact(draw: random.Random, a: Term, b: Term) -> Fact:
    count = draw.choice((1, 1, 1, 2, 3))
    relations = tuple(draw.sample(sorted(RELATIONS), count))
    if draw.random() < 0.5 and a.kind in ("variable", "node") and b.kind in ("variable", "node"):
        a, b = b, a
    return Fact(a, relations, b)


def _constant(draw: random.Random) -> Term:
    if draw.random() < 0.3:
        return draw.choice(LITERALS)
    if draw.random() < 0.1:
        return node(draw.choice(["two", "other", "nameless"]))
    return node(f"n{draw.randrange(len(HOSTILE))}")


def _bound(draw: random.Random, term: Term) -> Bound:
    kind, ends = draw.choice((("number", NUMBERS), ("date", DATES)))
    low: Any = draw.choice([*ends, None])
    high: Any = draw.choice([*ends, None]) if low is not None else draw.choice(ends)
    if low == "1960" and draw.random() < 0.5:
        high = "1969"
    return Bound(term, kind, low, high)
