"""The shop's state: goods with variants and stock, customers, and their orders; all of it from a seed.

Money is in the shop's currency, with two decimals. It is always `TODAY` in the shop.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from agent_data.environments.dice import Dice
from agent_data.environments.names import CITIES, FIRST, LAST, STREETS, ascii_letters
from agent_data.environments.shop.goods import GOODS

TODAY = date(2031, 6, 2)
RETURN_DAYS = 30  # after delivery
CUSTOMERS = 36
SHIPPING = {"standard": 4.90, "express": 12.50}
STATUSES, SHARES = ("pending", "shipped", "delivered", "cancelled"), (9, 3, 12, 2)


def load(seed: int) -> dict[str, Any]:
    """The state of a seed: products, customers, orders, waiting list, and the last number given to an order."""
    dice = Dice(f"shop {seed}")
    state: dict[str, Any] = {
        "products": {},
        "customers": {},
        "orders": {},
        "waiting": [],
        "last_order": 40_000 + dice.below(900),
        "session": {},
    }
    for category, name, low, high, options in GOODS:
        product = _product(
            dice, f"P{1000 + 7 * len(state['products']) + dice.below(7)}", category, name, (low, high), options
        )
        state["products"][product["product_id"]] = product
    firsts, lasts = dice.sample(FIRST, CUSTOMERS), dice.sample(LAST, CUSTOMERS)
    for first, last in zip(firsts, lasts, strict=True):
        customer = _customer(dice, first, last, len(state["customers"]))
        state["customers"][customer["customer_id"]] = customer
        days = dice.sample(range(1, 50), dice.between(1, 4))  # different days, so that a day names an order
        for ago in sorted(days, reverse=True):
            state["last_order"] += dice.between(1, 9)
            order = _order(dice, state, customer, f"W{state['last_order']}", ago)
            state["orders"][order["order_id"]] = order
            customer["orders"].append(order["order_id"])
    return state


def _product(
    dice: Dice, product_id: str, category: str, name: str, price: tuple[int, int], options: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    (first, ones), (second, others) = options.items()
    variants = {}
    pairs = [(one, other) for one in ones for other in others]
    for number, (one, other) in enumerate(dice.sample(pairs, max(4, len(pairs) - 1))):
        item_id = f"{product_id}-{number + 1}"
        asked = dice.between(price[0], price[1]) - 0.05 * dice.between(1, 9)
        variants[item_id] = {
            "item_id": item_id, "name": name, "label": f"{one}, {other}", "options": {first: one, second: other},
            "price": round(asked, 2), "stock": 0 if dice.chance(0.15) else dice.between(1, 40),
        }  # fmt: skip
    return {"product_id": product_id, "name": name, "category": category, "variants": variants}


def _customer(dice: Dice, first: str, last: str, number: int) -> dict[str, Any]:
    methods: dict[str, Any] = {}
    card = f"card-{1000 + number * 100 + dice.below(100)}"
    methods[card] = {"payment_method_id": card, "kind": "card", "label": f"card ending in {dice.between(1000, 9999)}"}
    if dice.chance(0.6):
        gift = f"gift-{1000 + number * 100 + dice.below(100)}"
        methods[gift] = {
            "payment_method_id": gift,
            "kind": "gift card",
            "label": "gift card",
            "balance": float(dice.between(5, 180)),
        }
    if dice.chance(0.4):
        purse = f"purse-{1000 + number * 100 + dice.below(100)}"
        methods[purse] = {"payment_method_id": purse, "kind": "PocketPay", "label": "PocketPay account"}
    return {
        "customer_id": f"C{200 + number * 5 + dice.below(5)}", "first_name": first, "last_name": last,
        "email": f"{ascii_letters(first)}.{ascii_letters(last)}@example.com", "address": address(dice),
        "payment_methods": methods, "orders": [],
    }  # fmt: skip


def address(dice: Dice) -> dict[str, str]:
    """An address; the zip code belongs to the city."""
    city = dice.below(len(CITIES))
    return {
        "street": f"{dice.between(1, 140)} {dice.choice(STREETS)}", "city": CITIES[city],
        "zip": f"{21 + 3 * city}{dice.between(100, 999)}",
    }  # fmt: skip


def _order(dice: Dice, state: dict[str, Any], customer: dict[str, Any], order_id: str, ago: int) -> dict[str, Any]:
    placed = TODAY - timedelta(days=ago)
    if ago <= 4:
        status = "pending"
    elif ago <= 8:
        status = dice.weighted(STATUSES[:2], (2, 1))
    else:
        status = dice.weighted(STATUSES, SHARES)
    items = []
    for product in dice.sample(list(state["products"].values()), dice.weighted((1, 2, 3, 4), (4, 4, 2, 1))):
        variant = dice.choice(list(product["variants"].values()))
        items.append({
            "item_id": variant["item_id"], "product_id": product["product_id"], "name": product["name"], "label": variant["label"],
            "price": variant["price"], "quantity": dice.weighted((1, 2, 3), (8, 2, 1)), "status": "ordered",
        })  # fmt: skip
    # A gift card that paid is not asked for what it held before.
    method = dice.choice([key for key in customer["payment_methods"] if not key.startswith("gift")])
    shipping = dice.weighted(tuple(SHIPPING), (4, 1))
    order = {
        "order_id": order_id, "customer_id": customer["customer_id"], "status": status, "placed": placed.isoformat(),
        "delivered": None, "items": items, "address": dict(customer["address"]), "shipping": shipping,
        "payment_method_id": method, "total": total(items, shipping), "refunds": [], "note": None,
    }  # fmt: skip
    if status in ("shipped", "delivered"):
        order["tracking"] = f"T{dice.between(10_000_000, 99_999_999)}"
    if status == "delivered":
        order["delivered"] = (placed + timedelta(days=min(ago - 1, dice.between(2, 5)))).isoformat()
    if status == "cancelled":
        order["refunds"].append({"amount": order["total"], "payment_method_id": method})
    return order


def total(items: list[dict[str, Any]], shipping: str) -> float:
    """What an order costs, with its shipping."""
    goods: float = sum(item["price"] * item["quantity"] for item in items)
    return round(goods + SHIPPING[shipping], 2)
