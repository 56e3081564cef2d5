"""What an agent of the shop can do. Every function looks before it writes: a call that is refused changes nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

from agent_data.environments.data import ends, record, writes
from agent_data.environments.environment import ToolError
from agent_data.environments.shop.goods import CATEGORIES
from agent_data.environments.shop.world import RETURN_DAYS, SHIPPING, TODAY, total

Data = dict[str, Any]
Category = Literal["kitchen", "home", "office", "outdoor", "clothing", "garden", "games"]
Status = Literal["pending", "shipped", "delivered", "cancelled"]
CancelReason = Literal["no longer needed", "ordered by mistake", "delivery takes too long"]
ReturnReason = Literal["damaged", "wrong item", "does not fit", "changed my mind"]
Shipping = Literal["standard", "express"]


def identify_by_email(data: Data, email: str) -> Data:
    """Identify the customer of this conversation by the email address of the account.

    Args:
        email: The email address, such as ada.lovelace@example.com.
    """
    wanted = email.strip().lower()
    found = [customer for customer in data["customers"].values() if customer["email"] == wanted]
    return _identified(data, found, f"no account has the email {email!r:.80}")


def identify_by_name(data: Data, first_name: str, last_name: str, zip: str) -> Data:
    """Identify the customer of this conversation by name and zip code, where they do not know the email of the account.

    Args:
        first_name: First name of the account.
        last_name: Last name of the account.
        zip: Zip code of the account's address, five digits.
    """
    wanted = (first_name.strip().casefold(), last_name.strip().casefold(), zip.strip())
    found = [
        customer for customer in data["customers"].values()
        if (customer["first_name"].casefold(), customer["last_name"].casefold(), customer["address"]["zip"]) == wanted
    ]  # fmt: skip
    return _identified(data, found, "no account has this name and zip code")


def get_customer(data: Data, customer_id: str) -> Data:
    """The account of the identified customer: name, email, address.

    Args:
        customer_id: The customer, such as C205.
    """
    customer = _customer(data, customer_id)
    return {key: customer[key] for key in ("customer_id", "first_name", "last_name", "email", "address")}


def list_payment_methods(data: Data, customer_id: str) -> list[Data]:
    """The payment methods of the identified customer: cards, gift card with its balance, PocketPay.

    Args:
        customer_id: The customer, such as C205.
    """
    return list(_customer(data, customer_id)["payment_methods"].values())


def list_orders(data: Data, customer_id: str, status: Status | None = None) -> list[Data]:
    """The orders of the identified customer, oldest first: date, status, total, and what they contain in words.

    Args:
        customer_id: The customer, such as C205.
        status: Only orders of this status.
    """
    orders = [data["orders"][order_id] for order_id in _customer(data, customer_id)["orders"]]
    return [
        {
            "order_id": order["order_id"], "placed": order["placed"], "status": order["status"], "total": order["total"],
            "contents": "; ".join(f"{item['quantity']} x {item['name']} ({item['label']})" for item in order["items"]),
        }
        for order in orders if status in (None, order["status"])
    ]  # fmt: skip


def get_order(data: Data, order_id: str) -> Data:
    """An order of the identified customer, with its items, address, shipping, payment method, total and refunds.

    Args:
        order_id: The order, such as W40021.
    """
    return _order(data, order_id)


def track_parcel(data: Data, order_id: str) -> Data:
    """Where the parcel of an order is: tracking number, carrier, and the day of delivery, expected or past.

    Args:
        order_id: The order, such as W40021.
    """
    order = _order(data, order_id)
    if "tracking" not in order:
        raise ToolError(f"order {order_id} is {order['status']}: there is no parcel")
    days = 2 if order["shipping"] == "express" else 5
    expected = max(date.fromisoformat(order["placed"]) + timedelta(days=days), TODAY + timedelta(days=1))
    return {
        "order_id": order_id, "tracking": order["tracking"], "carrier": "Swallow Post", "status": order["status"],
        "delivery_date": order["delivered"] or expected.isoformat(),
    }  # fmt: skip


def list_categories(data: Data) -> list[str]:
    """The categories of goods."""
    return list(CATEGORIES)


def search_products(
    data: Data, query: str = "", category: Category | None = None, max_price: float | None = None
) -> list[Data]:
    """Products whose name holds all words of the query, with the lowest price and the number of variants.

    Args:
        query: Words of the product's name, such as "desk lamp"; empty for all products.
        category: Only products of this category.
        max_price: Only products with a variant at this price or less.
    """
    words = query.casefold().split()
    found = []
    for product in data["products"].values():
        lowest = min(variant["price"] for variant in product["variants"].values())
        if (
            all(word in product["name"].casefold() for word in words)
            and category in (None, product["category"])
            and (max_price is None or lowest <= max_price)
        ):
            found.append({
                "product_id": product["product_id"], "name": product["name"], "category": product["category"],
                "lowest_price": lowest, "variants": len(product["variants"]),
            })  # fmt: skip
    return found


def get_product(data: Data, product_id: str) -> Data:
    """A product with all its variants: item id, options, price, stock; and the lowest of the prices.

    Args:
        product_id: The product, such as P1004.
    """
    product = record(data["products"], product_id, "product")
    variants = list(product["variants"].values())
    return {
        "product_id": product_id, "name": product["name"], "category": product["category"],
        "lowest_price": min(variant["price"] for variant in variants), "variants": variants,
    }  # fmt: skip


@writes
def cancel_order(data: Data, order_id: str, reason: CancelReason) -> Data:
    """Cancel a pending order. All of it is refunded to the payment method it was paid with.

    Args:
        order_id: The order, such as W40021.
        reason: Why the customer cancels.
    """
    order = _order(data, order_id, "pending")
    for item in order["items"]:
        _variant(data, item["item_id"])["stock"] += item["quantity"]
    _refund(data, order, order["payment_method_id"], order["total"])
    order["status"], order["note"] = "cancelled", reason
    return {"order_id": order_id, "status": "cancelled", "refunded": order["total"]}


@writes
def change_order_address(data: Data, order_id: str, street: str, city: str, zip: str) -> Data:
    """Send a pending order to another address.

    Args:
        order_id: The order, such as W40021.
        street: House number and street.
        city: City.
        zip: Zip code, five digits.
    """
    order = _order(data, order_id, "pending")
    order["address"] = _address(street, city, zip)
    return {"order_id": order_id, "address": order["address"]}


@writes
def change_order_item(data: Data, order_id: str, item_id: str, new_item_id: str) -> Data:
    """Replace an item of a pending order by another variant of the same product, in the same quantity. The difference in
    price is charged or refunded to the order's payment method.

    Args:
        order_id: The order, such as W40021.
        item_id: The item in the order that is replaced.
        new_item_id: The variant that replaces it; it must be in stock.
    """
    order = _order(data, order_id, "pending")
    item, variant = _replacement(data, order, item_id, new_item_id)
    before = order["total"]
    after = round(before + (variant["price"] - item["price"]) * item["quantity"], 2)
    _pay(data, order["payment_method_id"], round(after - before, 2))
    _variant(data, item_id)["stock"] += item["quantity"]
    variant["stock"] -= item["quantity"]
    item.update(item_id=new_item_id, label=variant["label"], price=variant["price"])
    order["total"] = total(order["items"], order["shipping"])
    return {"order_id": order_id, "total": order["total"], "difference": round(after - before, 2)}


@writes
def change_order_payment(data: Data, order_id: str, payment_method_id: str) -> Data:
    """Pay a pending order with another payment method of the customer. A gift card must cover the whole total.

    Args:
        order_id: The order, such as W40021.
        payment_method_id: The new payment method, such as card-1044.
    """
    order = _order(data, order_id, "pending")
    _method(data, payment_method_id)
    if payment_method_id == order["payment_method_id"]:
        raise ToolError(f"order {order_id} is already paid with {payment_method_id}")
    _pay(data, payment_method_id, order["total"])
    _pay(data, order["payment_method_id"], -order["total"])
    order["payment_method_id"] = payment_method_id
    return {"order_id": order_id, "payment_method_id": payment_method_id}


@writes
def change_order_shipping(data: Data, order_id: str, shipping: Shipping) -> Data:
    """Send a pending order by another kind of shipping. The difference is charged or refunded to its payment method.

    Args:
        order_id: The order, such as W40021.
        shipping: standard costs 4.90, express 12.50.
    """
    order = _order(data, order_id, "pending")
    if order["shipping"] == shipping:
        raise ToolError(f"order {order_id} already goes by {shipping} shipping")
    _pay(data, order["payment_method_id"], round(SHIPPING[shipping] - SHIPPING[order["shipping"]], 2))
    order["shipping"] = shipping
    order["total"] = total(order["items"], shipping)
    return {"order_id": order_id, "shipping": shipping, "total": order["total"]}


@writes
def return_item(data: Data, order_id: str, item_id: str, reason: ReturnReason, payment_method_id: str) -> Data:
    """Register the return of an item of a delivered order, in its whole quantity, and the refund of its price. Possible for
    30 days after delivery. The refund goes to the order's payment method or to the customer's gift card.

    Args:
        order_id: The order, such as W40021.
        item_id: The item that comes back.
        reason: Why it comes back.
        payment_method_id: Where the refund goes.
    """
    order = _order(data, order_id, "delivered")
    item = _returnable(order, item_id)
    method = _method(data, payment_method_id)
    if payment_method_id != order["payment_method_id"] and method["kind"] != "gift card":
        raise ToolError(f"a refund goes to {order['payment_method_id']} or to a gift card, not to {payment_method_id}")
    amount = round(item["price"] * item["quantity"], 2)
    item["status"], order["note"] = "return registered", reason
    _refund(data, order, payment_method_id, amount)
    return {"order_id": order_id, "item_id": item_id, "refunded": amount, "label": f"R-{order_id}-{item_id}"}


@writes
def exchange_item(data: Data, order_id: str, item_id: str, new_item_id: str) -> Data:
    """Register the exchange of an item of a delivered order for another variant of the same product, within 30 days after
    delivery. The difference in price is charged or refunded to the order's payment method.

    Args:
        order_id: The order, such as W40021.
        item_id: The item that comes back.
        new_item_id: The variant that is sent for it; it must be in stock.
    """
    order = _order(data, order_id, "delivered")
    item = _returnable(order, item_id)
    item, variant = _replacement(data, order, item_id, new_item_id)
    difference = round((variant["price"] - item["price"]) * item["quantity"], 2)
    _pay(data, order["payment_method_id"], difference)
    variant["stock"] -= item["quantity"]
    item.update(status="exchange registered", exchanged_for=new_item_id)
    return {"order_id": order_id, "item_id": item_id, "new_item_id": new_item_id, "difference": difference}


@writes
def change_customer_address(data: Data, customer_id: str, street: str, city: str, zip: str) -> Data:
    """Change the address of the identified customer's account. Orders that were placed keep theirs.

    Args:
        customer_id: The customer, such as C205.
        street: House number and street.
        city: City.
        zip: Zip code, five digits.
    """
    customer = _customer(data, customer_id)
    customer["address"] = _address(street, city, zip)
    return {"customer_id": customer_id, "address": customer["address"]}


@writes
def place_order(
    data: Data, customer_id: str, item_id: str, quantity: int, payment_method_id: str, shipping: Shipping = "standard"
) -> Data:
    """Place an order of one item for the identified customer, to the address of the account.

    Args:
        customer_id: The customer, such as C205.
        item_id: The variant that is ordered, such as P1004-2.
        quantity: How many, at least 1.
        payment_method_id: What pays for it; a gift card must cover the whole total.
        shipping: standard costs 4.90, express 12.50.
    """
    customer, variant = _customer(data, customer_id), _variant(data, item_id)
    _method(data, payment_method_id)
    if quantity < 1:
        raise ToolError(f"quantity is {quantity}, not 1 or more")
    if variant["stock"] < quantity:
        raise ToolError(f"{item_id} has a stock of {variant['stock']}, not {quantity}")
    item = {
        "item_id": item_id, "product_id": item_id.rpartition("-")[0], "name": variant["name"], "label": variant["label"],
        "price": variant["price"], "quantity": quantity, "status": "ordered",
    }  # fmt: skip
    cost = total([item], shipping)
    _pay(data, payment_method_id, cost)
    variant["stock"] -= quantity
    data["last_order"] += 1
    order_id = f"W{data['last_order']}"
    data["orders"][order_id] = {
        "order_id": order_id, "customer_id": customer_id, "status": "pending", "placed": TODAY.isoformat(), "delivered": None,
        "items": [item], "address": dict(customer["address"]), "shipping": shipping,
        "payment_method_id": payment_method_id, "total": cost, "refunds": [], "note": None,
    }  # fmt: skip
    customer["orders"].append(order_id)
    return {"order_id": order_id, "status": "pending", "total": cost}


@writes
def wait_for_item(data: Data, customer_id: str, item_id: str) -> Data:
    """Put the identified customer on the waiting list of a variant that is out of stock; they get a mail when it is back.

    Args:
        customer_id: The customer, such as C205.
        item_id: The variant, such as P1004-2.
    """
    _customer(data, customer_id)
    if stock := _variant(data, item_id)["stock"]:
        raise ToolError(f"{item_id} is in stock ({stock})")
    entry = {"customer_id": customer_id, "item_id": item_id}
    if entry in data["waiting"]:
        raise ToolError(f"{customer_id} already waits for {item_id}")
    data["waiting"] = sorted([*data["waiting"], entry], key=lambda each: (each["customer_id"], each["item_id"]))
    return {**entry, "status": "waiting"}


@ends
def transfer_to_person(data: Data, summary: str) -> str:
    """Hand the conversation over to a person of the shop, which ends it. Only where the tools cannot do what the customer may have.

    Args:
        summary: What the customer wants, and what was done.
    """
    return "handed over"


FUNCTIONS = (
    identify_by_email, identify_by_name, get_customer, list_payment_methods, list_orders, get_order, track_parcel,
    list_categories, search_products, get_product, cancel_order, change_order_address, change_order_item,
    change_order_payment, change_order_shipping, return_item, exchange_item, change_customer_address, place_order,
    wait_for_item, transfer_to_person,
)  # fmt: skip


def _identified(data: Data, found: list[Data], otherwise: str) -> Data:
    if not found:
        raise ToolError(otherwise)
    known = data["session"].get("customer_id")
    if known not in (None, found[0]["customer_id"]):
        raise ToolError(f"this conversation is with customer {known}; another customer has to begin one of their own")
    data["session"]["customer_id"] = found[0]["customer_id"]
    return {key: found[0][key] for key in ("customer_id", "first_name", "last_name")}


def _customer(data: Data, customer_id: str) -> Data:
    """The customer, if it is the one that was identified."""
    known = data["session"].get("customer_id")
    if known is None:
        raise ToolError("the customer has not been identified")
    if customer_id != known:
        raise ToolError(f"{customer_id!r:.40} is not the customer who was identified, {known}")
    customer: Data = data["customers"][customer_id]
    return customer


def _order(data: Data, order_id: str, status: str | None = None) -> Data:
    """An order of the identified customer; of this status, where one is asked for."""
    known = data["session"].get("customer_id")
    if known is None:
        raise ToolError("the customer has not been identified")
    order: Data | None = data["orders"].get(order_id)
    if order is None or order["customer_id"] != known:
        raise ToolError(f"customer {known} has no order {order_id!r:.40}")
    if status not in (None, order["status"]):
        raise ToolError(f"order {order_id} is {order['status']}, not {status}")
    return order


def _variant(data: Data, item_id: str) -> Data:
    product = record(data["products"], item_id.rpartition("-")[0], "product of item")
    variant: Data = record(product["variants"], item_id, "item")
    return variant


def _method(data: Data, payment_method_id: str) -> Data:
    customer = data["customers"][data["session"]["customer_id"]]
    method: Data = record(customer["payment_methods"], payment_method_id, "payment method of the customer")
    return method


def _item(order: Data, item_id: str) -> Data:
    for item in order["items"]:
        if item["item_id"] == item_id:
            found: Data = item
            return found
    raise ToolError(f"order {order['order_id']} holds no item {item_id!r:.40}")


def _returnable(order: Data, item_id: str) -> Data:
    item = _item(order, item_id)
    if item["status"] != "ordered":
        raise ToolError(f"{item_id}: {item['status']} already")
    if TODAY - date.fromisoformat(order["delivered"]) > timedelta(days=RETURN_DAYS):
        raise ToolError(
            f"order {order['order_id']} was delivered on {order['delivered']}, more than {RETURN_DAYS} days ago"
        )
    return item


def _replacement(data: Data, order: Data, item_id: str, new_item_id: str) -> tuple[Data, Data]:
    """The item of the order and the variant for it, which is of the same product, another one, and in stock."""
    item, variant = _item(order, item_id), _variant(data, new_item_id)
    if new_item_id == item_id:
        raise ToolError(f"{new_item_id} is what the order holds")
    if new_item_id.rpartition("-")[0] != item["product_id"]:
        raise ToolError(f"{new_item_id} is not a variant of {item['name']}")
    if any(other["item_id"] == new_item_id for other in order["items"]):
        raise ToolError(f"the order already holds {new_item_id}")
    if variant["stock"] < item["quantity"]:
        raise ToolError(f"{new_item_id} has a stock of {variant['stock']}, not {item['quantity']}")
    return item, variant


def _address(street: str, city: str, zip: str) -> Data:
    made = {"street": " ".join(street.split()), "city": " ".join(city.split()), "zip": zip.strip()}
    if (
        not made["street"]
        or not made["city"]
        or not (made["zip"].isascii() and made["zip"].isdigit() and len(made["zip"]) == 5)
    ):
        raise ToolError("an address has a street, a city, and a zip code of five digits")
    return made


def _pay(data: Data, payment_method_id: str, amount: float) -> None:
    """Charge an amount (refund it where it is less than 0). Only a gift card keeps a balance."""
    method = _method(data, payment_method_id)
    if "balance" not in method:
        return
    if method["balance"] < amount:
        raise ToolError(f"{payment_method_id} holds {method['balance']}, not {amount}")
    method["balance"] = round(method["balance"] - amount, 2)


def _refund(data: Data, order: Data, payment_method_id: str, amount: float) -> None:
    _pay(data, payment_method_id, -amount)
    order["refunds"].append({"amount": amount, "payment_method_id": payment_method_id})
