"""Isomorphy of queries, against trying every renaming."""

from __future__ import annotations

import random
from itertools import permutations

from random_queries import random_query

from synth.search_qa.query import Bound, Clue, Fact, Query, Term, node
from synth.search_qa.wording import isomorphic


def renamed(query: Query, map_: dict[Term, Term], draw: random.Random) -> Query:
    clues: list[Clue] = []
    for clue in query.clues:
        if isinstance(clue, Bound):
            clues.append(Bound(map_[clue.variable], clue.kind, clue.low, clue.high))
        else:
            relations = draw.sample(clue.relations, len(clue.relations))
            clues.append(
                Fact(map_.get(clue.subject, clue.subject), tuple(relations), map_.get(clue.object, clue.object))
            )
    draw.shuffle(clues)
    return Query(map_[query.answer], tuple(clues))


def shuffled(query: Query, draw: random.Random) -> Query:
    variables = query.variables()
    return renamed(query, dict(zip(variables, draw.sample(variables, len(variables)), strict=True)), draw)


def brute(a: Query, b: Query) -> bool:
    ours, theirs = a.variables(), b.variables()
    if len(ours) != len(theirs):
        return False
    plain = random.Random(0)
    held = {_sorted(clue) for clue in b.clues}
    for order in permutations(theirs):
        one = renamed(a, dict(zip(ours, order, strict=True)), plain)
        if one.answer == b.answer and {_sorted(clue) for clue in one.clues} == held:
            return True
    return False


def _sorted(clue: Clue) -> Clue:
    return clue if isinstance(clue, Bound) else Fact(clue.subject, tuple(sorted(clue.relations)), clue.object)


def test_renamed_and_shuffled_queries_are_the_same_and_changed_ones_are_not() -> None:
    for number in range(1500):
        draw = random.Random(number)
        query = random_query(draw)
        assert isomorphic(query, shuffled(query, draw))
        without = query.without(draw.randrange(len(query.clues)))
        if set(without.clues) != set(query.clues):
            assert not isomorphic(query, without) and not isomorphic(without, query)


def test_it_agrees_with_trying_every_renaming() -> None:
    """Small graphs of one relation, alike enough that colours alone decide little."""
    x = [Term("variable", f"?{name}") for name in "xabcd"]
    same = other = 0
    for number in range(600):
        draw = random.Random(number)
        pairs = [(a, b) for a in x for b in x]
        one, two = ([Fact(a, ("r",), b) for a, b in draw.sample(pairs, 5)] for _ in range(2))
        a = Query(one[0].subject, (*one, Fact(one[0].subject, ("r",), node("1"))))
        b = Query(two[0].subject, (*two, Fact(two[0].subject, ("r",), node("1"))))
        b = shuffled(a, draw) if number % 3 == 0 else b
        assert isomorphic(a, b) == brute(a, b)
        same, other = same + brute(a, b), other + (not brute(a, b))
    assert same > 150 and other > 150


def test_what_differs_in_one_thing_is_not_the_same() -> None:
    x, y = Term("variable", "?x"), Term("variable", "?y")
    base = (Fact(x, ("r", "q"), y), Fact(y, ("r",), node("1")), Bound(y, "number", "1", "2"))
    query = Query(x, base)
    assert isomorphic(query, Query(x, (base[2], base[1], Fact(x, ("q", "r"), y), base[2])))
    for changed in (
        (Fact(y, ("r", "q"), x), *base[1:]), (Fact(x, ("r",), y), *base[1:]), (base[0], Fact(y, ("r",), node("2")), base[2]),
        (base[0], Fact(y, ("r",), Term("text", "1")), base[2]), (*base[:2], Bound(y, "date", "1", "2")), (*base[:2], Bound(y, "number", "1", None)),
        (*base[:2], Bound(x, "number", "1", "2")), base[:2], (*base, Fact(node("1"), ("r",), node("2"))),
    ):  # fmt: skip
        assert not isomorphic(query, Query(x, changed))
    assert not isomorphic(query, Query(y, base))


def test_twelve_variables_that_look_alike_are_told_apart() -> None:
    """Two triangles against a hexagon, twice over: colours tell nothing apart, the search must. Trying
    every renaming would take half an hour."""
    x = [Term("variable", f"?v{number}") for number in range(13)]

    def rings(*sizes: int) -> Query:
        clues: list[Clue] = []
        start = 1
        for size in sizes:
            for number in range(size):
                a, b = x[start + number], x[start + (number + 1) % size]
                clues += [Fact(a, ("r",), b), Fact(b, ("r",), a), Fact(x[0], ("q",), a)]
            start += size
        return Query(x[0], tuple(clues))

    assert not isomorphic(rings(3, 3, 6), rings(6, 6)) and not isomorphic(rings(12), rings(6, 6))
    assert isomorphic(rings(3, 3, 6), rings(6, 3, 3)) and isomorphic(rings(4, 4, 4), rings(4, 4, 4))
