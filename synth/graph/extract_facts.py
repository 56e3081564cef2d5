"""What of a model's facts the document itself bears out, as edges."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.generation import Made
from arcmill.records import EDGE_KINDS, Document, Edge, stable_id
from arcmill.replies import json_objects
from synth.graph.facts import Refused, date, name, number, shown

if TYPE_CHECKING:
    from synth.graph.extract import ExtractGraph

_TEXTS = ("subject", "relation", "object", "sentence")
_PROPERTIES: dict[str, Any] = {field: {"type": "string"} for field in (*_TEXTS, "subject_type", "object_type")}
_PROPERTIES["kind"] = {"type": "string", "enum": list(EDGE_KINDS)}
_FACT = {"type": "object", "properties": _PROPERTIES, "required": [*_TEXTS, "kind"], "additionalProperties": False}
_REPLY = {
    "type": "object", "properties": {"facts": {"type": "array", "items": _FACT}}, "required": ["facts"],
    "additionalProperties": False,
}  # fmt: skip
SCHEMA = {"type": "json_schema", "json_schema": {"name": "facts", "schema": _REPLY, "strict": True}}
_PRONOUNS = frozenset(
    "i you he she it we they him her them his hers its their this that these those who which what there here one the author "
    "他 她 它 他们 她们 它们 我 我们 你 这 那 该 其 此".split()
)
_MONTHS = {month: number for number, month in enumerate(
    "january february march april may june july august september october november december".split(), 1)}  # fmt: skip
_DAY_FIRST = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)?(?: of)? )?([A-Za-z]{3,9})\.?,? (\d{4})\Z")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\Z")
_CHINESE = re.compile(r"(\d{4})\s*年(?:\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*日)?)?\Z")
_FIRST_NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")


class _No(Exception):
    """Why a fact is not kept."""


def kept(document: Document, parts: Sequence[tuple[int, str]], replies: Sequence[str], config: ExtractGraph) -> Made:
    """The edges that the document bears out, with names and types of their ends, and how many were refused for which
    reason. Each edge stands once."""
    tallies: Counter[str] = Counter()
    rows: dict[str, Edge] = {}
    for (start, passage), reply in zip(parts, replies, strict=True):
        tallies["passages"] += 1
        facts = _facts(reply)
        if facts is None:
            tallies["refused.reply-is-no-json"] += 1
            continue
        for fact in facts:
            tallies["facts"] += 1
            try:
                edges = list(_edges(fact, document, start, passage, config))
            except _No as no:
                tallies[f"refused.{no}"] += 1
                continue
            if edges[0].id in rows:
                tallies["refused.repeated"] += 1
                continue
            tallies["kept"] += 1
            for edge in edges:
                rows.setdefault(edge.id, edge)
    if not rows:
        tallies["documents_without_facts"] += 1
    return Made(list(rows.values()), dict(tallies))


def _facts(reply: str) -> list[Any] | None:
    """The facts of the last object of a reply that has any; None for no JSON."""
    for found in json_objects(reply):
        if isinstance(found.get("facts"), list):
            return list(found["facts"])
    return None


def _edges(fact: Any, document: Document, start: int, passage: str, config: ExtractGraph) -> Iterator[Edge]:
    if not isinstance(fact, dict) or not all(isinstance(fact.get(field), str) for field in _TEXTS):
        raise _No("malformed")
    try:
        subject, relation, value = (name(fact[field], 10_000) for field in _TEXTS[:3])
    except Refused:
        raise _No("malformed") from None
    relation = "_".join(re.findall(r"\w+", relation.casefold()))
    known = {"_".join(re.findall(r"\w+", known.casefold())): known for known in config.relations}
    if not relation or (known and relation not in known):
        raise _No("unknown-relation" if relation else "malformed")
    relation = known.get(relation, relation)
    if max(len(subject), len(value)) > config.max_name_characters:
        raise _No("name-too-long")
    if subject.casefold() in _PRONOUNS or value.casefold() in _PRONOUNS:
        raise _No("pronoun")
    found = locate(fact["sentence"], passage)
    if found is None:
        raise _No("sentence-not-found")
    sentence = passage[found[0] : found[1]]
    if len(sentence) > config.max_sentence_characters:
        raise _No("sentence-too-long")
    read = shown(sentence)  # as names are read: a soft hyphen stands in neither
    if not stands(subject, read) or not stands(value, read):
        raise _No("not-named-in-sentence")
    kind = fact.get("kind") if fact.get("kind") in EDGE_KINDS else "node"
    if folded(subject) == folded(value):
        raise _No("self-loop")
    end, kind = _object(value, str(kind))
    where = f"{document.id}:{start + found[0]}-{start + found[1]}"

    def edge(a: str, r: str, b: str, of: str, language: str | None = None) -> Edge:
        parts = ("edge", a, r, b, of) if language is None else ("edge", a, r, b, of, language)
        return Edge(
            stable_id(*parts), a, r, b, of, document.source, where, document.id, sentence, language, document.license
        )

    ends = [(subject, _type(fact.get("subject_type"), config))]
    ends += [(end, _type(fact.get("object_type"), config))] if kind == "node" else []
    ids = [f"{of}:{called}" if of else called for called, of in ends]
    yield edge(ids[0], relation, ids[1] if kind == "node" else end, kind, document.language if kind == "text" else None)
    for key, (called, of) in zip(ids, ends, strict=True):
        yield edge(key, "label", called, "text", document.language)
        if of:
            yield edge(key, "type", f"type:{of}", "node")
            yield edge(f"type:{of}", "label", of, "text")


def _type(told: Any, config: ExtractGraph) -> str | None:
    found = " ".join(told.split()).casefold() if isinstance(told, str) else ""
    return next((kind for kind in config.types if kind.casefold() == found), None)


def _object(value: str, kind: str) -> tuple[str, str]:
    if kind == "date":
        made = spoken_date(value)
    elif kind == "number":
        figures = _FIRST_NUMBER.match(value)  # "42.5 metres": the unit belongs to the relation
        made = number(figures[0]) if figures else None
    else:
        return value, kind
    if made is None:
        raise _No(f"not-a-{kind}")
    return made, kind


def spoken_date(text: str) -> str | None:
    """ISO 8601 of a date as English and Chinese write it, or of ISO 8601 itself; None where it is none."""
    text = " ".join(text.split())
    if (made := date(text)) is not None:
        return made
    if found := _CHINESE.match(text):
        year, month, day = found.groups()
    elif found := _DAY_FIRST.match(text):
        day, month, year = found.groups()
    elif found := _MONTH_FIRST.match(text):
        month, day, year = found.groups()
    else:
        return None
    if month is not None and not month.isdigit():
        named = [number for name, number in _MONTHS.items() if name.startswith(month.lower())]
        if len(named) != 1:
            return None
        month = str(named[0])
    return date("-".join([year, *(f"{int(part):02d}" for part in (month, day) if part is not None)]))


def folded(text: str) -> str:
    """As names are compared: NFKC, casefold, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def locate(sentence: str, text: str) -> tuple[int, int] | None:
    """Where a sentence stands in a text, however its words are spaced."""
    words = sentence.split()
    if not words or len(sentence) > 10_000:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), text)
    return found.span() if found else None


def stands(called: str, sentence: str) -> bool:
    """Whether a name stands in a sentence as whole words; scripts without spaces have no borders."""
    wanted, held = folded(called), folded(sentence)
    for found in re.finditer(re.escape(wanted), held):
        before, after = held[: found.start()][-1:], held[found.end() :][:1]
        if not _joined(before, wanted[:1]) and not _joined(wanted[-1:], after):
            return True
    return False


def _joined(left: str, right: str) -> bool:
    return bool(left and right) and left.isalnum() and right.isalnum() and max(left, right) < "\u2e80"
