"""Values that fit a schema, where nothing else gives one: of tools that nobody has described further."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

CITIES = ("Lisbon", "Osaka", "Nairobi", "Oslo", "Lima", "Hanoi", "Tunis", "Quito")
PEOPLE = ("Mei Kato", "Ines Duarte", "Omar Haddad", "Lena Brandt", "Kofi Mensah", "Ravi Iyer")
SUBJECTS = ("tide tables", "solar panels", "bicycle lanes", "sourdough", "night trains", "river otters", "paper maps")
# The end of a parameter's name -> what it is likely to be
BY_NAME: Mapping[str, tuple[Any, ...]] = {
    "city": CITIES, "location": CITIES, "place": CITIES, "origin": CITIES, "destination": CITIES, "address": ("12 Harbour Street, Lisbon",),
    "country": ("Portugal", "Japan", "Kenya", "Norway", "Peru"), "name": PEOPLE, "author": PEOPLE, "user": PEOPLE, "username": ("meikato", "inesd", "omarh"),
    "email": ("mei.kato@example.com", "ines.duarte@example.com"), "to": ("omar.haddad@example.com",), "query": SUBJECTS, "q": SUBJECTS, "keyword": SUBJECTS,
    "search": SUBJECTS, "topic": SUBJECTS, "title": ("Notes on tide tables", "A week of night trains"), "subject": ("The meeting on Thursday",),
    "text": ("The harbour opens at six.", "Please bring the paper maps."), "message": ("I will be ten minutes late.",), "content": ("Bring the paper maps.",),
    "body": ("The harbour opens at six.",), "description": ("A short walk along the river",), "language": ("English", "Portuguese", "Japanese"),
    "lang": ("en", "pt", "ja"), "currency": ("EUR", "JPY", "KES"), "symbol": ("EURUSD", "ACME"), "date": ("2031-05-14", "2031-09-02"), "start": ("2031-05-14",),
    "end": ("2031-05-20",), "time": ("09:30", "16:45"), "url": ("https://example.com/page",), "website": ("https://example.com",), "id": ("A1042", "B2277", "K3310"),
    "code": ("K3310", "A1042"), "path": ("notes/harbour.txt",), "file": ("harbour.txt",), "phone": ("+1 555 0142",), "color": ("green", "amber"),
    "latitude": (38.72, -1.29), "longitude": (-9.14, 36.82), "lat": (38.72,), "lon": (-9.14,), "year": (2019, 2027), "age": (31, 47),
}  # fmt: skip
FORMATS: Mapping[str, tuple[str, ...]] = {
    "date": ("2031-05-14", "2031-09-02"), "date-time": ("2031-05-14T09:30:00Z",), "time": ("09:30:00Z",), "email": ("mei.kato@example.com",),
    "uri": ("https://example.com/page",), "url": ("https://example.com/page",), "uuid": ("6f1c2f0a-4a5e-4c57-9d6e-2f0b9f7c1d11",), "ipv4": ("192.0.2.14",),
    "hostname": ("example.com",),
}  # fmt: skip
WORDS = ("harbour", "lantern", "meadow", "copper", "juniper", "quartz")


class Impossible(ValueError):
    """No value can be made up for a schema."""


def invented(schema: Mapping[str, Any], name: str, draw: random.Random, deep: int = 0) -> Any:
    """A value for a parameter. Raises Impossible. The caller checks it against the whole schema."""
    if "const" in schema:
        return schema["const"]
    for held in ("enum", "examples"):
        if isinstance(schema.get(held), list) and schema[held]:
            return draw.choice(schema[held])
    if "example" in schema:
        return schema["example"]
    for several in ("anyOf", "oneOf", "allOf"):
        ways = [way for way in schema.get(several, []) if isinstance(way, Mapping) and way.get("type") != "null"]
        if ways:
            return invented(ways[0], name, draw, deep + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    kind = kind or ("object" if "properties" in schema else "string")
    if deep > 6:
        raise Impossible(f"{name}: too deep")
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            one: invented(properties.get(one, {}), one, draw, deep + 1)
            for one in schema.get("required", list(properties)[:2])
        }
    if kind == "array":
        least = max(1, int(schema.get("minItems", 1)))
        items = schema.get("items") or {}
        return [
            invented(items if isinstance(items, Mapping) else {}, name.rstrip("s") or name, draw, deep + 1)
            for _ in range(least)
        ]
    if kind in ("integer", "number"):
        return _number(schema, name, draw, kind == "integer")
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "null":
        return None
    return _string(schema, name, draw)


def _number(schema: Mapping[str, Any], name: str, draw: random.Random, whole: bool) -> int | float:
    named = [
        value for value in _by_name(name) if isinstance(value, int | float) and (not whole or isinstance(value, int))
    ]
    low, high = (
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
    )
    low = 2 if low is None and (high is None or high > 2) else low
    high = (low if low is not None else 0) + 60 if high is None else high
    low = high - 60 if low is None else low
    if named and low <= named[0] <= high:
        return draw.choice(named)
    step = schema.get("multipleOf")
    if whole or isinstance(step, int):
        first, last = int(low) + 1, max(int(low) + 1, int(high) - 1)
        value = draw.randint(first, last) if first <= high else int(low)
        return value - value % int(step) if step else value
    return round(low + (high - low) * draw.randint(10, 90) / 100, 1)


def _string(schema: Mapping[str, Any], name: str, draw: random.Random) -> str:
    if schema.get("format") in FORMATS:
        return draw.choice(FORMATS[schema["format"]])
    if "pattern" in schema:
        raise Impossible(f"{name}: a pattern")
    fit = [
        one for one in (*(str(value) for value in _by_name(name) if isinstance(value, str)), *WORDS)
        if schema.get("minLength", 0) <= len(one) <= schema.get("maxLength", 10_000)
    ]  # fmt: skip
    if not fit:
        raise Impossible(f"{name}: no text of such a length")
    named = [one for one in fit if one not in WORDS]
    return draw.choice(named or fit)


def _by_name(name: str) -> tuple[Any, ...]:
    words = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).replace("-", "_").split("_")
    for start in range(len(words)):
        if found := BY_NAME.get("_".join(words[start:])):
            return found
    return ()
