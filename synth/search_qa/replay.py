"""Search questions, proved again on their graph: what `arcmill verify` does with such a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from arcmill.records import AgentTask, Problem, stable_id
from synth.graph.store import Graph
from synth.search_qa.naming import with_bare
from synth.search_qa.prove import Demand, Proof, Refused, prove
from synth.search_qa.query import CONSTANTS, Query, Term
from synth.search_qa.solve import Solver, planned
from synth.search_qa.wording import isomorphic, parse, revealed
from synth.search_qa.wording.claims import recorded

KIND = "search-qa"


def evidence_of(row: Problem | AgentTask) -> dict[str, Any] | None:
    """The evidence of a search question, or of the one that a task is about; None of any other row."""
    found = _held(row)
    return found if found is not None and found.get("kind") == KIND else None


def lacks_evidence(row: Problem | AgentTask) -> bool:
    """Whether a row should have such evidence and has not: a question of search that is no passage for people to read."""
    if not isinstance(row, Problem) or row.domain != "search":
        return False
    return (_held(row) or {}).get("kind") not in (KIND, "passage-qa")


def _held(row: Problem | AgentTask) -> dict[str, Any] | None:
    try:
        if isinstance(row, AgentTask):
            goal = json.loads(row.goal) if row.goal else None
            found = goal.get("evidence") if isinstance(goal, dict) else None
        else:
            found = json.loads(row.evidence) if row.evidence else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def graph_of(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """The fingerprints of the datasets that the question's graph was loaded from."""
    held = evidence.get("graph")
    return tuple(str(mark) for mark in held) if isinstance(held, list) else ()


def replay(row: Problem | AgentTask, evidence: Mapping[str, Any], solver: Solver) -> str | None:
    """What does not hold of a row, or None: the proof is made anew, its figures compared, and the text read back.

    Of a task the text is an instruction with a question in it: there the proof, its figures and the answers are compared.
    """
    graph, language = solver.graph, str(evidence.get("language"))
    try:
        proof = _proved(evidence, solver, language)
    except Refused as refused:
        return f"{row.id}: {refused}"
    except ValueError as error:
        return f"{row.id}: {error}"
    if (wrong := _figures(row.id, evidence, proof, graph)) is not None:
        return wrong
    return (
        _of_task(row, proof, graph)
        if isinstance(row, AgentTask)
        else _of_question(row, evidence, proof, graph, language)
    )


def _proved(evidence: Mapping[str, Any], solver: Solver, language: str) -> Proof:
    query = Query.from_json(evidence.get("query"))
    plan, variables = planned(solver.graph, query)
    witness = _witness(evidence.get("witness"), variables, solver.graph)
    held = evidence.get("proof")
    if not isinstance(held, dict):
        raise ValueError("there is no proof")
    cap, hub = held.get("cap"), held.get("hub_degree")
    if type(cap) is not int or cap < 2 or not (hub is None or type(hub) is int):
        raise ValueError("the proof names neither cap nor hub_degree as numbers")
    return prove(solver, plan, witness, Demand(cap, hub), language, (query, variables))


def _witness(value: Any, variables: list[Term], graph: Graph) -> list[int]:
    if not isinstance(value, dict) or set(value) != {term.value for term in variables}:
        raise ValueError("the witness does not say what each variable of the query is")
    found = []
    for variable in variables:
        told = value[variable.value]
        if not isinstance(told, dict) or len(told) != 1 or not set(told) <= set(CONSTANTS):
            raise ValueError(f"the witness of {variable.value} is no constant")
        ((kind, held),) = told.items()
        number = graph.index(Term(kind, str(held)))
        if number is None:
            raise ValueError(f"the graph does not hold {held!r}, the witness of {variable.value}")
        found.append(number)
    return found


def _figures(identifier: str, evidence: Mapping[str, Any], proof: Proof, graph: Graph) -> str | None:
    for name, value in proof.evidence(graph).items():
        held = evidence.get(name)
        if held != value and isinstance(held, dict) and isinstance(value, dict):
            name, held, value = next(
                (f"{name}.{key}", held.get(key), value.get(key))
                for key in sorted({*held, *value}) if held.get(key) != value.get(key)
            )  # fmt: skip
        if held != value:
            return f"{identifier}: {name} is {_short(value)} now, {_short(held)} is recorded"
    level, query = evidence.get("level"), proof.query
    vague, bounds = any(len(fact.relations) > 1 for fact in query.facts), len(query.facts) < len(query.clues)
    if level not in (0, 1, 2, 3) or (vague and level != 3) or (bounds and level == 0) or (level == 1 and not bounds):
        return (
            f"{identifier}: level {_short(level)} is recorded; the query has {'a' if vague else 'no'} vague relation and "
            + ("bounds" if bounds else "no bounds")
        )
    return None


def _of_task(row: AgentTask, proof: Proof, graph: Graph) -> str | None:
    goal = json.loads(row.goal or "")
    known = with_bare(graph.names(proof.witness[0]))
    answers = [goal.get("answer"), *(goal.get("aliases") or ())]
    wrong = next((answer for answer in answers if answer not in known), None)
    return None if wrong is None else f"{row.id}: {_short(wrong)} is no name of the answer, {_short(known[0])}"


def _of_question(row: Problem, evidence: Mapping[str, Any], proof: Proof, graph: Graph, language: str) -> str | None:
    if row.answer_type != "exact":
        return f"{row.id}: answer_type is {row.answer_type!r}, a search question's is 'exact'"
    if row.pass_rate is not None and not 0 <= row.pass_rate <= 1:
        return f"{row.id}: pass_rate {row.pass_rate} is no share"
    answer = graph.name(proof.witness[0], language)
    if row.answer != answer:
        return f"{row.id}: the answer is {answer!r}, the row says {row.answer!r}"
    others = [name for name in graph.names(proof.witness[0]) if name != answer]
    if evidence.get("aliases") != others:
        return (
            f"{row.id}: aliases of the answer are {_short(others)} now, {_short(evidence.get('aliases'))} is recorded"
        )
    for term, number in zip(proof.variables, proof.witness, strict=True):
        if found := revealed(row.prompt, graph.names(number)):
            return f"{row.id}: name-in-text: {found[0]!r} of {term.value}"
    text = row.prompt
    if evidence.get("wording") == "rewrite":
        if (wrong := recorded(row.prompt, evidence)) is not None:
            return f"{row.id}: {wrong}"
        text = str(evidence["rewrite"].get("template"))
    elif evidence.get("wording") != "template":
        return None
    canonical = json.dumps(evidence["query"], sort_keys=True, ensure_ascii=False)
    if row.id != (own := stable_id("search-qa", canonical, language)):
        return f"{row.id}: the id of this query and language is {own}"
    try:
        same = isomorphic(parse(text, graph, language), proof.query)
    except ValueError as error:
        return f"{row.id}: the text is no question of a template ({error})"
    return None if same else f"{row.id}: the text states another query"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
