"""A folder of retail data in tau-bench's form, small enough to be read: two users, four orders, two products."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

POLICY = "# Small shop\n\nAsk for a yes before you change anything.\n"


def variant(item_id: str, colour: str, price: float, available: bool = True) -> dict[str, Any]:
    return {"item_id": item_id, "options": {"colour": colour}, "available": available, "price": price}


def order(
    order_id: str, user_id: str, status: str, items: list[tuple[str, str, str, float]], method: str
) -> dict[str, Any]:
    held = [
        {"name": name, "product_id": product, "item_id": item, "price": price, "options": {"colour": "red"}}
        for name, product, item, price in items
    ]
    paid = round(sum(item[3] for item in items), 2)
    return {
        "order_id": order_id, "user_id": user_id, "address": {"zip": "10001"}, "items": held, "fulfillments": [], "status": status,
        "payment_history": [{"transaction_type": "payment", "amount": paid, "payment_method_id": method}],
    }  # fmt: skip


CUP, VASE = ("Cup", "100", "11", 10.0), ("Vase", "200", "21", 30.5)


def write(folder: Path) -> str:
    """The files of the data; the folder's path."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Any] = {
        "products": {
            "100": {"name": "Cup", "product_id": "100", "variants": {
                "11": variant("11", "red", 10.0), "12": variant("12", "blue", 12.25), "13": variant("13", "grey", 8.0, False),
            }},
            "200": {"name": "Vase", "product_id": "200", "variants": {"21": variant("21", "red", 30.5), "22": variant("22", "blue", 20.0)}},
        },
        "users": {
            "ann_1": {
                "name": {"first_name": "Ann", "last_name": "Abel"}, "address": {"zip": "10001"}, "email": "ann@example.com",
                "payment_methods": {
                    "gift_card_1": {"source": "gift_card", "balance": 15, "id": "gift_card_1"},
                    "paypal_1": {"source": "paypal", "id": "paypal_1"}, "credit_card_1": {"source": "credit_card", "id": "credit_card_1"},
                },
                "orders": ["#W1", "#W2", "#W3"],
            },
            "bob_2": {
                "name": {"first_name": "Bob", "last_name": "Bell"}, "address": {"zip": "20002"}, "email": "bob@example.com",
                "payment_methods": {"paypal_2": {"source": "paypal", "id": "paypal_2"}}, "orders": ["#W4"],
            },
        },
        "orders": {
            "#W1": order("#W1", "ann_1", "pending", [CUP, CUP], "paypal_1"),
            "#W2": order("#W2", "ann_1", "delivered", [CUP, VASE], "credit_card_1"),
            "#W3": order("#W3", "ann_1", "pending", [CUP], "gift_card_1"),
            "#W4": order("#W4", "bob_2", "processed", [VASE], "paypal_2"),
        },
    }  # fmt: skip
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table))
    (folder / "policy.md").write_text(POLICY)
    return str(folder)
