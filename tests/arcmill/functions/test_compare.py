"""Calls compared by what their schema says."""

from __future__ import annotations

from typing import Any

import pytest

from arcmill.functions.compare import _Comparison, compare, compare_calls

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "number"}, "text": {"type": "string"}, "choice": {"enum": ["A", "B"]},
        "moment": {"type": "string", "format": "date-time"}, "tags": {"type": "array", "uniqueItems": True, "items": {"type": "integer"}},
        "list": {"type": "array"}, "size": {"type": "integer", "default": 5}, "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {"tree": {"properties": {"at": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]}, "kid": {"$ref": "#/$defs/tree"}}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ({"number": 10}, {"number": 10.0}),
        ({"moment": "2024-01-01T10:00:00Z"}, {"moment": "2024-01-01T11:00:00+01:00"}),
        ({"tags": [1, 2, 3]}, {"tags": [3, 1.0, 2]}),
        ({"size": 5}, {}), ({}, {"size": 5.0}),
        ({"tree": {"kid": {"at": "20240101"}}}, {"tree": {"kid": {"at": "2024-01-01"}}}),
        ({"other": {"a": [1, None]}}, {"other": {"a": [1.0, None]}}),
    ],
)  # fmt: skip
def test_what_means_the_same_is_the_same(expected: dict[str, Any], given: dict[str, Any]) -> None:
    assert compare(expected, given, SCHEMA) == [] and compare(given, expected, SCHEMA) == []


@pytest.mark.parametrize(
    ("expected", "given", "kind"),
    [
        ({"number": 1}, {"number": True}, "type"), ({"number": 1}, {"number": "1"}, "type"), ({"number": 1}, {"number": 2}, "value"),
        ({"text": "New York"}, {"text": "new york"}, "value"), ({"text": "a"}, {}, "missing"), ({}, {"text": "a"}, "extra"),
        ({"moment": "2024-01-01T10:00:00Z"}, {"moment": "2024-01-01T10:00:00"}, "value"),
        ({"text": "2024-01-01T10:00:00Z"}, {"text": "2024-01-01T11:00:00+01:00"}, "value"),
        ({"list": [1, 2]}, {"list": [2, 1]}, "order"), ({"list": [1]}, {"list": [1, 1]}, "length"), ({"tags": [1, 1, 2]}, {"tags": [1, 2, 2]}, "value"),
        ({"size": 6}, {}, "missing"), ({"tree": {"kid": {"at": "2024-01-01"}}}, {"tree": {"kid": {"at": None}}}, "type"),
        ({"list": [{"a": 1}]}, {"list": [{"a": 2}]}, "value"),
    ],
)  # fmt: skip
def test_what_differs_is_told_with_its_kind(expected: dict[str, Any], given: dict[str, Any], kind: str) -> None:
    assert [one.kind for one in compare(expected, given, SCHEMA)] == [kind]


def test_loose_is_as_bfcl_compares_but_enums_stay_exact() -> None:
    assert compare({"text": "New York, it's"}, {"text": 'new-york it"s'}, SCHEMA, loose=True) == []
    assert compare({"number": 0.3}, {"number": 0.1 + 0.2}, SCHEMA, loose=True) == []
    assert compare({"number": 0.3}, {"number": 0.1 + 0.2}, SCHEMA)
    assert compare({"choice": "A"}, {"choice": "a"}, SCHEMA, loose=True)


def test_calls_in_order_and_side_by_side() -> None:
    one, two = ("f", {"number": 1}), ("f", {"number": 2})
    assert compare_calls([one, two], [two, one], {"f": SCHEMA}, ordered=False) == []
    assert [d.kind for d in compare_calls([one, two], [two, one], {"f": SCHEMA})] == ["value", "value"]
    assert [d.kind for d in compare_calls([one, two], [one], {})] == ["missing"]
    assert [d.kind for d in compare_calls([one], [one, ("g", {})], {}, ordered=False)] == ["extra"]
    assert [d.kind for d in compare_calls([one], [("g", {"number": 1})], {})] == ["value"]


def test_large_and_deep_values_end() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    assert compare({"list": deep}, {"list": deep}, SCHEMA)[0].kind == "value", "not looked into that far"
    once: Any = 1
    again: Any = 2
    for _ in range(40):
        once, again = [once], [again]
    comparison = _Comparison({}, False)
    comparison.values(once, again, [], "", 0)
    assert comparison.found and comparison.pairs < 1000, "each level is held against its like once"
    big = list(range(600))
    assert compare({"tags": [0, *big]}, {"tags": [*big, 1]}, SCHEMA)


_SETS = {
    "anyOf": [
        {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        {"type": "array", "items": {"type": "integer"}},
    ]
}
_WHEN = {"anyOf": [{"type": "string", "enum": ["now"]}, {"type": "string", "format": "date-time"}]}
_KINDS = {
    "oneOf": [
        {"type": "object", "properties": {"k": {"const": k}, "n": {"default": n}}} for k, n in (("p", 1), ("q", 2))
    ]
}


@pytest.mark.parametrize(
    ("schema", "expected", "given", "same"),
    [
        (_SETS, [1, 2], [2, 1], False), (_SETS, ["a", "b"], ["b", "a"], True),
        (_WHEN, "2024-01-01T10:00:00Z", "2024-01-01T11:00:00+01:00", True), (_WHEN, "now", "Now", False),
        (_KINDS, {"k": "q", "n": 2}, {"k": "q"}, True), (_KINDS, {"k": "q", "n": 1}, {"k": "q"}, False),
        (_KINDS, {"k": "p"}, {"k": "q"}, False),
    ],
)  # fmt: skip
def test_of_alternatives_those_count_that_the_values_fit(schema: Any, expected: Any, given: Any, same: bool) -> None:
    assert (not compare({"v": expected}, {"v": given}, {"type": "object", "properties": {"v": schema}})) is same
