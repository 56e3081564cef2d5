"""What makes a function hard to call rightly: told, and never a reason to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from arcmill.functions.check import checker
from arcmill.functions.walk import SchemaError, parts

MOST = 40  # remarks on one function
MOST_PARAMETERS = 30
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what OpenAI's API takes
_TYPED = ("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties", "items", "prefixItems")


def lint(tool: Mapping[str, Any]) -> list[str]:
    """Remarks on a normal function in OpenAI's form, as "rule: where", at most 40.

    name-characters, no-description, description-is-name, many-parameters; of each parameter untyped, no-description, free-object
    (an object of which nothing is said), array-of-anything, default-does-not-fit, default-of-required, enum-of-one.
    """
    function = tool["function"]
    found = list(_of_function(function))
    parameters = function["parameters"]
    for where, schema, needed in _places(parameters):
        found += [f"{rule}: {where}" for rule in _of_parameter(schema, needed, parameters)]
        if len(found) >= MOST:
            break
    return list(dict.fromkeys(found))[:MOST]


def _of_function(function: Mapping[str, Any]) -> Iterator[str]:
    name, description = function["name"], function.get("description") or ""
    if not _NAME.fullmatch(name):
        yield f"name-characters: {name[:80]}"
    if not description.strip():
        yield f"no-description: {name[:80]}"
    elif _words(description) <= _words(name):
        yield f"description-is-name: {name[:80]}"
    if (held := len(function["parameters"].get("properties", {}))) > MOST_PARAMETERS:
        yield f"many-parameters: {held}"


def _places(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """(name with dots, schema, whether it must be given) of each property, also of objects within; references not followed."""
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", parameters)]
    while waiting:
        where, schema = waiting.pop(0)
        needed = set(schema.get("required", ()))
        for keyword, key, part in parts(schema):
            inner = f"{where}.{key}".lstrip(".") if keyword == "properties" else where
            if keyword == "properties":
                yield inner, part, key in needed
            if keyword in ("properties", "items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf"):
                waiting.append((inner, part))


def _of_parameter(schema: Mapping[str, Any], needed: bool, parameters: Mapping[str, Any]) -> Iterator[str]:
    if not any(name in schema for name in _TYPED):
        yield "untyped"
    if not str(schema.get("description", "")).strip() and "$ref" not in schema:
        yield "no-description"
    kind = schema.get("type")
    if kind == "object" and not any(n in schema for n in ("properties", "additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf")):  # fmt: skip
        yield "free-object"
    if kind == "array" and "items" not in schema and "prefixItems" not in schema:
        yield "array-of-anything"
    if isinstance(schema.get("enum"), list) and len(schema["enum"]) == 1:
        yield "enum-of-one"
    if "default" in schema:
        if needed:
            yield "default-of-required"
        if not _fits(schema, parameters):
            yield "default-does-not-fit"


def _fits(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    held = {name: value for name, value in schema.items() if name != "default"}
    asked = {"type": "object", "properties": {"value": held}, "$defs": parameters.get("$defs", {})}
    try:
        return not checker(asked)({"value": schema["default"]})
    except SchemaError:
        return True


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()))
