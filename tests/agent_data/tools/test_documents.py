"""JSON and YAML of unknown origin."""

from __future__ import annotations

import pytest

from agent_data.tools.documents import Unreadable, read_document

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("on: no\nd: 2024-01-01\nn: 0x10\nf: .5\ne: 1e999\n200: 'x'\n", {"on": "no", "d": "2024-01-01", "n": 16, "f": 0.5, "e": "1e999", "200": "x"}),
        ("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}),
        ("!!python/object/apply:os.system ['x']", ["x"]),
        ("﻿a: 1", {"a": 1}),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert read_document(text.encode()).value == value


def test_keys_that_stand_twice_are_told() -> None:
    assert read_document(b"a: 1\na: 2").twice == ["a"] and read_document(b'{"a": 1, "a": 2}').twice == ["a"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (BOMB.encode(), "too-large"), (b"a: &a [*a]", "endless-alias"), (b"a: *b", "endless-alias"), (b"[" * 100_000, "too-deep"),
        (b"- " * 5000 + b"x", "too-deep"), (b"", "empty"), (b"a\n---\nb", "several-documents"), (b"\xff\xfa", "not-utf-8"),
        (b"a: [", "not-yaml"), (b"? [a]\n: b", "not-yaml"), (b"\x00", "not-yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(data: bytes, rule: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_document(data)
    assert refused.value.rule == rule
