"""The 16 tools of the retail world, by its policy. Every function looks before it writes: a call that is refused changes nothing.

Names, parameters and records are those of the published data, so that its gold calls can be made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from agent_data.environments.data import ends, record, writes
from agent_data.environments.environment import ToolError
from agent_data.environments.retail.arithmetic import value_of

Data = dict[str, Any]
Reason = Literal["no longer needed", "ordered by mistake"]


def find_user_id_by_email(data: Data, email: str) -> str:
    """The id of the user who has this email address.

    Args:
        email: The email address, such as ada@example.com.
    """
    wanted = email.strip().lower()
    for user_id, user in data["users"].items():
        if user["email"].lower() == wanted:
            return str(user_id)
    raise ToolError("user not found")


def find_user_id_by_name_zip(data: Data, first_name: str, last_name: str, zip: str) -> str:
    """The id of the user of this name and zip code, for those who do not know the email address of their account.

    Args:
        first_name: First name.
        last_name: Last name.
        zip: Zip code of the user's address, such as 19122.
    """
    wanted = (first_name.strip().lower(), last_name.strip().lower(), zip.strip())
    for user_id, user in data["users"].items():
        if (user["name"]["first_name"].lower(), user["name"]["last_name"].lower(), user["address"]["zip"]) == wanted:
            return str(user_id)
    raise ToolError("user not found")


def get_user_details(data: Data, user_id: str) -> Data:
    """A user: name, address, email, payment methods and the ids of their orders.

    Args:
        user_id: The user, such as sara_doe_496.
    """
    user: Data = record(data["users"], user_id, "user")
    return user


def get_order_details(data: Data, order_id: str) -> Data:
    """An order: status, items, address, parcels and payments.

    Args:
        order_id: The order with the # that it begins with, such as #W0000000.
    """
    order: Data = record(data["orders"], order_id, "order")
    return order


def list_all_product_types(data: Data) -> Data:
    """All kinds of products: name and product id."""
    return dict(sorted((product["name"], product["product_id"]) for product in data["products"].values()))


def get_product_details(data: Data, product_id: str) -> Data:
    """A kind of product with all its variants: item id, options, price, whether it is available.

    Args:
        product_id: The product, such as 6086499569; not the id of an item.
    """
    product: Data = record(data["products"], product_id, "product")
    return product


def calculate(data: Data, expression: str) -> str:
    """The value of an arithmetic expression, rounded to two decimals.

    Args:
        expression: Numbers with + - * / and parentheses, such as (12.5 + 3) * 2.
    """
    try:
        return str(round(value_of(expression), 2))
    except (ValueError, ArithmeticError) as error:
        raise ToolError(f"cannot be computed: {error}") from None


def think(data: Data, thought: str) -> str:
    """Note a thought. Nothing is looked up and nothing changes.

    Args:
        thought: The thought.
    """
    return ""


@writes
def cancel_pending_order(data: Data, order_id: str, reason: Reason) -> Data:
    """Cancel an order that is pending. What was paid goes back to where it came from, to a gift card at once. Tell the user
    what will be cancelled, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        reason: Why the user cancels.
    """
    order = _order(data, order_id, "pending")
    user = data["users"][order["user_id"]]
    back = []
    for payment in order["payment_history"]:
        back.append({**payment, "transaction_type": "refund"})
        method = user["payment_methods"].get(payment["payment_method_id"], {})
        if method.get("source") == "gift_card":
            method["balance"] = round(method["balance"] + payment["amount"], 2)
    order["payment_history"] += back
    order["status"], order["cancel_reason"] = "cancelled", reason
    return order


@writes
def modify_pending_order_address(
    data: Data, order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> Data:
    """Send a pending order to another address. Tell the user what will change, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        address1: First line, such as 123 Main St.
        address2: Second line, such as Apt 1; may be empty.
        city: City.
        state: State, such as CA.
        country: Country, such as USA.
        zip: Zip code.
    """
    order = _order(data, order_id, "pending")
    order["address"] = {
        "address1": address1, "address2": address2, "city": city, "state": state, "country": country, "zip": zip,
    }  # fmt: skip
    return order


@writes
def modify_pending_order_payment(data: Data, order_id: str, payment_method_id: str) -> Data:
    """Pay a pending order in another way. Tell the user what will change, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        payment_method_id: The user's payment method that pays now, such as gift_card_0000000.
    """
    order = _order(data, order_id, "pending")
    methods, method = _method(data, order, payment_method_id)
    paid = order["payment_history"]
    if len(paid) != 1 or paid[0]["transaction_type"] != "payment":
        raise ToolError("the order has been paid more than once, or paid back")
    before, amount = paid[0]["payment_method_id"], paid[0]["amount"]
    if before == payment_method_id:
        raise ToolError("the order is paid with this method already")
    _covers(method, amount)
    paid += [
        {"transaction_type": "payment", "amount": amount, "payment_method_id": payment_method_id},
        {"transaction_type": "refund", "amount": amount, "payment_method_id": before},
    ]
    _charge(method, amount)
    _charge(methods.get(before, {}), -amount)
    return order


@writes
def modify_pending_order_items(
    data: Data, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> Data:
    """Replace items of a pending order by other variants of the same products. Possible once for an order, and afterwards it
    cannot be cancelled: make sure that the user has named all items, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        item_ids: The items that are replaced; an item that is there twice may stand here twice.
        new_item_ids: The variants for them, in the same order.
        payment_method_id: What pays the difference in price, or gets it back.
    """
    order = _order(data, order_id, "pending")
    pairs, difference = _replaced(data, order, item_ids, new_item_ids)
    _, method = _method(data, order, payment_method_id)
    _covers(method, difference)
    if difference:
        kind = "payment" if difference > 0 else "refund"
        order["payment_history"].append(
            {"transaction_type": kind, "amount": abs(difference), "payment_method_id": payment_method_id}
        )
        _charge(method, difference)
    for item_id, variant in pairs:
        item = next(item for item in order["items"] if item["item_id"] == item_id)
        item.update(item_id=variant["item_id"], price=variant["price"], options=dict(variant["options"]))
    order["status"] = "pending (item modified)"
    return order


@writes
def return_delivered_order_items(data: Data, order_id: str, item_ids: list[str], payment_method_id: str) -> Data:
    """Ask for the return of items of a delivered order. Possible once for an order: make sure that the user has named all
    items, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        item_ids: The items that come back; an item that is there twice may stand here twice.
        payment_method_id: Where the refund goes: how the order was paid, or a gift card.
    """
    order = _order(data, order_id, "delivered")
    _, method = _method(data, order, payment_method_id)
    if method["source"] != "gift_card" and payment_method_id != order["payment_history"][0]["payment_method_id"]:
        raise ToolError("a refund goes to how the order was paid, or to a gift card")
    _held(order, item_ids)
    order.update(status="return requested", return_items=sorted(item_ids), return_payment_method_id=payment_method_id)
    return order


@writes
def exchange_delivered_order_items(
    data: Data, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> Data:
    """Ask for the exchange of items of a delivered order for other variants of the same products. Possible once for an order:
    make sure that the user has named all items, and go on only after an explicit yes.

    Args:
        order_id: The order with the # that it begins with.
        item_ids: The items that come back; an item that is there twice may stand here twice.
        new_item_ids: The variants for them, in the same order.
        payment_method_id: What pays the difference in price, or gets it back.
    """
    order = _order(data, order_id, "delivered")
    _, difference = _replaced(data, order, item_ids, new_item_ids)
    _, method = _method(data, order, payment_method_id)
    _covers(method, difference)
    order.update(
        status="exchange requested", exchange_items=sorted(item_ids), exchange_new_items=sorted(new_item_ids),
        exchange_payment_method_id=payment_method_id, exchange_price_difference=difference,
    )  # fmt: skip
    return order


@writes
def modify_user_address(
    data: Data, user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> Data:
    """Change the default address of a user. Tell the user what will change, and go on only after an explicit yes.

    Args:
        user_id: The user, such as sara_doe_496.
        address1: First line, such as 123 Main St.
        address2: Second line, such as Apt 1; may be empty.
        city: City.
        state: State, such as CA.
        country: Country, such as USA.
        zip: Zip code.
    """
    user: Data = record(data["users"], user_id, "user")
    user["address"] = {
        "address1": address1, "address2": address2, "city": city, "state": state, "country": country, "zip": zip,
    }  # fmt: skip
    return user


@ends
def transfer_to_human_agents(data: Data, summary: str) -> str:
    """Hand the user over to a person, which ends the conversation. Only where the tools cannot do what is asked.

    Args:
        summary: What the user wants, and what was done.
    """
    return "Transfer successful"


FUNCTIONS = (
    calculate, cancel_pending_order, exchange_delivered_order_items, find_user_id_by_email, find_user_id_by_name_zip,
    get_order_details, get_product_details, get_user_details, list_all_product_types, modify_pending_order_address,
    modify_pending_order_items, modify_pending_order_payment, modify_user_address, return_delivered_order_items, think,
    transfer_to_human_agents,
)  # fmt: skip


def _order(data: Data, order_id: str, *statuses: str) -> Data:
    order: Data = record(data["orders"], order_id, "order")
    if order["status"] not in statuses:
        raise ToolError(f"the order is {order['status']}, not {statuses[0]}")
    return order


def _method(data: Data, order: Data, payment_method_id: str) -> tuple[Data, Data]:
    """All payment methods of the order's user, and the one that is asked for."""
    methods: Data = data["users"][order["user_id"]]["payment_methods"]
    return methods, record(methods, payment_method_id, "payment method of the user")


def _held(order: Data, item_ids: Sequence[str]) -> None:
    """Whether the order holds the items, each as often as it is named."""
    if not item_ids:
        raise ToolError("no items are named")
    there = Counter(item["item_id"] for item in order["items"])
    for item_id, count in Counter(item_ids).items():
        if there[item_id] < count:
            raise ToolError(f"the order holds {item_id!r:.40} {there[item_id]} times, not {count}")


def _replaced(
    data: Data, order: Data, item_ids: Sequence[str], new_item_ids: Sequence[str]
) -> tuple[list[tuple[str, Data]], float]:
    """Each item with its new variant, and the difference in price (more than 0: the user pays)."""
    _held(order, item_ids)
    if len(item_ids) != len(new_item_ids):
        raise ToolError(f"{len(item_ids)} items are to be replaced by {len(new_item_ids)}")
    pairs, difference = [], 0.0
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in order["items"] if item["item_id"] == item_id)
        variant = record(data["products"][item["product_id"]]["variants"], new_item_id, f"variant of {item['name']}")
        if not variant["available"]:
            raise ToolError(f"{new_item_id} is not available")
        difference += variant["price"] - item["price"]
        pairs.append((item_id, variant))
    return pairs, round(difference, 2)


def _covers(method: Data, amount: float) -> None:
    if method["source"] == "gift_card" and method["balance"] < amount:
        raise ToolError(f"the gift card holds {method['balance']}, not {amount}")


def _charge(method: Data, amount: float) -> None:
    """Take an amount (give it back where it is less than 0). Only a gift card keeps a balance."""
    if method.get("source") == "gift_card":
        method["balance"] = round(method["balance"] - amount, 2)
