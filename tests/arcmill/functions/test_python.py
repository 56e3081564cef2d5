"""Python functions as schemas: signatures, annotations, docstrings in three styles."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, Field

from arcmill.functions.check import checker
from arcmill.functions.python import described, function_schema


class Item(TypedDict):
    """A line of an order."""

    sku: str
    count: NotRequired[int]


@dataclasses.dataclass
class Tree:
    name: str
    kids: list[Tree] = dataclasses.field(default_factory=list)


class Size(BaseModel):
    width: int = Field(ge=1, description="in cm")


class Socket:
    """JSON has no form of it."""


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


def order(
    data: dict[str, Any], order_id: str, items: list[Item], tree: Tree, size: Size, colour: Colour = Colour.RED,
    mode: Literal["fast", "slow"] = "fast", limit: Annotated[int, Field(ge=1, le=9)] = 3, note: str | None = None,
) -> list[Item]:  # fmt: skip
    """Place an order.

    Twice is once.

    Args:
        order_id (str): its number,
            such as W1.
        limit: most
    Returns:
        note: not a parameter
    """
    raise NotImplementedError


def parameters(function: Callable[..., Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = function_schema(function, **more)["function"]["parameters"]
    return found


def test_a_signature_becomes_a_closed_schema() -> None:
    made = described(order, skip=1)
    held = made.parameters["properties"]
    assert (made.name, made.description) == ("order", "Place an order.\n\nTwice is once.")
    assert "data" not in held and made.parameters["additionalProperties"] is False
    assert made.parameters["required"] == ["order_id", "items", "tree", "size"]
    assert held["order_id"] == {"type": "string", "description": "its number, such as W1."}
    assert held["items"]["items"]["required"] == ["sku"]
    assert held["colour"] == {"type": "string", "enum": ["r", "b"]}
    assert held["mode"] == {"type": "string", "enum": ["fast", "slow"], "default": "fast"}
    assert held["limit"] == {"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "description": "most"}
    assert held["note"] == {"type": "string"}, "left out is None: no null to be written"
    assert made.returns == {"type": "array", "items": held["items"]["items"]}


def test_recursive_classes_and_models_are_checked_through() -> None:
    check = checker(parameters(order, skip=["data"]))
    good: dict[str, Any] = {
        "order_id": "W1",
        "items": [{"sku": "a"}],
        "tree": {"name": "a", "kids": [{"name": "b"}]},
        "size": {"width": 2},
    }
    assert check(good) == []
    for key, value in {
        "tree": {"name": "a", "kids": [{"name": 1}]},
        "size": {"width": 0},
        "items": [{"count": 1}],
    }.items():
        assert check({**good, key: value}), key
    assert check({**good, "data": {}})


def test_docstrings_of_numpy_and_sphinx_give_types_where_annotations_do_not() -> None:
    def numpy(a, b, c=None):  # type: ignore[no-untyped-def]
        """Add.

        Parameters
        ----------
        a : int
            The a.
        b, c : list of str, optional
            Others.

        Returns
        -------
        x : int
        """

    def sphinx(a, b):  # type: ignore[no-untyped-def]
        """Add.

        :param int a: the a
        :param b: the b
            over lines
        :type b: float
        :returns: c
        """

    assert parameters(numpy)["properties"] == {
        "a": {"type": "integer", "description": "The a."},
        "b": {"type": "array", "items": {"type": "string"}, "description": "Others."},
        "c": {"type": "array", "items": {"type": "string"}, "description": "Others."},
    }
    assert parameters(sphinx)["properties"] == {
        "a": {"type": "integer", "description": "the a"}, "b": {"type": "number", "description": "the b over lines"},
    }  # fmt: skip


def test_what_json_cannot_hold_is_refused_unless_it_can_be_left_out() -> None:
    def needs(socket: Socket) -> None: ...
    def may(a: int, socket: Socket | None = None, *rest: int, **more: str) -> None: ...

    with pytest.raises(ValueError, match="parameter socket: no JSON form"):
        function_schema(needs)
    made = parameters(may)
    assert list(made["properties"]) == ["a"] and made["additionalProperties"] == {"type": "string"}
    with pytest.raises(ValueError, match="no signature"):
        function_schema(type)


def test_places_only_are_named() -> None:
    def root(x: float, /) -> float:
        return x

    assert described(root).positional == ("x",)
