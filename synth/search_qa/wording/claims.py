"""What a reader says that a question states, as a query: read from JSON, compared with the query that was meant.

The reader knows relations by the words of a list and constants by their names in another, and nothing of the query.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from synth.graph.literals import date_days, number_value
from synth.search_qa.query import Bound, Clue, Fact, Query, Term
from synth.search_qa.wording.same import isomorphic

_VARIABLE = re.compile(r"\?[A-Za-z][A-Za-z0-9_]*\Z")
_MOST = 64  # clues that are read of a reply: more is babble
_FACT = {
    "type": "object", "additionalProperties": False, "required": ["subject", "relation", "object"],
    "properties": {
        "subject": {"type": "string"},
        "relation": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "object": {"type": "string"},
    },
}  # fmt: skip
_LIMIT = {
    "type": "object", "additionalProperties": False, "required": ["variable", "kind"],
    "properties": {
        "variable": {"type": "string"}, "kind": {"enum": ["number", "date"]}, "at_least": {"type": "string"},
        "at_most": {"type": "string"},
    },
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "clues",
        "strict": True,
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["asked", "clues"],
            "properties": {
                "asked": {"type": "string"},
                "clues": {"type": "array", "items": {"anyOf": [_FACT, _LIMIT]}},
            },
        },
    },
}


def claimed(said: Mapping[str, Any], relations: Mapping[str, str], terms: Mapping[str, Term]) -> Query:
    """The query that a reader's JSON states. `relations` and `terms` say what the words and names of its lists mean.
    ValueError where it is none, or uses words that were not listed."""
    folded = {name.casefold(): term for name, term in terms.items()}
    spoken = {word.casefold(): relation for word, relation in relations.items()}
    variables: dict[str, Term] = {}

    def term(value: Any) -> Term:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is no name")
        if _VARIABLE.match(value) and value not in terms:
            return variables.setdefault(value, Term("variable", f"?v{len(variables)}"))
        found = terms.get(value) or folded.get(value.strip().casefold())
        if found is None:
            raise ValueError(f"{value!r} is none of the names")
        return found

    def relation(value: Any) -> str:
        found = spoken.get(value.strip().casefold()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{value!r} is none of the relations")
        return found

    held = said.get("clues")
    if not isinstance(held, list) or not 0 < len(held) <= _MOST:
        raise ValueError("no list of clues")
    asked = term(said.get("asked"))
    clues: list[Clue] = []
    for clue in held:
        if not isinstance(clue, dict):
            raise ValueError(f"{clue!r} is no clue")
        if "variable" in clue:
            ends = [
                None if clue.get(name) in (None, "") else str(clue[name]).strip() for name in ("at_least", "at_most")
            ]
            if (
                not term(clue["variable"]).is_variable
                or clue.get("kind") not in ("number", "date")
                or ends == [None, None]
            ):
                raise ValueError(f"{clue!r} is no bound of a variable")
            clues.append(Bound(term(clue["variable"]), clue["kind"], *ends))
            continue
        words = clue.get("relation")
        names = tuple(map(relation, words if isinstance(words, list) else [words]))
        if not names:
            raise ValueError(f"{clue!r} has no relation")
        clues.append(Fact(term(clue.get("subject")), names, term(clue.get("object"))))
    if not asked.is_variable:
        raise ValueError("a name is asked for")
    return Query(asked, tuple(clues))


def refusal(meant: Query, stated: Query) -> tuple[str, str] | None:
    """(rule, what differs) where a statement is not the query that was meant."""
    meant, stated = _measured(meant), _measured(stated)
    if isomorphic(meant, stated):
        return None
    ours, theirs = Counter(_shapes(meant)), Counter(_shapes(stated))
    if lost := sorted((ours - theirs).elements()):
        return "constraint-lost", f"not stated: {lost[0]}"
    if added := sorted((theirs - ours).elements()):
        return "constraint-added", f"stated besides: {added[0]}"
    return "constraint-lost", "the clues are the same, and are joined otherwise"


def recorded(prompt: str, evidence: Mapping[str, Any]) -> str | None:
    """What does not hold of a rewritten question's record, or None: its clues, as they were read from the text, are the
    query still, by the lists that stand beside them; and the names of its constants stand in the text."""
    from synth.search_qa.wording.names import named

    record = evidence.get("rewrite")
    if evidence.get("wording") != "rewrite" or not isinstance(record, Mapping):
        return "no rewrite is recorded"
    try:
        query = Query.from_json(evidence.get("query"))
        terms = {name: Term(*next(iter(told.items()))) for name, told in record["terms"].items()}
        stated = claimed(record["clues"], record["relations"], terms)
        forms = {name: list(others) for name, others in record["names"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        return f"the record of the rewrite is not readable ({error})"
    if (found := refusal(query, stated)) is not None:
        return f"{found[0]}: {found[1]}"
    for name, others in forms.items():
        if not named(prompt, [name, *others]):
            return f"{name!r} does not stand in the text"
    return None


def _shapes(query: Query) -> list[str]:
    """Clues without the names of their variables, to be compared and shown."""
    told = []
    for clue in query.clues:
        if isinstance(clue, Bound):
            told.append(f"{clue.kind} from {clue.low} to {clue.high}")
        else:
            subject, object_ = (("?" if term.is_variable else term.value) for term in clue.terms)
            told.append(f"{subject} {' or '.join(sorted(set(clue.relations)))} {object_}")
    return told


def _measured(query: Query) -> Query:
    """Bounds by what they allow, so that 1990 to 1999 is 1990-01-01 to 1999-12-31."""
    clues: list[Clue] = []
    for clue in query.clues:
        if isinstance(clue, Bound):
            ends: list[str | None] = []
            for place, end in enumerate((clue.low, clue.high)):
                value = None if end is None else date_days(end)[place] if clue.kind == "date" else number_value(end)
                ends.append(end if value is None or value != value else str(value))
            clue = Bound(clue.variable, clue.kind, *ends)
        clues.append(clue)
    return Query(query.answer, tuple(clues))
