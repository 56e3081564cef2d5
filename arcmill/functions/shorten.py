"""A normal schema with its small definitions put where they are used, and parts of objects in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arcmill.functions.walk import (
    DEEPEST,
    LISTS,
    MAPS,
    MOST_NODES,
    SINGLES,
    SchemaError,
    components,
    count,
    references,
)

SMALL = 20  # schemas in a definition that is put in at every place where it is used
_TOLD = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
_OBJECT = frozenset({"type", "properties", "required"}) | _TOLD


def shortened(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, with `$defs` only for what refers to itself or is large and used often; `allOf` of plain objects is one
    object. What would grow too large stays as it is."""
    definitions = schema.get("$defs", {})
    top = {name: value for name, value in schema.items() if name != "$defs"}
    put_in = _small(top, definitions)
    try:
        made = _expanded(top, definitions, put_in, 0)
        kept: dict[str, Any] = {}
        waiting = references(made)
        while waiting:
            name = waiting.pop().rpartition("/")[2]
            if name not in kept:
                kept[name] = _expanded(definitions[name], definitions, put_in, 0)
                waiting += references(kept[name]) if isinstance(kept[name], dict) else []
        total = count(made) + sum(count(one) for one in kept.values() if isinstance(one, dict))
        if total > MOST_NODES:
            return schema
    except SchemaError:
        return schema
    return {**made, "$defs": dict(sorted(kept.items()))} if kept else made


def _small(top: dict[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """The definitions that are put in: in no ring, and small, or used once."""
    graph: dict[str, list[str]] = {}
    for name, one in (("", top), *definitions.items()):
        graph[name] = [target.rpartition("/")[2] for target in references(one)] if isinstance(one, dict) else []
    uses: dict[str, int] = {}
    for targets in graph.values():
        for target in targets:
            uses[target] = uses.get(target, 0) + 1
    sizes: dict[str, float] = {}
    put_in = set()
    for group in components(graph):
        name = group[0]
        ring = len(group) > 1 or name in graph[name]
        held = 1 if name and not isinstance(definitions[name], dict) else count(definitions[name] if name else top)
        size = held + sum(sizes.get(target, 0) for target in graph[name] if target in put_in)
        for one in group:
            sizes[one] = size
        if name and not ring and (size <= SMALL or uses.get(name) == 1):
            put_in.add(name)
    return put_in


def _expanded(schema: Any, definitions: Mapping[str, Any], put_in: set[str], depth: int) -> Any:
    if not isinstance(schema, dict):
        return schema
    if depth > DEEPEST:
        raise SchemaError("too-deep", "definitions within definitions")
    made: dict[str, Any] = {}
    for name, value in schema.items():
        if name in SINGLES:
            made[name] = _expanded(value, definitions, put_in, depth + 1)
        elif name in MAPS:
            made[name] = {key: _expanded(one, definitions, put_in, depth + 1) for key, one in value.items()}
        elif name in LISTS:
            made[name] = [_expanded(one, definitions, put_in, depth + 1) for one in value]
        else:
            made[name] = value
    if "$ref" in made and (name := made["$ref"].rpartition("/")[2]) in put_in:
        held = _expanded(definitions[name], definitions, put_in, depth + 1)
        del made["$ref"]
        made = _together(made, held)
    if isinstance(made, dict) and "allOf" in made:
        made = _one_object(made)
    if isinstance(made, dict) and made.get("items") in ({}, True) and "prefixItems" not in made:
        del made["items"]  # says nothing
    return made


def _together(beside: dict[str, Any], held: Any) -> Any:
    """What stood beside a reference, and what it led to."""
    if not isinstance(held, dict):
        return (
            {**beside, "not": {}}
            if held is False and "not" not in beside
            else (beside if held is True else {"allOf": [held, beside]})
        )
    if set(beside) <= _TOLD:
        return {**held, **beside}
    if not set(beside) & set(held) - _TOLD and not (set(beside) | set(held)) & {
        "unevaluatedProperties",
        "unevaluatedItems",
        "additionalProperties",
        "items",
        "then",
        "else",
    }:
        return {**held, **beside}
    return {**beside, "allOf": [*beside.get("allOf", []), held]}


def _one_object(made: dict[str, Any]) -> dict[str, Any]:
    """`allOf` of plain objects as one object; anything else as it is."""
    members = made["allOf"]
    rest = {name: value for name, value in made.items() if name != "allOf"}
    if len(members) == 1 and isinstance(members[0], dict) and set(rest) <= _TOLD:
        return {**members[0], **rest}
    every = [*members, rest]
    if not all(
        isinstance(one, dict) and set(one) <= _OBJECT and one.get("type", "object") == "object" for one in every
    ):
        return made
    if not any("properties" in one or one.get("type") == "object" for one in every):
        return made
    out: dict[str, Any] = {"type": "object"}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for one in every:
        for name, value in one.get("properties", {}).items():
            if name in properties and properties[name] != value:
                properties[name] = {"allOf": [properties[name], value]}
            else:
                properties[name] = value
        required += one.get("required", [])
        out.update({name: value for name, value in one.items() if name in _TOLD})
    if properties:
        out["properties"] = {
            k: _one_object(v) if isinstance(v, dict) and "allOf" in v else v for k, v in properties.items()
        }
    if required:
        out["required"] = list(dict.fromkeys(required))
    return out
