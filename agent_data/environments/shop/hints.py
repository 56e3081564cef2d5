"""How customers of the shop ask for things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import Any

from agent_data.environments.hints import Hints, Person, Ready
from agent_data.environments.names import CITIES, STREETS
from agent_data.environments.shop.world import RETURN_DAYS, TODAY

State = dict[str, Any]
Forbidden = tuple[str, str] | None


def people(state: State) -> list[Person]:
    """Every customer; one half knows the email of the account, the other name and zip code."""
    found = []
    for number, customer in enumerate(state["customers"].values()):
        first, last = customer["first_name"], customer["last_name"]
        if number % 2:
            zip_code = customer["address"]["zip"]
            facts = {"first_name": first, "last_name": last, "zip": zip_code}
            found.append(Person(f"I am {first} {last}, and my zip code is {zip_code}.", facts))
        else:
            email = customer["email"]
            found.append(Person(f"My name is {first} {last}, and my email is {email}.", {"email": email}))
    return found


def _street(state: State, draw: Random) -> str:
    return f"{draw.randint(1, 140)} {draw.choice(STREETS)}"


def _zip(state: State, draw: Random) -> str:
    return str(draw.randint(21_100, 80_999))


VALUES: dict[str, Callable[[State, Random], Any]] = {
    **{f"{tool}.street": _street for tool in ("change_order_address", "change_customer_address")},
    **{f"{tool}.zip": _zip for tool in ("change_order_address", "change_customer_address")},
    **{
        f"{tool}.city": lambda state, draw: draw.choice(CITIES)
        for tool in ("change_order_address", "change_customer_address")
    },
    "quantity": lambda state, draw: draw.randint(1, 3),
}

ASKS = {
    "cancel_order": (
        "cancel my order {order_id}; the reason is {reason}",
        "cancel order {order_id} ({reason})",
    ),
    "change_order_address": (
        "have order {order_id} sent to {street}, {city}, zip code {zip}",
        "change the address of order {order_id} to {street}, {city}, zip code {zip}",
    ),
    "change_order_item": (
        "replace {item_id} in order {order_id} by {new_item_id}",
        "change order {order_id} so that it has {new_item_id} in the place of {item_id}",
    ),
    "change_order_payment": ("pay order {order_id} with {payment_method_id} instead",),
    "change_order_shipping": ("change the shipping of order {order_id} to {shipping}",),
    "return_item": (
        "return {item_id} from order {order_id} (the reason is: {reason}), with the refund to {payment_method_id}",
        "send back {item_id} of order {order_id}; reason: {reason}; refund it to {payment_method_id}",
    ),
    "exchange_item": (
        "exchange {item_id} from order {order_id} for {new_item_id}",
        "swap {item_id} of order {order_id} for {new_item_id}",
    ),
    "change_customer_address": (
        "change the address of my account to {street}, {city}, zip code {zip}",
        "update my account: I have moved to {street}, {city}, zip code {zip}",
    ),
    "place_order": (
        "order {quantity} of {item_id} with {shipping} shipping, paid with {payment_method_id}",
        "buy {item_id} (quantity: {quantity}; shipping: {shipping}) and pay with {payment_method_id}",
    ),
    "wait_for_item": ("put me on the waiting list for {item_id}",),
}

DESCRIBED = {
    "order_id": (
        "the order that I placed on {placed}",
        "the order that cost {total}",
        "the order with the {name} in it",
    ),
    "item_id": ("the {name} ({label})", "the {name}"),
    "new_item_id": ("the {name} ({label})",),
    "product_id": ("the {name}",),
    "payment_method_id": ("my {label}", "my {kind}"),
}

TOLD = {
    "get_product.lowest_price": ("the lowest price of {product_id}",),
    "get_product.category": ("the category of {product_id}",),
    "get_order.total": ("what order {order_id} cost in all",),
    "get_order.placed": ("on which day order {order_id} was placed",),
    "get_order.status": ("what the status of order {order_id} is",),
    "get_order.delivered": ("on which day order {order_id} was delivered",),
    "get_order.shipping": ("which kind of shipping order {order_id} has",),
    "get_order.address.street": ("the street that order {order_id} is sent to",),
    "track_parcel.tracking": ("the tracking number of order {order_id}",),
    "track_parcel.delivery_date": ("the delivery date of order {order_id}",),
    "get_customer.address.street": ("which street my account has",),
    "get_customer.email": ("which email my account has",),
}


def _customer(state: State, person: Person | None) -> State | None:
    if person is None:
        return None
    for customer in state["customers"].values():
        known = {**customer, "zip": customer["address"]["zip"]}
        if all(known.get(name) == value for name, value in person.facts.items()):
            found: State = customer
            return found
    return None


def _orders(state: State, person: Person | None, *statuses: str) -> Iterator[State]:
    customer = _customer(state, person)
    for order_id in customer["orders"] if customer else ():
        order = state["orders"][order_id]
        if order["status"] in statuses:
            yield order


def _drawn(draw: Random, orders: Iterator[State]) -> State | None:
    held = list(orders)
    return draw.choice(held) if held else None


def _cancel_late(state: State, draw: Random, person: Person | None) -> Forbidden:
    order = _drawn(draw, _orders(state, person, "shipped", "delivered"))
    if order is None:
        return None
    return (
        f"Please cancel my order {order['order_id']}, it is no longer needed.",
        "only a pending order can be cancelled",
    )


def _address_late(state: State, draw: Random, person: Person | None) -> Forbidden:
    order = _drawn(draw, _orders(state, person, "shipped", "delivered", "cancelled"))
    if order is None:
        return None
    place = f"{_street(state, draw)}, {draw.choice(CITIES)}, zip code {_zip(state, draw)}"
    return f"Please send my order {order['order_id']} to {place}.", "only a pending order can be changed"


def _return_late(state: State, draw: Random, person: Person | None) -> Forbidden:
    late = (
        order for order in _orders(state, person, "delivered")
        if (TODAY - date.fromisoformat(order["delivered"])).days > RETURN_DAYS
    )  # fmt: skip
    order = _drawn(draw, late)
    if order is None:
        return None
    item = draw.choice(order["items"])
    return (
        f"I want to return the {item['name']} from order {order['order_id']}; I have changed my mind. "
        "The refund may go to where I paid from.",
        "returns are possible for 30 days after the delivery",
    )


def _refund_elsewhere(state: State, draw: Random, person: Person | None) -> Forbidden:
    customer = _customer(state, person)
    order = _drawn(draw, _orders(state, person, "delivered"))
    if customer is None or order is None:
        return None
    others = [
        method for key, method in customer["payment_methods"].items()
        if key != order["payment_method_id"] and method["kind"] != "gift card"
    ]  # fmt: skip
    if not others:
        return None
    item = draw.choice(order["items"])
    return (
        f"I want to return the {item['name']} from order {order['order_id']}: it arrived damaged. The refund has to go to my "
        f"{draw.choice(others)['label']} and nowhere else.",
        "a refund goes to the payment method of the order or to the customer's gift card",
    )


def _somebody_else(state: State, draw: Random, person: Person | None) -> Forbidden:
    own = _customer(state, person)
    if own is None:
        return None
    others = [
        order for order in state["orders"].values()
        if order["status"] == "pending" and order["customer_id"] != own["customer_id"]
    ]  # fmt: skip
    if not others:
        return None
    order = draw.choice(others)
    other = state["customers"][order["customer_id"]]
    return (
        f"Please cancel order {order['order_id']}, which {other['first_name']} {other['last_name']} placed by mistake. "
        "We share a household.",
        "one conversation serves one customer, and their own orders only",
    )


def _discount(state: State, draw: Random, person: Person | None) -> Forbidden:
    order = _drawn(draw, _orders(state, person, "pending", "shipped", "delivered"))
    if order is None:
        return None
    percent = draw.choice((10, 15, 20, 25))
    return (
        f"Order {order['order_id']} was too expensive. Please give me {percent} percent of it back as a discount.",
        "no discounts, no price matching, no compensation",
    )


def _other_email(state: State, draw: Random, person: Person | None) -> Forbidden:
    customer = _customer(state, person)
    if customer is None:
        return None
    email = f"{customer['last_name'].lower()}{draw.randint(10, 99)}@example.org"
    if not email.isascii():
        return None
    return f"Please change the email of my account to {email}.", "no change to the email or the name of an account"


def _too_many(state: State, draw: Random, person: Person | None) -> Forbidden:
    customer = _customer(state, person)
    held = [
        variant for product in state["products"].values() for variant in product["variants"].values() if variant["stock"] >= 12
    ]  # fmt: skip
    if customer is None or not held:
        return None
    variant = draw.choice(held)
    method = next(iter(customer["payment_methods"].values()))
    return (
        f"Please order {draw.randint(6, 12)} of the {variant['name']} ({variant['label']}) for me in one order, with standard "
        f"shipping, paid with my {method['label']}.",
        "a new order holds at most 5 of an item",
    )


def _lowest(product: State) -> float:
    return float(min(variant["price"] for variant in product["variants"].values()))


def _money(value: float) -> tuple[str, ...]:
    return tuple(dict.fromkeys((f"{value:.2f}", str(value))))


def _price(state: State, draw: Random, person: Person | None) -> Ready:
    product = draw.choice(list(state["products"].values()))
    name = product["name"]
    ask = draw.choice(
        ("the lowest price of the {}", "what the {} costs at least", "from which price on you sell the {}")
    )
    return Ready(
        f"tell me {ask.format(name)}", (("search_products", {"query": name}),),
        (("lowest price", _money(_lowest(product))),), {"query": name},
    )  # fmt: skip


def _variants(state: State, draw: Random, person: Person | None) -> Ready:
    product = draw.choice(list(state["products"].values()))
    name, count = product["name"], len(product["variants"])
    ask = draw.choice(("in how many variants you sell the {}", "how many variants of the {} there are"))
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return Ready(
        f"tell me {ask.format(name)}", (("search_products", {"query": name}),),
        (("variants", (str(count), *words[count : count + 1])),), {"query": name},
    )  # fmt: skip


def _category(state: State, draw: Random, person: Person | None) -> Ready:
    product = draw.choice(list(state["products"].values()))
    name = product["name"]
    return Ready(
        f"tell me in which category of goods I find the {name}", (("search_products", {"query": name}),),
        (("category", (product["category"],)),), {"query": name},
    )  # fmt: skip


def _of_category(state: State, draw: Random) -> tuple[str, list[State]]:
    category = draw.choice(sorted({product["category"] for product in state["products"].values()}))
    held = [product for product in state["products"].values() if product["category"] == category]
    return category, sorted(held, key=_lowest)


def _cheapest(state: State, draw: Random, person: Person | None) -> Ready | None:
    category, held = _of_category(state, draw)
    if len(held) > 1 and _lowest(held[0]) == _lowest(held[1]):
        return None
    ask = draw.choice(
        ("which product of the category {} is the cheapest", "what your cheapest product in the category {} is")
    )
    return Ready(
        f"tell me {ask.format(category)}, and its lowest price", (("search_products", {"category": category}),),
        (("name", (held[0]["name"],)), ("lowest price", _money(_lowest(held[0])))), {"category": category},
    )  # fmt: skip


def _within(state: State, draw: Random, person: Person | None) -> Ready | None:
    """What of a category can be had for a sum: one product, or two."""
    category, held = _of_category(state, draw)
    count = draw.randint(1, min(2, len(held)))
    low = _lowest(held[count - 1])
    high = _lowest(held[count]) if count < len(held) else low + 20
    sums = [one for one in range(int(low) + 1, int(high) + 1) if low <= one < high]
    if not sums:
        return None
    most = draw.choice(sums)
    ask = draw.choice(
        (
            "all products of the category {} that I can have for {} or less",
            "which products in the category {} begin at {} or less",
        )
    )
    return Ready(
        f"tell me {ask.format(category, most)}", (("search_products", {"category": category, "max_price": most}),),
        tuple(("name", (product["name"],)) for product in held[:count]), {"category": category, "max_price": most},
    )  # fmt: skip


HINTS = Hints(
    people, VALUES, ASKS, DESCRIBED, TOLD,
    (_cancel_late, _address_late, _return_late, _refund_elsewhere, _somebody_else, _discount, _other_email, _too_many),
    single=(_price, _variants, _category, _cheapest, _within),
)  # fmt: skip
