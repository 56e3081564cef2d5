"""The retail tools, by the rules of their policy, over a small world of our own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_retail

from agent_data.environments.play import Play, begin
from agent_data.environments.retail import environment
from agent_data.environments.retail.arithmetic import value_of
from arcmill.errors import UsageError
from arcmill.generation import drive
from arcmill.records import ToolCall

Given = Callable[..., Any]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    made: Play = drive(begin(environment(tiny_retail.write(tmp_path)), 0))
    return made


def told(play: Play, name: str, **arguments: Any) -> Any:
    """What a call gives; of a refused one its error, with the state as it was."""
    before = drive(play.hash())
    seen = drive(play.call(ToolCall("c", name, json.dumps(arguments))))
    assert not seen.error or drive(play.hash()) == before
    try:
        given = json.loads(seen.text)
    except ValueError:
        return seen.text
    return f"refused: {given['error']}" if seen.error else given


def gift(play: Play) -> float:
    held: float = play.episode.data["users"]["ann_1"]["payment_methods"]["gift_card_1"]["balance"]  # type: ignore[attr-defined]
    return held


def test_there_are_the_sixteen_tools(play: Play) -> None:
    writing = {name for name, tool in play.tools.items() if tool.writes}
    assert len(play.tools) == 16 and play.environment.policy == tiny_retail.POLICY
    assert writing == play.environment.confirm == {
        "cancel_pending_order", "exchange_delivered_order_items", "modify_pending_order_address", "modify_pending_order_items",
        "modify_pending_order_payment", "modify_user_address", "return_delivered_order_items",
    }  # fmt: skip
    assert play.tools["transfer_to_human_agents"].ends
    assert play.tools["cancel_pending_order"].parameters["properties"]["reason"]["enum"] == [
        "no longer needed",
        "ordered by mistake",
    ]


def test_users_products_and_sums_are_found(play: Play) -> None:
    assert told(play, "find_user_id_by_email", email="Ann@example.com") == "ann_1"
    assert told(play, "find_user_id_by_name_zip", first_name="bob", last_name="BELL", zip="20002") == "bob_2"
    assert (
        told(play, "find_user_id_by_name_zip", first_name="Bob", last_name="Bell", zip="20003")
        == "refused: user not found"
    )
    assert told(play, "list_all_product_types") == {"Cup": "100", "Vase": "200"}
    assert told(play, "get_product_details", product_id="11").startswith("refused: no product")
    assert told(play, "calculate", expression="(12.25 - 10) * 2 + -1") == 3.5
    assert told(play, "calculate", expression="__import__('os')").startswith("refused: ")
    assert drive(play.hash()) == play.initial


def test_cancelling_pays_back(play: Play) -> None:
    order = told(play, "cancel_pending_order", order_id="#W3", reason="ordered by mistake")
    assert order["status"] == "cancelled" and order["cancel_reason"] == "ordered by mistake"
    assert order["payment_history"][-1] == {
        "transaction_type": "refund",
        "amount": 10.0,
        "payment_method_id": "gift_card_1",
    }
    assert gift(play) == 25
    assert (
        told(play, "cancel_pending_order", order_id="#W3", reason="no longer needed")
        == "refused: the order is cancelled, not pending"
    )
    assert (
        told(play, "cancel_pending_order", order_id="#W4", reason="no longer needed")
        == "refused: the order is processed, not pending"
    )
    assert told(play, "cancel_pending_order", order_id="W1", reason="no longer needed").startswith("refused: no order")


def test_paying_in_another_way(play: Play) -> None:
    assert "holds 15, not 20" in told(
        play, "modify_pending_order_payment", order_id="#W1", payment_method_id="gift_card_1"
    )
    assert "already" in told(play, "modify_pending_order_payment", order_id="#W1", payment_method_id="paypal_1")
    assert "no payment method" in told(
        play, "modify_pending_order_payment", order_id="#W1", payment_method_id="paypal_2"
    )
    order = told(play, "modify_pending_order_payment", order_id="#W3", payment_method_id="paypal_1")
    assert [(one["transaction_type"], one["payment_method_id"]) for one in order["payment_history"]] == [
        ("payment", "gift_card_1"), ("payment", "paypal_1"), ("refund", "gift_card_1"),
    ]  # fmt: skip
    assert gift(play) == 25 and order["status"] == "pending"


def test_items_of_a_pending_order_change_once(play: Play) -> None:
    change = {"order_id": "#W1", "payment_method_id": "gift_card_1"}
    items = "modify_pending_order_items"
    assert "not available" in told(play, items, **change, item_ids=["11"], new_item_ids=["13"])
    assert "no variant of Cup" in told(play, items, **change, item_ids=["11"], new_item_ids=["22"])
    assert "2 times, not 3" in told(play, items, **change, item_ids=["11"] * 3, new_item_ids=["12"] * 3)
    assert "1 items are to be replaced by 2" in told(play, items, **change, item_ids=["11"], new_item_ids=["12", "12"])
    assert "no items" in told(play, items, **change, item_ids=[], new_item_ids=[])
    order = told(play, items, **change, item_ids=["11", "11"], new_item_ids=["12", "12"])
    assert [(item["item_id"], item["price"]) for item in order["items"]] == [("12", 12.25), ("12", 12.25)]
    assert order["status"] == "pending (item modified)" and gift(play) == 10.5
    assert order["payment_history"][-1] == {
        "transaction_type": "payment",
        "amount": 4.5,
        "payment_method_id": "gift_card_1",
    }
    assert "not pending" in told(play, items, **change, item_ids=["12"], new_item_ids=["11"])
    assert "not pending" in told(play, "cancel_pending_order", order_id="#W1", reason="no longer needed")


def test_returns_go_where_the_policy_says(play: Play) -> None:
    given = {"order_id": "#W2", "item_ids": ["21", "11"]}
    assert "or to a gift card" in told(play, "return_delivered_order_items", **given, payment_method_id="paypal_1")
    assert "holds '12' 0 times" in told(
        play, "return_delivered_order_items", order_id="#W2", item_ids=["12"], payment_method_id="gift_card_1"
    )
    order = told(play, "return_delivered_order_items", **given, payment_method_id="credit_card_1")
    assert order["status"] == "return requested" and order["return_items"] == ["11", "21"]
    assert "not delivered" in told(play, "return_delivered_order_items", **given, payment_method_id="credit_card_1")


def test_exchanges_note_the_difference(play: Play) -> None:
    given = {"order_id": "#W2", "item_ids": ["21", "11"], "new_item_ids": ["22", "12"]}
    order = told(play, "exchange_delivered_order_items", **given, payment_method_id="gift_card_1")
    assert order["exchange_price_difference"] == -8.25 and order["exchange_new_items"] == ["12", "22"]
    assert gift(play) == 15 and [item["item_id"] for item in order["items"]] == [
        "11",
        "21",
    ]  # until they have come back


def test_addresses_change(play: Play) -> None:
    place = {"address1": "1 Elm", "address2": "", "city": "Y", "state": "CA", "country": "USA", "zip": "9"}
    assert told(play, "modify_user_address", user_id="ann_1", **place)["address"] == place
    assert told(play, "modify_pending_order_address", order_id="#W1", **place)["address"] == place
    assert "not pending" in told(play, "modify_pending_order_address", order_id="#W2", **place)


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "2 ** 9", "a", "True + 1", "'1' * 9", "1" * 501, "1/0", "(" * 400, "9" * 400 + "*1e308", "[1]", "1; 2"],
)
def test_only_arithmetic_is_computed(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        round(value_of(text), 2)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("users.json", None, "users.json cannot be read"), ("orders.json", "{", "orders.json cannot be read"),
     ("products.json", "[]", "not an object"), ("policy.md", None, "policy.md cannot be read")],
)  # fmt: skip
def test_a_broken_folder_is_named(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    tiny_retail.write(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=said):
        environment(str(tmp_path))


def test_the_version_covers_the_data(tmp_path: Path) -> None:
    one, two = environment(tiny_retail.write(tmp_path / "a")), environment(tiny_retail.write(tmp_path / "b"))
    assert one.version == two.version
    (tmp_path / "b" / "users.json").write_text("{}")
    assert environment(str(tmp_path / "b")).version != one.version
