"""A question as a Problem's evidence tells it: query, witness, answer and its names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from arcmill.records import Problem
from synth.search_qa.naming import with_bare
from synth.search_qa.query import Fact, Query, Term


@dataclass(frozen=True, slots=True)
class Hop:
    """One fact of a question with constants in the places of its variables, and the id of its edge."""

    edge: str
    subject: Term
    relations: tuple[str, ...]
    object: Term
    answers: bool  # whether the answer is one of its ends


@dataclass(frozen=True, slots=True)
class Question:
    """What the stages after synth-search-qa read of a row. `evidence` is all of it."""

    hops: tuple[Hop, ...]
    answers: tuple[str, ...]  # the answer, and its other names
    language: str
    evidence: dict[str, Any]


def question_of(problem: Problem) -> Question:
    """Read a row. ValueError says what is wrong with its evidence."""
    evidence, answers = names_of(problem)
    query = Query.from_json(evidence.get("query"))
    witness, edges = evidence.get("witness"), evidence.get("edges")
    if not isinstance(witness, dict) or not isinstance(edges, list) or not all(isinstance(edge, str) for edge in edges):
        raise ValueError("evidence has no `witness` and no list of `edges`")
    if len(edges) != query.hops:
        raise ValueError(f"evidence names {len(edges)} edges for {query.hops} facts")
    hops = tuple(_hop(fact, edge, witness, query.answer) for fact, edge in zip(query.facts, edges, strict=True))
    return Question(hops, answers, str(evidence.get("language") or "en"), evidence)


def names_of(problem: Problem) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The evidence of a row of synth-search-qa, and the names of its answer, those without a qualifier in brackets
    among them. ValueError where it is no such row."""
    try:
        evidence = json.loads(problem.evidence or "")
    except ValueError:
        raise ValueError("the row has no evidence that is JSON") from None
    if not isinstance(evidence, dict) or evidence.get("kind") != "search-qa":
        raise ValueError("evidence is not that of synth-search-qa (kind search-qa)")
    aliases = evidence.get("aliases") or []
    if not problem.answer or not isinstance(aliases, list) or not all(isinstance(name, str) for name in aliases):
        raise ValueError("the row has no answer, or its aliases are no list of names")
    return evidence, tuple(with_bare([problem.answer, *aliases]))


def with_evidence(evidence: dict[str, Any], **more: Any) -> str:
    """Evidence as it is stored, with further keys."""
    return json.dumps({**evidence, **more}, sort_keys=True, ensure_ascii=False)


def _hop(fact: Fact, edge: str, witness: dict[str, Any], answer: Term) -> Hop:
    subject, object_ = (_constant(term, witness) for term in fact.terms)
    return Hop(edge, subject, fact.relations, object_, answer in fact.terms)


def _constant(term: Term, witness: dict[str, Any]) -> Term:
    if not term.is_variable:
        return term
    value = witness.get(term.value)
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"the witness of {term.value} is missing")
    ((kind, held),) = value.items()
    return Term(str(kind), str(held))
