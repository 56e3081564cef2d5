"""What counts as standing in a text, and which record a value belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from agent_data.tasks.check import forms, said, stands
from agent_data.tasks.imperative import imperative
from agent_data.tasks.views import holds, seen, singular


@pytest.mark.parametrize(
    ("value", "text", "does"),
    [
        (12, "room 12.", True), (12, "room 120", False), (12, "3.12 euros", False), (12, "12.5 euros", False), (41.5, "it cost 41.50", True),
        ("Low Tide", "“low tide”, please", True), ("Tide", "Tidewater", False), ("2031-05-14", "on May 14, 2031", True),
        ("2031-05-14", "on May 14", False), ("2031-05-14T09:30", "on May 14, 2031 at 09:30", True), (["a1", "b2"], "a1 and b2", True),
        (["a1", "b2"], "a1 alone", False), ({"street": "1 Elm Row", "city": "Oslo"}, "1 Elm Row, Oslo", True), (True, "yes", True),
    ],
)  # fmt: skip
def test_a_value_stands_as_a_whole(value: Any, text: str, does: bool) -> None:
    assert stands(value, text) is does


def test_what_is_said_stands() -> None:
    for value in (3, 4.0, 41.5, "x y", "2031-05-14", ["a", "b", "c"], {"a": 1, "b": "two"}, True, "2031-05-14T09:30"):
        assert stands(value, f"It is {said(value)}.")
    assert "1,234.50" in forms(1234.5)


def test_each_record_has_its_own_view() -> None:
    given = {
        "customer_id": "C1", "orders": [{"order_id": "W1", "items": [{"name": "lamp"}]}, {"order_id": "W2", "items": [{"name": "rug"}]}],
        "methods": {"m1": {"kind": "card"}}, "tags": ["new"],
    }  # fmt: skip
    found = {one.path: one for one in seen(given, "customer")}
    first, second = found["orders.0.order_id"], found["orders.1.order_id"]
    assert holds(first.view, {"item_name": "lamp", "customer_id": "C1"}) and not holds(second.view, {"name": "lamp"})
    assert holds(found["orders.0.items.0.name"].view, {"order_id": "W1"})
    assert ("order_id", "W1") in first.view.owners and ("order_id", "W2") not in first.view.owners
    assert {"method_id", "method"} <= found["methods.m1"].names and holds(found["methods.m1"].view, {"kind": "card"})
    assert (
        found["tags.0"].names == {"tags", "tag", "tag_id"}
        and singular("boxes") == "box"
        and singular("entries") == "entry"
    )
    assert holds(next(iter(seen({"contents": "1 x Kelp lamp"}))).view, {"name": "Kelp lamp"})
    assert not holds(next(iter(seen({"id": "card-3162"}))).view, {"kind": "card"})


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("Returns a list of pets", "return a list of pets"), ("Logs out the user", "log out the user"), ("Searches pets", "search pets"),
        ("Applies a code", "apply a code"), ("Send a lift to a floor", "send a lift to a floor"), ("Standard (no style)", None), ("", None),
    ],
)  # fmt: skip
def test_a_description_is_asked_as_people_ask(words: str, asked: str | None) -> None:
    assert imperative(words) == asked


def test_the_parts_of_an_object_are_told_apart() -> None:
    assert said({"ip_address": "harbour", "ports": [80, 81]}) == "ip address harbour, ports 80 and 81"
