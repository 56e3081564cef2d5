"""A reader of search questions who errs in nothing: it is told the query."""

from __future__ import annotations

from typing import Any

from synth.search_qa.query import Bound, Query
from synth.search_qa.wording.lists import Lists


def stated(query: Query, lists: Lists) -> dict[str, Any]:
    """As a reader who errs in nothing writes it."""
    names = {term: name for name, term in lists.terms.items()}
    words = {relation: word for word, relation in lists.relations.items()}
    clues: list[dict[str, Any]] = []
    for clue in query.clues:
        if isinstance(clue, Bound):
            ends = {"at_least": clue.low, "at_most": clue.high}
            clues.append(
                {"variable": clue.variable.value, "kind": clue.kind, **{k: v for k, v in ends.items() if v is not None}}
            )
        else:
            subject, thing = (term.value if term.is_variable else names[term] for term in clue.terms)
            clues.append({"subject": subject, "relation": [words[name] for name in clue.relations], "object": thing})
    return {"asked": query.answer.value, "clues": clues}
