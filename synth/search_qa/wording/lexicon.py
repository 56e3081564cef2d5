"""Phrases for relations and nouns for what they join, by language; and which of them a graph's relations may be said with.

`lexicons/LANGUAGE/relations.tsv`: keys (ids and labels of a relation), noun for its subjects and for its objects, its role
(the noun for "the object is the … of the subject"), the ways it reads (`both`: a symmetric relation, whose phrases say the same
from either end; else `one`), phrases from subject to object, and from object to subject; several are parted by |, {} is where the
other thing stands (at the end where a phrase has none). ~ begins a phrase that reads well only with a name or a letter ("the
genre “Drama”", not "the genre something"), ? one only with the noun of a hidden thing ("carries a tag that …"). `nouns.tsv`: a noun as it is asked for, as it stands for something hidden, and as it is taken up again. Nouns are help
for the reader: they are no clue of a query.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from synth.search_qa.query import Fact, Term
from synth.search_qa.wording.quoting import quoted

if TYPE_CHECKING:
    from synth.graph.store import Graph

LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).parent / "lexicons"


class Phrase(NamedTuple):
    """What stands before and after the other thing; `only`: told, with a name or a letter; noun; or empty."""

    before: str
    after: str
    only: str = ""


_KINDS = {
    "year": {"date"},
    "number": {"number"},
}  # what these nouns stand for; any other: a node, or a text in place of one
_KEPT = 100_000  # names that are remembered, of a graph and language


@dataclass(frozen=True, slots=True)
class Entry:
    """How a relation is said."""

    subject: str
    object: str
    role: str
    is_symmetric: bool
    forward: tuple[Phrase, ...]
    inverse: tuple[Phrase, ...]


class Noun(NamedTuple):
    """The forms of a noun that stands for a thing which the reader is not told."""

    question: str  # Which film
    hidden: str  # a film
    back: str  # that (en: the relative pronoun; zh: 该电影)


@cache
def entries(language: str) -> dict[str, Entry]:
    """Key (folded) -> entry."""
    found: dict[str, Entry] = {}
    for keys, subject, thing, role, ways, forward, inverse in _rows("relations", language):
        entry = Entry(subject, thing, role, ways == "both", _phrases(forward, language), _phrases(inverse, language))
        for key in keys.split("|"):
            found.setdefault(key.casefold(), entry)
    return found


def symmetric(relation: str, graph: Graph) -> bool:
    """Whether what is said of a relation reads the same in both directions ("is a brother or sister of")."""
    held = _entry(relation, graph, LANGUAGES[0])  # every language marks the same
    return held is not None and held.is_symmetric


def _entry(relation: str, graph: Graph, language: str) -> Entry | None:
    """Found by its id, else by its English label."""
    known = entries(language)
    return known.get(relation.casefold()) or known.get(graph.relation_name(relation, "en").casefold())


@cache
def nouns(language: str) -> dict[str, Noun]:
    """Noun -> its forms."""
    return {noun: Noun(*forms) for noun, *forms in _rows("nouns", language)}


def _rows(name: str, language: str) -> list[list[str]]:
    lines = (FOLDER / language / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def _phrases(cell: str, language: str) -> tuple[Phrase, ...]:
    made = []
    for phrase in cell.split("|"):
        before, _, after = phrase.lstrip("~?").partition("{}")
        only = {"~": "told", "?": "noun"}.get(phrase[0], "")
        made.append(Phrase(f"{before} " if language == "en" else before, after, only))
    return tuple(made)


# Words of the templates: a class that holds one of them is quoted.
_TAKEN = {
    "en": frozenset("a an the and or who that is in from through no than of someone something".split()),
    "zh": frozenset("的是某而且并由被或此该哪这那后一个在从到于为"),
}
_PLAIN = {
    "en": re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,})*\Z"),
    "zh": re.compile(r"(?:[A-Za-z]{2,} ?)?[\u4e00-\u9fff]{1,12}\Z"),
}


class Speech:
    """How one graph's relations are said and heard in a language. No two meanings share a phrase: what two relations of the
    graph would be said with, neither is; and what has no phrase is said by its role or its label in quotation marks."""

    def __init__(self, graph: Graph, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is none of {', '.join(LANGUAGES)}")
        self.graph, self.language = graph, language
        self._class_number = next(iter(graph.type_relations), None)
        self.class_relation = None if self._class_number is None else graph.relations[self._class_number]
        self._classes: dict[Term, bool] = {}
        self._nodes: dict[tuple[str, bool], tuple[Term, ...]] = {}
        self._names: dict[tuple[Term, bool], str] = {}
        self._entries = {relation: _entry(relation, graph, language) for relation in graph.relations}
        self._kinds = graph.object_kinds()
        self._phrases()
        self._roles()
        held = [entry for entry in self._entries.values() if entry is not None]
        forms = nouns(language)
        self.nouns = {forms[noun] for entry in held for noun in (entry.subject, entry.object)} | {forms["thing"]}
        self.hidden = {noun.hidden: noun for noun in self.nouns}
        self.questions = sorted({noun.question for noun in self.nouns}, key=lambda form: (-len(form), form))

    def _phrases(self) -> None:
        said = Counter(
            phrase[:2]
            for entry in self._entries.values()
            if entry is not None
            for phrase in (*entry.forward, *entry.inverse)
        )
        self.said: dict[tuple[str, bool], list[Phrase]] = {}
        self.heard: dict[tuple[str, str], tuple[str, bool]] = {}
        for relation, entry in self._entries.items():
            for forward, phrases in ((True, entry.forward), (False, entry.inverse)) if entry else ():
                own = [phrase for phrase in phrases if said[phrase[:2]] == 1]
                self.said[relation, forward] = own
                self.heard.update((phrase[:2], (relation, forward)) for phrase in own)
        self.ends = sorted({after for _, after in self.heard}, key=lambda end: (-len(end), end))

    def _roles(self) -> None:
        """What each relation is called: its role without marks where it has one of its own, else its label, else its id."""
        roles = Counter(entry.role for entry in self._entries.values() if entry is not None)
        labels = {relation: self.graph.relation_name(relation, self.language) for relation in self._entries}
        shared = Counter([*labels.values(), *labels])
        self.called: dict[str, str] = {}
        self.roles: dict[str, str] = {}  # role without marks -> relation
        self.labels: dict[str, str] = {}  # label or id within marks -> relation
        for relation, entry in self._entries.items():
            label = labels[relation]
            label = label if shared[label] == 1 or (label == relation and shared[label] == 2) else relation
            self.labels[label] = self.called[relation] = relation
            self.called[relation] = quoted(label)
            if entry is not None and roles[entry.role] == 1 and not self._is_taken(entry.role, relation):
                self.roles[entry.role] = relation
                self.called[relation] = entry.role

    def _is_taken(self, role: str, relation: str) -> bool:
        """Whether a phrase that means something else says what the role would be said with."""
        return any(
            self.heard.get(self.generic(role, forward)[:2], (relation, forward)) != (relation, forward)
            for forward in (True, False)
        )

    def generic(self, called: str, forward: bool) -> Phrase:
        """To say that the object is the `called` of the subject."""
        if self.language == "en":
            article = an(called)
            return Phrase(f"has as {called} ", "") if forward else Phrase(f"is {article} {called} of ", "")
        return Phrase(f"的{called}是", "") if forward else Phrase("是", f"的{called}")

    def called_together(self, relations: tuple[str, ...]) -> str:
        """The roles of several relations, in a form that is heard as the same ones."""
        return (" or " if self.language == "en" else "或").join(self.called[relation] for relation in relations)

    def noun(self, relations: tuple[str, ...], subject: bool) -> Noun:
        """What stands for a thing hidden at an end of a fact; "something" where the relations differ in it."""
        found = {self._end(relation, subject) for relation in relations}
        return nouns(self.language)[found.pop() if len(found) == 1 else "thing"]

    def years(self, relations: tuple[str, ...]) -> bool:
        """Whether a date that the relations point to is the year of something."""
        return all(entry is not None and entry.object == "year" for entry in map(self._entries.get, relations))

    def _end(self, relation: str, subject: bool) -> str:
        """The noun for an end of a relation, where what the graph holds there is of its kind."""
        entry = self._entries.get(relation)
        if entry is None:
            return "thing"
        noun = entry.subject if subject else entry.object
        kinds = {"node"} if subject else self._kinds[relation]
        return noun if noun == "thing" or kinds <= _KINDS.get(noun, {"node", "text"}) else "thing"

    def is_class(self, fact: Fact) -> bool:
        """Whether a fact says of which class a variable is."""
        if fact.relations != (self.class_relation,) or not fact.subject.is_variable or fact.object.kind != "node":
            return False
        if (held := self._classes.get(fact.object)) is None:
            number = self.graph.index(fact.object)
            held = self._classes[fact.object] = number is not None and self._has_instances(number)
        return held

    def is_plain(self, label: str) -> bool:
        """Whether a class may stand in a text without marks."""
        if not _PLAIN[self.language].match(label):
            return False
        if self.language == "en":
            if not _TAKEN["en"].isdisjoint(label.lower().replace("-", " ").split()):
                return False
        elif not _TAKEN["zh"].isdisjoint(label):
            return False
        hidden, asked = hidden_class(label, self.language), asked_class(label, self.language)
        return not any(_overlap(noun.hidden, hidden) or _overlap(noun.question, asked) for noun in self.nouns)

    def nodes(self, name: str, classes: bool = False) -> tuple[Term, ...]:
        """The nodes of a name, or those that something is an instance of; by their letters where there are such, else by the
        graph's folding."""
        held = self._nodes.get((name, classes))
        if held is None:
            numbers = self.graph.bearers(name)
            numbers = [number for number in numbers if name in self.graph.names(number)] or numbers
            if classes:
                numbers = [number for number in numbers if self._has_instances(number)]
            if len(self._nodes) > _KEPT:
                self._nodes.clear()
            held = self._nodes[name, classes] = tuple(map(self.graph.term, numbers))
        return held

    def node(self, name: str, classes: bool = False) -> Term | None:
        """The one node of a name. ValueError where several have it."""
        found = self.nodes(name, classes)
        if len(found) > 1:
            raise ValueError(f"{name!r} is the name of {len(found)} nodes")
        return found[0] if found else None

    def name(self, term: Term, classes: bool = False) -> str:
        """A name that only this node has: the label where it is so, else another one. ValueError where it has none."""
        if (held := self._names.get((term, classes))) is not None:
            return held
        number = self.graph.index(term)
        if number is None:
            raise ValueError(f"the graph has no node {term.value!r}")
        for name in dict.fromkeys([self.graph.name(number, self.language), *self.graph.names(number)]):
            if self.nodes(name, classes) == (term,):
                if len(self._names) > _KEPT:
                    self._names.clear()
                self._names[term, classes] = name
                return name
        raise ValueError(f"no name of node {term.value!r} is its own")

    def _has_instances(self, number: int) -> bool:
        return self._class_number is not None and len(self.graph.subjects(number, self._class_number)) > 0


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def an(word: str) -> str:
    """The indefinite article before a word."""
    held = word.lstrip("“‘«「『〔").lower()
    vowel = held[:1] in tuple("aeiou") and not re.match(r"uni|use|eu|one\b|once\b|ut[aei]|u\b", held)
    return "an" if vowel else "a"


def hidden_class(label: str, language: str) -> str:
    """A class that stands for a thing of it."""
    return f"{an(label)} {label}" if language == "en" else f"某个{label}"


def asked_class(label: str, language: str) -> str:
    """A class that is asked for."""
    return f"Which {label}" if language == "en" else f"哪个{label}"


_SPEECHES: WeakKeyDictionary[Graph, dict[str, Speech]] = WeakKeyDictionary()


def speech(graph: Graph, language: str) -> Speech:
    """The speech of a graph in a language, made once."""
    held = _SPEECHES.setdefault(graph, {})
    if language not in held:
        held[language] = Speech(graph, language)
    return held[language]
