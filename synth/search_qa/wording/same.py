"""Whether two queries ask the same: their clues are the same set but for the names of variables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable

from synth.search_qa.query import Bound, Clue, Query, Term


def isomorphic(a: Query, b: Query) -> bool:
    """Exact: a one-to-one renaming of variables that takes the answer to the answer and the clues to the clues. The order of
    clues, and of the relations of one clue, is free; a clue said twice counts once."""
    left, right = set(map(_canonical, a.clues)), set(map(_canonical, b.clues))
    ours, theirs = _colours(a, left), _colours(b, right)
    if {clue for clue in left if _is_ground(clue)} != {clue for clue in right if _is_ground(clue)}:
        return False
    if len(left) != len(right) or Counter(ours.values()) != Counter(theirs.values()):
        return False
    near: dict[Term, list[Clue]] = defaultdict(list)
    for clue in left:
        for term in {term for term in clue.terms if term.is_variable}:
            near[term].append(clue)
    alike = {term: [other for other, colour in theirs.items() if colour == ours[term]] for term in ours}
    return _extend({}, _in_order(ours, near, alike), near, alike, right)


def _extend(
    map_: dict[Term, Term],
    order: list[Term],
    near: dict[Term, list[Clue]],
    alike: dict[Term, list[Term]],
    right: set[Clue],
) -> bool:
    if len(map_) == len(order):
        return True
    term = order[len(map_)]
    used = set(map_.values())
    for other in alike[term]:
        if other in used:
            continue
        map_[term] = other
        if all(
            _renamed(clue, map_) in right
            for clue in near[term]
            if all(held in map_ for held in clue.terms if held.is_variable)
        ) and _extend(map_, order, near, alike, right):
            return True
        del map_[term]
    return False


def _in_order(colours: dict[Term, int], near: dict[Term, list[Clue]], alike: dict[Term, list[Term]]) -> list[Term]:
    """Variables so that each, where it can, shares a clue with one before it: wrong turns show at once."""
    order: list[Term] = []
    left = dict.fromkeys(colours)
    while left:
        linked = [t for t in left if any(other in order for clue in near[t] for other in clue.terms)] or list(left)
        best = min(linked, key=lambda term: (len(alike[term]), term.value))
        order.append(best)
        del left[best]
    return order


def _colours(query: Query, clues: set[Clue]) -> dict[Term, int]:
    """Variables by what stands around them, refined until nothing more is told apart; equal over queries."""
    colours = {term: int(term == query.answer) for term in query.variables()}
    for _ in colours:
        around: dict[Term, list[Hashable]] = {term: [] for term in colours}
        for clue in clues:
            if isinstance(clue, Bound):
                around[clue.variable].append(("bound", clue.kind, clue.low, clue.high))
                continue
            for place, (term, other) in enumerate(((clue.subject, clue.object), (clue.object, clue.subject))):
                if term.is_variable:
                    seen: Hashable = colours[other] if other.is_variable else (other.kind, other.value)
                    around[term].append((place, clue.relations, seen, term == other))
        fresh = {term: hash((colours[term], frozenset(Counter(held).items()))) for term, held in around.items()}
        settled = len(set(fresh.values())) == len(set(colours.values()))
        colours = fresh
        if settled:
            break
    return colours


def _is_ground(clue: Clue) -> bool:
    return not any(term.is_variable for term in clue.terms)


def _canonical(clue: Clue) -> Clue:
    if isinstance(clue, Bound) or len(clue.relations) == 1:
        return clue
    return type(clue)(clue.subject, tuple(sorted(set(clue.relations))), clue.object)


def _renamed(clue: Clue, map_: dict[Term, Term]) -> Clue:
    if isinstance(clue, Bound):
        return Bound(map_[clue.variable], clue.kind, clue.low, clue.high)
    return type(clue)(map_.get(clue.subject, clue.subject), clue.relations, map_.get(clue.object, clue.object))
