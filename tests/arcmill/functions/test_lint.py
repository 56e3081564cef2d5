"""Remarks on functions."""

from __future__ import annotations

from typing import Any

from arcmill.functions.forms import normal_function
from arcmill.functions.lint import MOST, lint


def remarks(
    properties: dict[str, Any], name: str = "get_it", description: str = "Gives what is there.", **more: Any
) -> set[str]:
    return set(
        lint(
            normal_function(
                {"name": name, "description": description, "parameters": {"properties": properties, **more}}
            )
        )
    )


def test_a_good_function_has_no_remarks() -> None:
    assert remarks({"a": {"type": "string", "description": "what", "default": "x"}}) == set()


def test_each_rule_says_where() -> None:
    found = remarks(
        {
            "a": {}, "b": {"type": "object", "description": "b"}, "c": {"type": "array", "description": "c"},
            "d": {"type": "integer", "default": "x", "description": "d"}, "e": {"enum": [1], "description": "e"},
            "f": {"type": "object", "description": "f", "properties": {"g": {"type": "string"}}},
        },
        required=["d"],
    )  # fmt: skip
    assert found == {
        "untyped: a", "no-description: a", "free-object: b", "array-of-anything: c", "default-does-not-fit: d", "default-of-required: d",
        "enum-of-one: e", "no-description: f.g",
    }  # fmt: skip
    assert remarks({}, "get.it", "get it") == {"name-characters: get.it", "description-is-name: get.it"}
    assert remarks({}, description=" ") == {"no-description: get_it"}
    assert (
        len(lint(normal_function({"name": "f", "parameters": {"properties": {str(n): {} for n in range(100)}}})))
        == MOST
    )
