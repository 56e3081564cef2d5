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


def _of_items(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"type": "array", "items": items}}}


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ({"enum": list(range(20_000))}, -1), ({"enum": [{"k": n} for n in range(5_000)]}, {"k": -1}),
        ({"type": "object", "required": [f"k{n}" for n in range(20_000)]}, {}),
        ({"type": "object", "propertyNames": {"enum": [f"k{n}" for n in range(20_000)]}}, {"k": 1}),
    ],
)  # fmt: skip
def test_long_lists_of_a_schema_held_against_many_values_are_refused(items: dict[str, Any], value: Any) -> None:
    check = checker(_of_items(items))
    assert check({"a": [value] * 20_000}) == [
        "arguments: too large for a schema of such long enums or lists of required names"
    ]
    assert len(check({"a": [value] * 100})) <= 1, "all mistakes of so many are not made, where one is told"


def test_long_enums_take_large_arguments() -> None:
    check = checker(_of_items({"enum": [f"k{n}" for n in range(500)]}))
    assert check({"a": ["k499"] * 10_000}) == []
    assert check({"a": ["k499"] * 10_000 + ["x"]})[0].startswith("a.10000: ")
