"""A query in words: one nested sentence where it is a short chain with side clues, clues with letters otherwise.

A clause that opens another ("a person who …") is always the last of its sentence, so that what follows belongs to the thing named
last, as a reader takes it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from synth.search_qa.query import Bound, Clue, Fact, Query, Term
from synth.search_qa.wording.clear import Before, is_clear, named_before
from synth.search_qa.wording.lexicon import Noun, Phrase, Speech, asked_class, hidden_class, nouns, speech
from synth.search_qa.wording.parse import parse
from synth.search_qa.wording.quoting import quoted
from synth.search_qa.wording.same import isomorphic
from synth.search_qa.wording.values import bounds, constant

if TYPE_CHECKING:
    from synth.graph.store import Graph

NESTED = 4  # most facts of a question that is one sentence


def say(query: Query, graph: Graph, language: str, draw: random.Random) -> str:
    """The question. `draw` chooses between phrasings. ValueError where it cannot be said exactly: an unknown relation, a node
    without a name of its own. What is returned has been parsed back."""
    spoken = speech(graph, language)
    if unknown := sorted({name for fact in query.facts for name in fact.relations if name not in spoken.called}):
        raise ValueError(f"the graph has no relation {unknown[0]!r}")
    for plain in (True, False):  # a class may read like words of a template; in marks it cannot
        text = _Teller(query, spoken, draw, plain).text()
        try:
            if isomorphic(parse(text, graph, language), query):
                return text
        except ValueError:
            if not plain:
                raise
    raise ValueError(f"the wording is not read back as the query: {text}")


class _Part(NamedTuple):
    """A clause of a sentence; an open one ends in a thing that has clauses of its own."""

    words: str
    is_open: bool = False


class _Teller:
    def __init__(self, query: Query, spoken: Speech, draw: random.Random, plain: bool) -> None:
        self.query, self.speech, self.draw, self.plain = query, spoken, draw, plain
        self.english = spoken.language == "en"
        self.near: dict[Term, list[Clue]] = defaultdict(list)
        for clue in dict.fromkeys(query.clues):
            for term in {term: None for term in clue.terms if term.is_variable}:
                self.near[term].append(clue)
        self.letters: dict[Term, str] = {}
        self.told: set[Clue] = set()
        self.before: dict[Term, Before] = {}  # in a sentence

    def text(self) -> str:
        """The question."""
        rooms = NESTED if self.draw.random() < 0.8 else NESTED - 1
        if len([fact for fact in self.query.facts if not self.speech.is_class(fact)]) <= rooms and self._is_chain():
            self.before = named_before(self.query.answer, self.near, self._is_leaf, self.speech)
            if is_clear(self.before, self.near, self.speech):
                return self._sentence()
        return self._clues()

    # --- shape

    def _is_chain(self) -> bool:
        """Whether it is a tree in which no thing has two others that have clauses of their own."""
        seen, way = {self.query.answer}, [(self.query.answer, None)]
        while way:
            term, came = way.pop()
            opened = 0
            for fact in self._facts(term):
                if fact is came or self.speech.is_class(fact):
                    continue
                other = fact.object if fact.subject == term else fact.subject
                if not other.is_variable:
                    continue
                if other in seen:
                    return False
                seen.add(other)
                way.append((other, fact))  # type: ignore[arg-type]
                opened += not self._is_leaf(other)
            if opened > 1:
                return False
        return len(seen) == len(self.query.variables()) and all(
            any(term.is_variable for term in clue.terms) for clue in self.query.clues
        )

    def _is_leaf(self, term: Term) -> bool:
        """Whether it can stand without a clause: one fact, and at most one thing that it is."""
        facts = [fact for fact in self._facts(term) if not self.speech.is_class(fact)]
        return (
            term != self.query.answer and len(facts) == 1 and len(self.near[term]) <= 2
            and facts[0].subject.is_variable and facts[0].object.is_variable and facts[0].subject != facts[0].object
        )  # fmt: skip

    def _facts(self, term: Term) -> list[Fact]:
        return [clue for clue in self.near[term] if isinstance(clue, Fact)]

    # --- one sentence

    def _sentence(self) -> str:
        term = self.query.answer
        classes = [fact for fact in self._facts(term) if self.speech.is_class(fact)]
        if classes and len(self.near[term]) > 1:
            self.told.add(classes[0])
            label = self._class(classes[0].object)
            question, hidden = asked_class(label, self.speech.language), hidden_class(label, self.speech.language)
            relative = "that"
        else:
            noun = self._noun(term)
            question, hidden, relative = noun.question, noun.hidden, noun.back
        said = self._joined(self._parts(term))
        if not self.english:
            return f"{self.draw.choice(('', '请问，'))}{question}{said}？"
        if self.draw.random() < 0.3:
            return f"Name {hidden} {relative} {said}."
        return f"{question} {said}?"

    def _parts(self, term: Term) -> list[_Part]:
        """All that is not yet told of a thing, what opens another thing last."""
        parts: list[_Part] = []
        for clue in self._sorted(term):
            if clue in self.told:
                continue
            self.told.add(clue)
            parts.append(self._part(clue, term))
        return sorted(parts, key=lambda part: part.is_open)

    def _sorted(self, term: Term) -> list[Clue]:
        clues = list(self.near[term])
        self.draw.shuffle(clues)
        return sorted(clues, key=lambda clue: 0 if isinstance(clue, Fact) and self.speech.is_class(clue) else 1)

    def _part(self, clue: Clue, term: Term) -> _Part:
        if isinstance(clue, Bound):
            return _Part(
                self._around(
                    Phrase("is ", "") if self.english else Phrase("是", ""), bounds(clue, self.speech.language)
                )
            )
        if self.speech.is_class(clue) and clue.subject == term:
            label = self._class(clue.object)
            return _Part(f"is {hidden_class(label, 'en')}" if self.english else f"是一个{label}")
        forward = clue.subject == term
        other = clue.object if forward else clue.subject
        if not other.is_variable or other in self.letters:
            name = self.letters[other] if other.is_variable else self._constant(other)
            return _Part(self._around(self._phrase(clue.relations, forward, "told"), name))
        head, back, kind = self._head(other, clue, forward)
        words = self._around(self._phrase(clue.relations, forward, kind), head)
        if rest := self._parts(other):
            said = self._joined(rest)
            return _Part(f"{words} {back} {said}" if self.english else f"{words}，而{back}{said}", True)
        return _Part(words)

    def _head(self, term: Term, came: Fact, forward: bool) -> tuple[str, str, str]:
        """What a hidden thing is called, how it is taken up again, and what it is called by: a noun, or what it is."""
        after = "that" if self.english else "后者"
        for clue in self.near[term]:
            if isinstance(clue, Fact) and self.speech.is_class(clue) and clue not in self.told:
                self.told.add(clue)
                return hidden_class(self._class(clue.object), self.speech.language), after, "kind"
        for clue in self.near[term]:
            if isinstance(clue, Bound) and clue not in self.told:
                self.told.add(clue)
                return bounds(clue, self.speech.language, forward and self.speech.years(came.relations)), after, "kind"
        noun = self.speech.noun(came.relations, subject=not forward)
        if noun == nouns(self.speech.language)["thing"]:
            noun = self._noun(term)
        if not self.english and term in self.before and self.before[term].same:
            return noun.hidden, after, "noun"
        return noun.hidden, noun.back, "noun"

    # --- clues with letters

    def _clues(self) -> str:
        order = self._order()
        for number, term in enumerate(term for term in order if not self._is_leaf(term)):
            self.letters[term] = chr(65 + number % 26) + (str(number // 26) if number >= 26 else "")
        groups = [self._grouped(self.letters[term], self._parts(term)) for term in order if term in self.letters]
        sentences = [sentence for group in groups for sentence in group]
        for clue in self.query.clues:
            if clue not in self.told and isinstance(clue, Fact):  # a fact of constants
                self.told.add(clue)
                subject = self._constant(clue.subject)
                words = self._around(self._phrase(clue.relations, True, "told"), self._constant(clue.object))
                sentences.append(f"{subject} {words}." if self.english else f"{subject}{words}。")
        question, letter = self._noun(self.query.answer).question, self.letters[self.query.answer]
        if self.draw.random() < 0.5:
            told = "".join(f"\n{number}. {sentence}" for number, sentence in enumerate(sentences, 1))
        else:
            told = (" " if self.english else "") + (" " if self.english else "").join(sentences)
        if not self.english:
            return self.draw.choice(
                (f"根据下列线索，{letter}是{question}？{told}", f"{told.lstrip()}\n请问{letter}是{question}？")
            )
        return self.draw.choice(
            (f"{question} is {letter}, given these clues?{told}", f"{told.lstrip()}\n{question} is {letter}?")
        )

    def _order(self) -> list[Term]:
        """The answer, then what is near it, then the rest."""
        order = [self.query.answer]
        for term in order:
            for clue in self.near[term]:
                order.extend(other for other in clue.terms if other.is_variable and other not in order)
            if term is order[-1]:
                order.extend([other for other in self.query.variables() if other not in order][:1])
        return order

    def _grouped(self, letter: str, parts: list[_Part]) -> list[str]:
        """Sentences about one thing, of one to three clauses."""
        sentences = []
        while parts:
            count = self.draw.choice((1, 1, 2, 2, 3))
            said, parts = self._joined(parts[:count]), parts[count:]
            sentences.append(f"{letter} {said}." if self.english else f"{letter}{said}。")
        return sentences

    # --- words

    def _phrase(self, relations: tuple[str, ...], forward: bool, other: str) -> Phrase:
        if len(set(relations)) == 1:
            phrases = self.speech.said.get((relations[0], forward), ())
            if fit := [phrase for phrase in phrases if phrase.only in ("", other)]:
                return self.draw.choice(fit)
        return self.speech.generic(self.speech.called_together(tuple(sorted(set(relations)))), forward)

    def _noun(self, term: Term) -> Noun:
        """What it is called: by the first fact whose end has a noun."""
        anything = nouns(self.speech.language)["thing"]
        for fact in self._facts(term):
            if not self.speech.is_class(fact):
                noun = self.speech.noun(fact.relations, subject=fact.subject == term)
                if noun != anything:
                    return noun
        return anything

    def _constant(self, term: Term) -> str:
        if term.kind == "node":
            return quoted(self.speech.name(term))
        if term.kind == "text" and not self.speech.nodes(term.value):
            return quoted(term.value)
        return constant(term.kind, term.value, self.speech.language)

    def _class(self, term: Term) -> str:
        label = self.speech.name(term, classes=True)
        return label if self.plain and self.speech.is_plain(label) else quoted(label)

    def _around(self, phrase: Phrase, words: str) -> str:
        return f"{phrase.before}{words}{phrase.after}"

    def _joined(self, parts: Iterable[_Part]) -> str:
        words = [part.words for part in parts]
        if not self.english:
            return "，并且".join(
                [words[0], *(f"其{said[1:]}" if said.startswith("的") else said for said in words[1:])]
            )
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
