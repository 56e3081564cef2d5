"""Obfuscation by levels: what a clue says outright is said less exactly, as long as one answer is left.

1: dates become ranges and numbers bounds. 2: also, a named thing is told by what it is and by other facts. 3: also, a relation
becomes one of several ("worked on" for directed or wrote). Each only loosens the query; the new clues are proved needed.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

from synth.graph.literals import year_of
from synth.graph.store import Graph
from synth.search_qa.prove import Refused
from synth.search_qa.sample import Draft, Grower

_YEARS = (
    (0, 20),
    (0, 12),
    (1, 8),
    (1, 5),
    (1, 3),
)  # years before and after, at most; the widest that is unique is taken
_ALIKE = 0.1  # of what the smaller of two relations leads from (and to), the larger leads from (and to) so much too
_LOOKED = 100_000  # ends of a relation that are compared


def loosened(
    grower: Grower, draft: Draft, level: int, vague: Mapping[int, Sequence[int]], draw: random.Random
) -> Draft:
    """The query at a level. Raises Refused where it cannot be said so, or then has other answers."""
    made = draft
    if level >= 2:
        # Before dates: a description may bring one.
        held = grower.deepened(made, grower.limits.max_hops - len(made.facts), True, False, draw, typed=True)
        if held is None:
            raise Refused("nothing-to-obfuscate", "no name could be told by other clues")
        made = held
    if level >= 1:
        made = _ranged(grower, made, level == 1, draw)
    if level >= 3:
        made = _vague(grower, made, vague, draw)
    return made


def _ranged(grower: Grower, draft: Draft, must: bool, draw: random.Random) -> Draft:
    """Every date and number as a range."""
    graph = grower.graph
    made, found = draft, False
    for place, (subject, relations, object_) in enumerate(draft.facts):
        if subject >= 0 or object_ < graph.first_number or graph.low[object_] != graph.low[object_]:
            continue
        wider = made.copy()
        hidden = wider.variable(object_, made.depth[-1 - subject] + 1)
        wider.facts[place] = (subject, relations, hidden)
        wider = _widened(grower, made, wider, hidden, draw)
        made, found = wider, True
    if must and not found:
        raise Refused("nothing-to-obfuscate", "no clue is a date or a number")
    return made


def _widened(grower: Grower, draft: Draft, wider: Draft, hidden: int, draw: random.Random) -> Draft:
    """The widest range that leaves one answer; else a narrower one with one clue more."""
    term = grower.graph.term(wider.witness[-1 - hidden])
    ranges = _ranges(term.kind, term.value, draw)
    for low, high in ranges:
        wider.bounds = [*draft.bounds, (hidden, term.kind, low, high)]
        plan = wider.plan()
        if grower.count(plan, 2) == 1:
            if grower.count(plan, 2, plan.clues - 1) > 1:
                return wider
            break
    else:
        if ranges and len(draft.facts) < grower.limits.max_hops:
            wider.bounds[-1:] = [(hidden, term.kind, *ranges[-2 if len(ranges) > 1 else -1])]
            ends = [-1 - number for number in range(len(draft.witness))]
            for end in draw.sample(ends, min(len(ends), 2)):
                for step in grower.clues(wider, end, draw):
                    made = wider.copy()
                    made.add(end, step, step.other)
                    if grower.count(made.plan(), 2) == 1 and _all_needed(grower, made):
                        return made
    raise Refused("not-unique", f"{term.value} is needed exactly")


def _all_needed(grower: Grower, draft: Draft) -> bool:
    plan = draft.plan()
    return all(grower.count(plan, 2, clue) != 1 for clue in reversed(range(plan.clues)))


def _ranges(kind: str, value: str, draw: random.Random) -> list[tuple[str | None, str | None]]:
    """Ranges that hold a value and do not name it, the widest first."""
    if kind == "date":
        year = year_of(value)
        if year is None:
            return []
        found = [_between(year - 1 - draw.randint(*span), year + 1 + draw.randint(*span)) for span in _YEARS]
        return [*draw.sample([(str(year - year % 10), str(year - year % 10 + 9))] if year % 10 not in (0, 9) else [], k=1 if
                year % 10 not in (0, 9) and draw.random() < 0.5 else 0), *found]  # fmt: skip
    return _around(value, draw)


def _between(low: int, high: int) -> tuple[str | None, str | None]:
    return str(low) if abs(low) > 999 else f"{low:05d}" if low < 0 else f"{low:04d}", f"{high:04d}"


def _around(value: str, draw: random.Random) -> list[tuple[str | None, str | None]]:
    """Bounds of a number at round places, from its first digit on."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return []
    if not number.is_finite():
        return []
    first = number.adjusted() if number else 0
    found: list[tuple[str | None, str | None]] = []
    for digits in (first, first - 1, first - 2):
        unit = Decimal(1).scaleb(digits)
        low = (number / unit).to_integral_value("ROUND_FLOOR") * unit
        high = low + unit
        if low == number:
            low -= unit
        ends = (f"{low:f}", f"{high:f}")
        found += draw.sample([(ends[0], None), (None, ends[1])], 2) if digits == first else []
        found.append(ends)
    return found


# -- vague relations -----------------------------------------------------------------------------------------------


def _vague(grower: Grower, draft: Draft, groups: Mapping[int, Sequence[int]], draw: random.Random) -> Draft:
    """The rarest relation that has others like it, as one of them."""
    graph = grower.graph
    sizes = np.bincount(graph.out_relation, minlength=len(graph.relations))
    places = [place for place, fact in enumerate(draft.facts) if groups.get(fact[1][0])]
    draw.shuffle(places)
    places.sort(key=lambda place: int(sizes[draft.facts[place][1][0]]))
    if not places:
        raise Refused("nothing-to-obfuscate", "no relation has others like it")
    for place in places:
        subject, relations, object_ = draft.facts[place]
        others = list(groups[relations[0]])
        draw.shuffle(others)
        for number in range(min(len(others), 3), 0, -1):
            made = draft.copy()
            made.facts[place] = (subject, tuple(sorted({relations[0], *others[:number]})), object_)
            if grower.count(made.plan(), 2) == 1:
                return made
    raise Refused("not-unique", "no relation can be vague")


def alike(graph: Graph, usable: Sequence[int]) -> dict[int, list[int]]:
    """Relations that join the same kinds of things: relation -> others, by what they lead from and to."""
    found = defaultdict[int, list[int]](list)
    ends = {}
    size = graph.size
    subject = np.repeat(np.arange(size, dtype=np.int32), np.diff(graph.out_start))
    for relation in usable:
        places = np.flatnonzero(graph.out_relation == relation)
        if places.size > _LOOKED:
            places = places[:: math.ceil(places.size / _LOOKED)]
        ends[relation] = np.unique(subject[places]), np.unique(graph.out_object[places])
    for one in usable:
        for other in usable:
            if one < other and all(
                min(a.size, b.size) > 0 and np.intersect1d(a, b, True).size >= _ALIKE * min(a.size, b.size)
                for a, b in zip(ends[one], ends[other], strict=True)
            ):
                found[one].append(other)
                found[other].append(one)
    return dict(found)
