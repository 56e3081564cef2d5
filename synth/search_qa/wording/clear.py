"""Whether a reader can tell which thing each clause of a sentence is about.

"A package that requires a package that … and …" leaves open whose the last clause is; so does "a place in a country that … and …".
Of three 软件包, neither 后者 nor 该软件包 says which is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from synth.search_qa.query import Bound, Clue, Fact, Term
from synth.search_qa.wording.lexicon import Noun, Speech, nouns

# Nouns between which a clause does not decide: what is said of a country may be said of a place.
_ALIKE = (
    frozenset({"place", "country", "organization", "building"}),
    frozenset({"person", "agent"}),
    frozenset({"work", "film"}),
)


class Before(NamedTuple):
    """How many things are named before a thing, in a sentence, that …"""

    same: int  # carry a noun or a class that it carries too
    alike: int  # may be what its clauses are about


def named_before(
    answer: Term, near: Mapping[Term, Sequence[Clue]], is_leaf: Callable[[Term], bool], speech: Speech
) -> dict[Term, Before]:
    """Of each thing of a chain that has clauses, what is named before it: the things in whose clauses it stands, and the leaves
    of their clauses."""
    known = {noun: key for key, noun in nouns(speech.language).items()}
    found: dict[Term, Before] = {}
    before: list[frozenset[str]] = []
    seen, way = {answer}, [answer]
    for term in way:
        own = _carried(term, near, speech, known)
        found[term] = Before(
            sum(not own.isdisjoint(other) for other in before), sum(_are_alike(own, other) for other in before)
        )
        before.append(own)
        for clue in near[term]:
            for other in clue.terms:
                if other.is_variable and other not in seen:
                    seen.add(other)
                    if is_leaf(other):
                        before.append(_carried(other, near, speech, known))
                    else:
                        way.append(other)
    return found


def is_clear(before: Mapping[Term, Before], near: Mapping[Term, Sequence[Clue]], speech: Speech) -> bool:
    """Whether each clause of a sentence can be about one thing only."""
    return all(
        not (held.alike and _clauses(near[term], speech) > 1) and (held.same < 2 or speech.language == "en")
        for term, held in before.items()
    )


def _clauses(clues: Sequence[Clue], speech: Speech) -> int:
    """The clauses about a hidden thing, after the one that it is named in and what it is named by."""
    by_kind = any(isinstance(clue, Bound) or speech.is_class(clue) for clue in clues)
    return len(clues) - 1 - by_kind


def _carried(
    term: Term, near: Mapping[Term, Sequence[Clue]], speech: Speech, known: Mapping[Noun, str]
) -> frozenset[str]:
    """The nouns and the classes (as they are written) that a reader may take a thing by."""
    called, classes = set[str](), set[str]()
    for fact in near[term]:
        if isinstance(fact, Fact):
            if speech.is_class(fact):
                classes.add(speech.name(fact.object, classes=True))
            else:
                called.add(known[speech.noun(fact.relations, subject=fact.subject == term)])
    called -= {"thing"}
    forms = nouns(speech.language)
    words = {forms[key].hidden.split(" ", 1)[-1] if speech.language == "en" else forms[key].back[1:] for key in called}
    return frozenset(called | classes | words) or frozenset({"thing"})


def _are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if "thing" in one or "thing" in other or not one.isdisjoint(other):
        return True
    return any(not one.isdisjoint(kind) and not other.isdisjoint(kind) for kind in _ALIKE)
