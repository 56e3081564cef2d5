"""Mistakes in settings are told with the field, the value and what is accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arcmill.config import Field, Settings, StageConfig, assign, parse_assignment, read_yaml, validate
from arcmill.errors import UsageError


class Inner(Settings):
    ratio: float = Field(0.5, ge=0, le=1, description="a share")


class Outer(StageConfig):
    inner: Inner = Inner()
    name: str = Field(description="a name for it")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "a", "nmae": 1}, "unknown setting 'nmae'; accepted: max_error_rate, part_bytes, inner, name"),
        ({"name": "a", "inner": {"rtio": 1}}, "unknown setting 'inner.rtio'; accepted: ratio"),
        ({"name": "a", "inner": {"ratio": 7}}, "setting 'inner.ratio' is 7: input should be less than or equal to 1"),
        ({}, r"setting 'name' is required \(a name for it\)"),
        ({"name": "a", "inner": {"ratio": float("nan")}}, "inner.ratio"),
    ],
)
def test_a_mistake_is_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        validate(Outer, values, "here")


def test_guards_are_no_part_of_the_identity() -> None:
    assert Outer(name="a", max_error_rate=0.5).identity() == Outer(name="a").identity()
    assert Outer(name="b").identity() != Outer(name="a").identity()


@pytest.mark.parametrize(
    ("text", "value"), [("a=1", 1), ("a=0.5", 0.5), ("a=[x, y]", ["x", "y"]), ("a=null", None), ("a=", None), ("a=b=c", "b=c"), ("a=true", True)]
)  # fmt: skip
def test_assignments_are_yaml(text: str, value: Any) -> None:
    assert parse_assignment(text) == ("a", value)


def test_an_assignment_without_a_value_is_told() -> None:
    with pytest.raises(UsageError, match="expected key=value"):
        parse_assignment("min_score")


def test_nested_assignment() -> None:
    values: dict[str, Any] = {"a": {"b": 1}}
    assign(values, "a.c", 2)
    assign(values, "d.e.f", 3)
    assert values == {"a": {"b": 1, "c": 2}, "d": {"e": {"f": 3}}}
    with pytest.raises(UsageError, match="'b' is a value"):
        assign(values, "a.b.c", 1)


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "!!python/object/apply:os.system ['true']"])
def test_yaml_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"x\.yaml"):
        read_yaml(str(tmp_path / "x.yaml"))
