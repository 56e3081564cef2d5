"""Arguments against schemas, both of unknown origin."""

from __future__ import annotations

from typing import Any

import pytest

from arcmill.functions.check import checker

SCHEMA = {
    "type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string", "pattern": "^(a+)+$"}},
    "required": ["n"], "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize("arguments", [{"n": 1}, {"n": 1.0}, {"n": 10**400}, {"n": 1, "s": "aaa"}])
def test_what_fits_is_accepted(arguments: dict[str, Any]) -> None:
    assert checker(SCHEMA)(arguments) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"n": "two"}, "n: "), ({}, "required"), ({"n": 1, "x": 2}, "Additional"), ({"n": True}, "n: "),
        ({"n": 1, "s": "a" * 100_000 + "b"}, "s: "), ({"n": 1, "s": "\ud800"}, "cannot be read"), ({"n": {1}}, "cannot be read"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_few_words(arguments: dict[str, Any], told: str) -> None:
    wrong = checker(SCHEMA)(arguments)
    assert wrong and told in wrong[0] and all(len(one) <= 300 for one in wrong)


def test_a_type_that_nobody_knows_is_no_schema_to_check_by() -> None:
    with pytest.raises(ValueError, match="unknown-type: a"):
        checker({"properties": {"a": {"type": "strnig"}}})


def test_nothing_is_fetched_and_any_kind_of_schema_is_taken() -> None:
    with pytest.raises(ValueError, match="remote-reference"):
        checker({"$ref": "http://127.0.0.1:1/schema"})
    assert checker({"$schema": "http://127.0.0.1:1/meta", "type": "dict"})({"a": 1}) == []


def test_schemas_and_arguments_that_would_take_for_ever_are_refused() -> None:
    turn = {"type": "object", "required": ["no"], "properties": {"x": {"$ref": "#/$defs/a"}}}
    check = checker(
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [turn, turn]}}}
    )
    value: dict[str, Any] = {}
    for _ in range(60):
        value = {"x": value}
    assert check({"a": value}) == ["arguments: too large or too deep for a schema of so many alternatives"]
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert "nested deeper" in checker({})({"a": deep})[0]
    assert "nested deeper" in checker({})({"a": [0] * 300_000})[0]


def test_a_plain_tree_may_be_deep() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/t"}, "right": {"$ref": "#/$defs/t"}},
        "additionalProperties": False,
    }
    value: dict[str, Any] = {}
    for _ in range(50):
        value = {"left": value, "right": {}}
    assert (
        checker({"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": tree}})({"a": value})
        == []
    )
