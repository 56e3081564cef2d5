"""Schemas of many kinds, made one kind; hostile ones refused by rule, quickly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arcmill.functions.check import checker
from arcmill.functions.forms import normal_function, normal_parameters
from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import SchemaError

CLOSED = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"type": "dict", "properties": {"a": {"type": "float", "required": True}}}, {"properties": {"a": {"type": "number"}}, "required": ["a"]}),
        ({"properties": {"a": {"type": "tuple", "items": {"type": "any"}}}}, {"properties": {"a": {"type": "array"}}}),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True, "minLength": "2"}}}, {"properties": {"a": {"type": ["string", "null"], "minLength": 2}}}),
        ({"properties": {"a": {"type": "integer", "minimum": 3, "exclusiveMinimum": True}}}, {"properties": {"a": {"type": "integer", "exclusiveMinimum": 3}}}),
        ({"properties": {"a": {"type": "array", "items": [{"type": "string"}], "additionalItems": False}}}, {"properties": {"a": {"type": "array", "prefixItems": [{"type": "string"}], "items": False}}}),
        ({"properties": {"a": {"$ref": "#/definitions/A", "description": "own"}}, "definitions": {"A": {"type": "string"}}}, {"properties": {"a": {"type": "string", "description": "own"}}}),
        ({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]}, {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}),
        ({"properties": {"a": {"$ref": "#/$defs/A", "nullable": True}}, "$defs": {"A": {"enum": [1, 1]}}}, {"properties": {"a": {"anyOf": [{"enum": [1]}, {"type": "null"}]}}}),
        ({"properties": {}, "required": ["z"]}, {"properties": {"z": {}}, "required": ["z"]}),
        (None, {"properties": {}}),
        ({}, {"properties": {}}),
    ],
)  # fmt: skip
def test_every_kind_becomes_one(given: Any, made: Any) -> None:
    found = normal_parameters(given)
    assert found == {"type": "object", **made, **CLOSED}
    assert normal_parameters(found) == found, "a normal schema stays as it is"


def test_what_refers_to_itself_keeps_its_definition() -> None:
    node = {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/N"}}, "n": {"type": "integer"}},
    }
    found = normal_parameters({"properties": {"a": {"$ref": "#/$defs/N"}}, "$defs": {"N": node, "unused": {}}})
    assert found["$defs"] == {"N": node}
    check = checker(found)
    assert not check({"a": {"kids": [{"kids": [], "n": 1}]}}) and check({"a": {"kids": [{"n": "x"}]}})


def _doubled(levels: int) -> dict[str, Any]:
    held: dict[str, Any] = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**held, f"d{levels}": {"type": "integer"}}}


def _nested(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        made = {"type": "array", "items": made}
    return {"properties": {"a": made}}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, "remote-reference"),
        ({"properties": {"a": {"$ref": "other.yaml#/A"}}}, "remote-reference"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "remote-reference"),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, "broken-reference"),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "endless-reference"),
        (_doubled(60), "too-many-alternatives"),
        (_nested(500), "too-deep"),
        ({"properties": {str(n): {} for n in range(30_000)}}, "too-large"),
        ({"type": "array"}, "not-an-object"),
        (False, "nothing-fits"),
    ],
)  # fmt: skip
def test_hostile_schemas_are_refused_by_rule(given: Any, rule: str) -> None:
    with pytest.raises(SchemaError) as refused:
        normal_parameters(given)
    assert refused.value.rule == rule


def test_a_long_chain_of_definitions_is_no_matter() -> None:
    held: dict[str, Any] = {f"d{n}": {"type": "array", "items": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(3000)}
    found = normal_schema({"$ref": "#/$defs/d0", "$defs": {**held, "d3000": {"type": "integer"}}})
    assert len(json.dumps(found)) < 1_000_000


def test_notes_tell_what_was_left_out() -> None:
    notes: list[str] = []
    made = normal_parameters({"properties": {"a": {"type": "mystery", "pattern": "(?=x)y", "colour": 1}}}, notes=notes)
    assert made["properties"] == {"a": {}}
    assert {note.partition(":")[0] for note in notes} == {"unknown-type", "pattern-left-out", "unknown-keyword"}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {"type": "function", "name": "f", "description": "d", "parameters": {}},
        {"name": "f", "description": "d", "input_schema": {"type": "object"}},
        {"name": "f", "description": "d", "inputSchema": {"type": "object", "properties": {}}},
        {"name": "f", "description": "d"},
    ],
)
def test_the_forms_of_all_houses(tool: dict[str, Any]) -> None:
    function = normal_function(tool)["function"]
    assert function == {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}, **CLOSED}}


@pytest.mark.parametrize("tool", [None, [], {"description": "d"}, {"name": 3}])
def test_what_is_no_function_is_refused(tool: Any) -> None:
    with pytest.raises(SchemaError):
        normal_function(tool)
