"""The relations and names that a reader of a rewritten question is given: those of the query among others."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from synth.search_qa.query import Query, Term
from synth.search_qa.wording.lexicon import Speech


class Lists(NamedTuple):
    """Word -> relation, name -> constant, and how each relation is shown."""

    relations: dict[str, str]
    terms: dict[str, Term]
    shown: dict[str, str]

    @staticmethod
    def of(row: str, query: Query, spoken: Speech, other_relations: int, other_names: int) -> Lists:
        """The lists of a row; what is added is drawn by its id. ValueError where a constant has no name of its own."""
        graph, draw = spoken.graph, Random(row)
        used = {relation for fact in query.facts for relation in fact.relations}
        if unknown := sorted(used.difference(spoken.called)):
            raise ValueError(f"the graph has no relation {unknown[0]!r}")
        others = [relation for relation in graph.relations if relation not in used]
        relations = sorted(used | set(draw.sample(others, min(other_relations, len(others)))))
        words = {relation: label for label, relation in spoken.labels.items()}
        classes = {fact.object for fact in query.facts if spoken.is_class(fact)}
        terms: dict[str, Term] = {}
        for term in query.constants():
            name = spoken.name(term, term in classes) if term.kind == "node" else term.value
            if terms.setdefault(name, term) != term:
                raise ValueError(f"{name!r} is the name of two of its constants")
        for _ in range(other_names if graph.first_literal else 0):
            number = draw.randrange(graph.first_literal)
            terms.setdefault(graph.name(number, spoken.language), graph.term(number))
        names = sorted(terms)
        shown = {words[relation]: _shown(relation, words[relation], spoken) for relation in relations}
        return Lists(
            {words[relation]: relation for relation in relations}, {name: terms[name] for name in names}, shown
        )

    def told(self) -> str:
        """The relations, one a line."""
        return "\n".join(self.shown.values())


def _shown(relation: str, word: str, spoken: Speech) -> str:
    phrases = spoken.said.get((relation, True))
    if relation == spoken.class_relation:
        meaning = "X is a thing of the class Y" if spoken.language == "en" else "X属于Y这一类"
    elif phrases:
        blank = " " if spoken.language == "en" else ""
        meaning = f"X{blank}{phrases[0].before}Y{phrases[0].after}"
    else:
        phrase = spoken.generic(spoken.called[relation], True)
        meaning = f"X{' ' if spoken.language == 'en' else ''}{phrase.before}Y{phrase.after}"
    return f"- {word}: {meaning}"
