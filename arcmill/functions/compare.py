"""Arguments of two calls compared, by what their schema says of each: a number is not a text, a set has no order."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import DEEPEST

MISSING = type("Missing", (), {"__repr__": lambda self: "nothing"})()
MOST_DIFFERENCES = 50
MOST_PAIRS = 1_000_000  # members of two sets that are held against one another
TOLERANCE = 1e-6  # of numbers, relative, where the comparison is loose


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind`: missing (expected, not given), extra (given, not expected), type, value, length, order."""

    where: str
    kind: str
    expected: Any
    given: Any

    def __str__(self) -> str:
        return f"{self.where or 'arguments'}: {self.kind}: {_short(self.expected)} was expected, {_short(self.given)} given"


def compare(
    expected: Mapping[str, Any],
    given: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    loose: bool = False,
) -> list[Difference]:
    """What tells the arguments of one call from those of another, [] where they mean the same; at most 50.

    Numbers by value (10 is 10.0, and True is no number); texts exactly, but date-times by their instant, and dates, times and
    UUIDs by what they say, where `format` says that they are such; arrays in order, unless `uniqueItems` makes them sets; an
    argument that was left out is its default. `loose`: texts without regard to case, spaces and punctuation, as BFCL compares
    them, and numbers within 1e-6. Enums stay exact. ValueError for a schema that cannot be used.
    """
    schema = normal_schema(dict(parameters)) if parameters else {}
    comparison = _Comparison(schema.get("$defs", {}), loose)
    comparison.values(dict(expected), dict(given), [schema], "", 0)
    return comparison.found


def compare_calls(
    expected: Sequence[tuple[str, Mapping[str, Any]]],
    given: Sequence[tuple[str, Mapping[str, Any]]],
    parameters: Mapping[str, Mapping[str, Any]],
    *,
    ordered: bool = True,
    loose: bool = False,
) -> list[Difference]:
    """What tells calls (name, arguments) from others. `parameters`: name -> schema. Not `ordered`: calls made side by side,
    of which only the set counts; each then is held against the nearest one left of its name."""
    if not ordered:
        given = _matched(expected, given, parameters, loose)
    found: list[Difference] = []
    for at in range(max(len(expected), len(given))):
        if at >= len(given) or given[at] is _NO_CALL:
            found.append(Difference(f"call {at + 1}", "missing", expected[at][0], MISSING))
        elif at >= len(expected):
            found.append(Difference(f"call {at + 1}", "extra", MISSING, given[at][0]))
        elif expected[at][0] != given[at][0]:
            found.append(Difference(f"call {at + 1}", "value", expected[at][0], given[at][0]))
        else:
            name = given[at][0]
            for one in compare(expected[at][1], given[at][1], parameters.get(name), loose=loose):
                found.append(Difference(f"call {at + 1} {name}: {one.where}", one.kind, one.expected, one.given))
    return found[:MOST_DIFFERENCES]


_NO_CALL: tuple[str, Mapping[str, Any]] = ("", {})


def _matched(
    expected: Sequence[tuple[str, Mapping[str, Any]]],
    given: Sequence[tuple[str, Mapping[str, Any]]],
    parameters: Mapping[str, Mapping[str, Any]],
    loose: bool,
) -> list[tuple[str, Mapping[str, Any]]]:
    """The given calls in the order of the expected ones: equal ones first, then the nearest of the same name."""
    left = list(enumerate(given))
    places: dict[int, tuple[str, Mapping[str, Any]]] = {}
    for most in (0, None):
        for at, (name, arguments) in enumerate(expected):
            if at in places:
                continue
            near: tuple[int, int] | None = None
            for number, (other, held) in left:
                if other == name:
                    apart = len(compare(arguments, held, parameters.get(name), loose=loose))
                    if (most is None or apart <= most) and (near is None or apart < near[0]):
                        near = (apart, number)
            if near is not None:
                places[at] = given[near[1]]
                left = [one for one in left if one[0] != near[1]]
    return [places.get(at, _NO_CALL) for at in range(len(expected))] + [call for _, call in left]


class _Comparison:
    def __init__(self, definitions: Mapping[str, Any], loose: bool, brief: bool = False) -> None:
        """`brief`: whether two values differ is all that is asked, so the first difference is the last."""
        self.definitions, self.loose = definitions, loose
        self.most = 1 if brief else MOST_DIFFERENCES
        self.found: list[Difference] = []
        self.pairs = 0

    def values(self, expected: Any, given: Any, schemas: list[Any], where: str, depth: int) -> None:
        """Compare two values about which `schemas` speak."""
        if len(self.found) >= self.most:
            return
        if depth > DEEPEST:
            self.say(where, "value", expected, given)
            return
        about = self.flat(schemas, expected, given)
        if isinstance(expected, dict) and isinstance(given, dict):
            self.objects(expected, given, about, where, depth)
        elif isinstance(expected, list | tuple) and isinstance(given, list | tuple):
            if any(one.get("uniqueItems") is True for one in about):
                self.sets(expected, given, about, where, depth)
            else:
                self.arrays(expected, given, about, where, depth)
        elif _kind(expected) != _kind(given):
            self.say(where, "type", expected, given)
        elif not self.same(expected, given, about):
            self.say(where, "value", expected, given)

    def say(self, where: str, kind: str, expected: Any, given: Any) -> None:
        if len(self.found) < self.most:
            self.found.append(Difference(where, kind, expected, given))

    def flat(self, schemas: list[Any], *values: Any) -> list[dict[str, Any]]:
        """All that is said of values: references followed, alternatives side by side, but for those that none of them fits."""
        out: list[dict[str, Any]] = []
        waiting, seen = list(reversed(schemas)), set()
        while waiting and len(out) < 200:
            one = waiting.pop()
            if not isinstance(one, dict) or id(one) in seen:
                continue
            seen.add(id(one))
            out.append(one)
            if isinstance(target := one.get("$ref"), str):
                waiting.append(self.definitions.get(target.rpartition("/")[2]))
            for name in ("oneOf", "anyOf"):
                branches = list(reversed(one.get(name, [])))
                fitting = [branch for branch in branches if any(self.may(branch, value) for value in values)]
                waiting.extend(fitting or branches)
            waiting.extend(reversed(one.get("allOf", [])))
            waiting.extend(one[name] for name in ("else", "then") if name in one)
        return out

    def may(self, schema: Any, value: Any, depth: int = 0) -> bool:
        """Whether a value may be meant by an alternative: types, enums and constants of it, its properties and first item."""
        for _ in range(DEEPEST):
            if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
                break
            schema = self.definitions.get(schema["$ref"].rpartition("/")[2])
        if not isinstance(schema, dict):
            return schema is not False
        kinds = schema.get("type", [])
        kind = _kind(value)
        if kinds and kind not in [
            "number" if one == "integer" else one for one in ([kinds] if isinstance(kinds, str) else kinds)
        ]:
            return False
        if kind in ("string", "number", "boolean", "null"):
            only = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
            return not only or any(_kind(one) == kind and one == value for one in only)
        if depth < 2 and kind == "object":
            held = schema.get("properties", {})
            return all(self.may(held[name], one, depth + 1) for name, one in value.items() if name in held)
        if depth < 2 and kind == "array" and value:
            return all(self.may(one, value[0], depth + 1) for one in _of_item(0, [schema]))
        return True

    def objects(
        self, expected: dict[str, Any], given: dict[str, Any], about: list[dict[str, Any]], where: str, depth: int
    ) -> None:
        for name in dict.fromkeys((*expected, *given)):
            schemas = _of_property(name, about)
            inner = f"{where}.{name}".lstrip(".")
            if name in expected and name in given:
                self.values(expected[name], given[name], schemas, inner, depth + 1)
                continue
            default = next((one["default"] for one in self.flat(schemas) if "default" in one), MISSING)
            kind = "missing" if name in expected else "extra"
            held = expected[name] if name in expected else given[name]
            if default is MISSING or not self.equal(held, default, schemas, depth):
                self.say(inner, kind, expected.get(name, MISSING), given.get(name, MISSING))

    def arrays(
        self, expected: Sequence[Any], given: Sequence[Any], about: list[dict[str, Any]], where: str, depth: int
    ) -> None:
        if len(expected) != len(given):
            self.say(where, "length", list(expected), list(given))
            return
        before = len(self.found)
        for at, (one, other) in enumerate(zip(expected, given, strict=True)):
            self.values(one, other, _of_item(at, about), f"{where}[{at}]", depth + 1)
        # Another order is a difference, too: who asks for no more need not know, or nested lists would take for ever.
        told = self.most > 1 and len(self.found) > before
        if told and self.pairs < MOST_PAIRS and self.matched(expected, given, about, depth):
            del self.found[before:]
            self.say(where, "order", list(expected), list(given))

    def sets(
        self, expected: Sequence[Any], given: Sequence[Any], about: list[dict[str, Any]], where: str, depth: int
    ) -> None:
        if not (len(expected) == len(given) and self.matched(expected, given, about, depth)):
            self.say(where, "value", list(expected), list(given))

    def matched(self, expected: Sequence[Any], given: Sequence[Any], about: list[dict[str, Any]], depth: int) -> bool:
        """Whether each has its like, in whatever order."""
        schemas = _of_item(0, about)
        left = list(given)
        for one in expected:
            for at, other in enumerate(left):
                self.pairs += 1
                if self.pairs > MOST_PAIRS:
                    return False
                if self.equal(one, other, schemas, depth):
                    del left[at]
                    break
            else:
                return False
        return True

    def equal(self, expected: Any, given: Any, schemas: list[Any], depth: int) -> bool:
        other = _Comparison(self.definitions, self.loose, brief=True)
        other.pairs = self.pairs
        other.values(expected, given, schemas, "", depth + 1)
        self.pairs = other.pairs
        return not other.found

    def same(self, expected: Any, given: Any, about: list[dict[str, Any]]) -> bool:
        """Two scalars of one kind."""
        if expected == given:
            return True
        if any("enum" in one or "const" in one for one in about):
            return False
        if isinstance(expected, str):
            formats = [one["format"] for one in about if "format" in one]
            if any(_meaning(expected, name) == _meaning(given, name) for name in formats):
                return True
            return self.loose and _bare(expected) == _bare(given)
        if self.loose and isinstance(expected, int | float) and not isinstance(expected, bool):
            try:
                return math.isclose(expected, given, rel_tol=TOLERANCE)
            except OverflowError:
                return False
        return False


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list | tuple):
        return "array"
    return {str: "string", dict: "object", type(None): "null"}.get(type(value), type(value).__name__)


def _of_property(name: str, about: list[dict[str, Any]]) -> list[Any]:
    """What is said of a property."""
    found = [one["properties"][name] for one in about if name in one.get("properties", {})]
    if found:
        return found
    return [one[key] for one in about for key in ("additionalProperties", "unevaluatedProperties") if key in one]


def _of_item(at: int, about: list[dict[str, Any]]) -> list[Any]:
    found = []
    for one in about:
        fixed = one.get("prefixItems", [])
        if at < len(fixed):
            found.append(fixed[at])
        elif "items" in one:
            found.append(one["items"])
    return found


def _meaning(text: str, form: str) -> Any:
    """What a text of a format says; the text itself where it is not of that format."""
    try:
        if form == "date-time":
            moment = datetime.fromisoformat(text.strip())
            return moment.astimezone(UTC) if moment.tzinfo is not None else moment
        if form == "date":
            return date.fromisoformat(text.strip())
        if form == "time":
            return time.fromisoformat(text.strip())
        if form == "uuid":
            return text.strip().lower().removeprefix("urn:uuid:")
    except (ValueError, OverflowError):
        pass
    return text


def _bare(text: str) -> str:
    """As BFCL compares texts: without case, spaces and a few marks."""
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')


def _short(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    try:
        return json.dumps(value, ensure_ascii=False)[:80]
    except (TypeError, ValueError, RecursionError):
        return repr(value)[:80]
