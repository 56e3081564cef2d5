"""Wikidata's JSON dump: an entity a line (https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from arcmill.stage import Failure, SourceFile
from synth.graph.facts import Fact, Read, date, dropped, errored, number
from synth.graph.formats.lines import text_lines

_ENTITY = re.compile(r'\s*\[?\s*\{.*"(?:id|entity)"\s*:\s*"[QPL]\d+"')
_KEY = re.compile(r"[QPL]\d+\Z", re.ASCII)
_TIME = re.compile(r"([+-])(\d{1,11})-(\d\d)-(\d\d)T")
_DAY, _MONTH, _YEAR = 11, 10, 9  # precisions
_NO_FACT = {
    "external-id": "external-id", "commonsMedia": "media", "url": "media", "globe-coordinate": "coordinate",
    "geo-shape": "media", "tabular-data": "media", "math": "media", "musical-notation": "media",
}  # fmt: skip


def looks_so(first: Sequence[str]) -> bool:
    """Whether the first lines are those of such a dump."""
    shown = [line for line in first if line.strip() not in ("", "[", "]")]
    return bool(shown) and all(_ENTITY.match(line[:65536]) for line in shown[:2])


def read(file: SourceFile, limit: int, languages: Collection[str] | None = None) -> Iterator[Read]:
    """The facts of a dump: labels, aliases and descriptions, claims of the best rank, redirects."""
    for found in text_lines(file, limit):
        if isinstance(found, Failure):
            yield found
            continue
        number_, text = found
        text = text.strip().rstrip(",")
        if text in ("[", "]", ""):
            continue
        where = f"{file.name}:{number_}"
        try:
            entity = orjson.loads(text.removeprefix("[").removesuffix("]") if text[0] == "[" else text)
        except orjson.JSONDecodeError as error:
            yield errored("bad-json", where, str(error))
            continue
        yield from _entity(entity, number_, where, languages)


def _entity(entity: Any, line: int, where: str, languages: Collection[str] | None) -> Iterator[Read]:
    """Every line ends as facts or in the ledger; an entity that says nothing is dropped as `no-fact`."""
    key = entity.get("id") if isinstance(entity, dict) else None
    if key is None and isinstance(entity, dict) and "redirect" in entity:
        key = entity.get("entity")  # {"entity": "Q7", "redirect": "Q1"}
    if not isinstance(key, str):
        yield errored("not-an-entity", where, "an object with an `id` is needed")
        return
    said = False
    if "redirect" in entity:
        target, said = entity["redirect"], True
        if isinstance(target, str) and _KEY.match(target):
            yield Fact(key, "redirect", target, "node", None, line)
        else:
            yield errored("bad-redirect", where, f"{key}: {target!r:.40} is no id of an entity")
    for item in _told(entity, key, line, where, languages):
        yield item
        said = True
    if not said:
        yield dropped("no-fact", where, f"{key}: no claim, and no name in a language that is taken")


def _told(
    entity: Mapping[str, Any], key: str, line: int, where: str, languages: Collection[str] | None
) -> Iterator[Read]:
    moved = entity.get("redirects")
    if isinstance(moved, dict) and isinstance(moved.get("from"), str):
        yield Fact(moved["from"], "redirect", key, "node", None, line)
    for field, relation in (("labels", "label"), ("descriptions", "description"), ("aliases", "alias")):
        told = entity.get(field)
        if isinstance(told, dict):  # an empty one is written as a list
            for language in told if languages is None else languages:
                values = told.get(language)
                for value in values if isinstance(values, list) else [values]:
                    if isinstance(value, dict) and isinstance(value.get("value"), str) and value["value"].strip():
                        yield Fact(key, relation, value["value"], "text", language, line)
    claims = entity.get("claims") or {}  # none are written as a list
    if not isinstance(claims, dict):
        yield errored("not-a-claim", where, f"{key}: `claims` is no object")
    for relation, statements in claims.items() if isinstance(claims, dict) else ():
        if not isinstance(statements, list):
            yield errored("not-a-claim", where, f"{key} {relation}: a list is needed")
            continue
        ranks = [one.get("rank", "normal") if isinstance(one, dict) else "" for one in statements]
        best = "preferred" if "preferred" in ranks else "normal"
        for one, rank in zip(statements, ranks, strict=True):
            if rank != best:
                rule = "not-the-best-rank" if rank in ("normal", "deprecated") else "not-a-claim"
                yield (dropped if rank else errored)(
                    rule, where, f"{key} {relation}: a statement of rank {rank or 'none'}"
                )
                continue
            yield _claim(key, relation, one.get("mainsnak"), line, where)


def _claim(key: str, relation: str, snak: Any, line: int, where: str) -> Read:
    here = f"{key} {relation}"
    if not isinstance(snak, dict):
        return errored("not-a-claim", where, f"{here}: a statement without `mainsnak`")
    if snak.get("snaktype") != "value":
        return dropped("no-value", where, f"{here}: {snak.get('snaktype')!r:.40}")
    if isinstance(kind := snak.get("datatype"), str) and kind in _NO_FACT:
        return dropped(_NO_FACT[kind], where, f"{here}: {kind} is no fact to ask about")
    told = snak.get("datavalue")
    value = told.get("value") if isinstance(told, dict) else None
    form = told.get("type") if isinstance(told, dict) else None
    if form == "string" and isinstance(value, str):
        return Fact(key, relation, value, "text", None, line)
    if isinstance(value, Mapping):
        if form == "wikibase-entityid":
            return _pointed(key, relation, value, line, where)
        if form == "time":
            return _time(key, relation, value, line, where)
        if form == "quantity" and isinstance(value.get("amount"), str):
            amount = number(value["amount"])
            if amount is not None:
                return Fact(key, relation, amount, "number", None, line)
        if form == "monolingualtext" and isinstance(value.get("text"), str):
            return Fact(key, relation, value["text"], "text", str(value.get("language") or "und"), line)
    return errored("unknown-value", where, f"{here}: a value of type {form!r:.40} that is not understood")


def _pointed(key: str, relation: str, value: Mapping[str, Any], line: int, where: str) -> Read:
    target = value.get("id")
    if not isinstance(target, str) and isinstance(value.get("numeric-id"), int):
        target = f"{'P' if value.get('entity-type') == 'property' else 'Q'}{value['numeric-id']}"
    if not isinstance(target, str):
        return errored("unknown-value", where, f"{key} {relation}: an entity without an id")
    return Fact(key, relation, target, "node", None, line)


def _time(key: str, relation: str, value: Mapping[str, Any], line: int, where: str) -> Read:
    found = _TIME.match(str(value.get("time")))
    precision = value.get("precision")
    if found is None or not isinstance(precision, int):
        return errored("bad-date", where, f"{key} {relation}: {str(value.get('time'))[:40]!r} is no time of Wikidata")
    if precision < _YEAR or int(found[2]) > 9999:
        return dropped(
            "vague-date", where, f"{key} {relation}: {found[0]} with precision {precision} is less than a year"
        )
    year = f"{'-' if found[1] == '-' else ''}{int(found[2]):04d}"
    made = {_YEAR: year, _MONTH: f"{year}-{found[3]}"}.get(precision, f"{year}-{found[3]}-{found[4]}")
    if (known := date(made)) is None:
        return errored("bad-date", where, f"{key} {relation}: {made} is no date")
    return Fact(key, relation, known, "date", None, line)
