"""The shop and the desk: the same on every machine, sound after any calls, and told of rightly by their hints."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from agent_data.environments.catalogue import opened
from agent_data.environments.desk.world import clashes, minutes_of
from agent_data.environments.environment import Environment, canonical, state_hash
from agent_data.environments.play import Observation, Play, begin
from agent_data.environments.shop.world import total
from arcmill.generation import drive
from arcmill.records import ToolCall

WORLDS = ("shop", "desk")
# Of the states of seeds 0, 1 and 2: written down, so that another machine or Python that made others would be found out.
STATES = {
    "shop": "d473ccfe8e2190bec6f87a5a2e690403d76cc6c0ff5852ec48e5a8862b987302",
    "desk": "0b1179fc387b8d569953cb1b0a12fd5c65040cff246ca9f91bb691081fd01aef",
}


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> Environment:
    return opened(request.param, {})


def call(play: Play, name: str, **arguments: Any) -> Observation:
    seen: Observation = drive(play.call(ToolCall("c", name, json.dumps(arguments))))
    return seen


def give(play: Play, name: str, **arguments: Any) -> Any:
    seen = call(play, name, **arguments)
    assert not seen.error, seen.text
    return json.loads(seen.text)


def pool(state: Any) -> dict[str, list[Any]]:
    """All plain values of a state by their key, and ids of records."""
    held: dict[str, list[Any]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                if isinstance(value, str | int | float):
                    held.setdefault(name, []).append(value)
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(state)
    return held


def some(draw: random.Random, name: str, schema: Any, held: dict[str, list[Any]]) -> Any:
    if "enum" in schema:
        return draw.choice(schema["enum"])
    if schema["type"] == "array":
        return [some(draw, name.removesuffix("s"), schema["items"], held) for _ in range(draw.randint(0, 2))]
    if schema["type"] == "boolean":
        return draw.random() < 0.5
    if schema["type"] == "integer":
        return draw.choice((-15, 0, 1, 2, 15, 30, 45, 60, 600, 10**6))
    if schema["type"] == "number":
        return draw.choice((0, 12.5, 60, 1e9))
    known = held.get(name) or held.get(name.removeprefix("new_")) or ["two words", "21345", "x@example.org"]
    if name == "date":
        return draw.choice(("2031-06-03", "2031-06-04", "2031-06-07", "2031-05-01", "never"))
    return draw.choice(known) if draw.random() < 0.95 else draw.choice(("", "nothing", "\u2603" * 50))


def played(world: Environment, seed: int, calls: int) -> tuple[Play, Counter[str]]:
    """Random calls in an episode; a refused or reading call changes nothing, and none breaks the world."""
    draw = random.Random(f"{world.name} {seed}")
    play = drive(begin(world, seed))
    held = pool(play.episode.state())
    # In the shop, most calls need somebody who was identified: whose values are then drawn more often.
    if world.name == "shop":
        customer = draw.choice(list(play.episode.data["customers"].values()))
        give(play, "identify_by_email", email=customer["email"])
        own = pool([customer, *(play.episode.data["orders"][one] for one in customer["orders"])])
        held = {
            name: values + own.get(name, []) * (1 + 3 * len(values) // max(1, len(own.get(name, []))))
            for name, values in held.items()
        }
        held["order_id"] = customer["orders"]
    done = Counter[str]()
    before = canonical(play.episode.state())
    tools = [tool for tool in world.tools if not tool.ends]
    for _ in range(calls):
        tool = draw.choice(tools)
        properties, required = tool.parameters["properties"], tool.parameters.get("required", [])
        arguments = {
            name: some(draw, name, schema, held)
            for name, schema in properties.items()
            if name in required or draw.random() < 0.5
        }
        if "new_item_id" in arguments:  # what fits by chance too seldom: another variant of what an order holds
            item = draw.choice(play.episode.data["orders"][draw.choice(customer["orders"])]["items"])
            arguments["item_id"] = item["item_id"]
            arguments["new_item_id"] = draw.choice(list(play.episode.data["products"][item["product_id"]]["variants"]))
        seen = call(play, tool.name, **arguments)
        after = canonical(play.episode.state())
        if seen.error or not tool.writes:
            assert after == before, (tool.name, arguments)
        else:
            done[tool.name] += 1
        before = after
    return play, done


def test_tools_are_many_and_told_of(world: Environment) -> None:
    assert len(world.tools) >= 10 and sum(tool.writes for tool in world.tools) >= 5
    assert world.policy.startswith("# ") and len({tool.name for tool in world.tools}) == len(world.tools)
    for tool in world.tools:
        assert len(tool.description) > 20, tool.name
        for name, schema in tool.parameters["properties"].items():
            assert schema.get("description") and ("type" in schema or "enum" in schema), (tool.name, name)
    assert world.confirm <= {tool.name for tool in world.tools if tool.writes}


def test_states_are_small_many_and_the_same_everywhere(world: Environment) -> None:
    states = [world.begin(seed).state() for seed in range(12)]  # type: ignore[union-attr]
    assert len({state_hash(state) for state in states}) == 12
    assert max(len(canonical(state)) for state in states) < 200_000
    assert state_hash(states[:3]) == STATES[world.name]


def test_another_process_and_hash_seed_give_the_same(world: Environment) -> None:
    program = (
        "import sys; from agent_data.environments.catalogue import opened; from agent_data.environments.environment import state_hash;"
        "world = opened(sys.argv[1], {}); print(world.version, state_hash([world.begin(seed).state() for seed in range(3)]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, world.name], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout.split()[0:2][-1]
        for seed in ("1", "77")
    }  # fmt: skip
    assert told == {STATES[world.name]}


def test_calls_played_again_give_the_same(world: Environment) -> None:
    one, two = played(world, 5, 150), played(world, 5, 150)
    assert one[1] == two[1] and canonical(one[0].episode.state()) == canonical(two[0].episode.state())


def test_the_shop_is_sound_after_any_calls() -> None:
    world, done = opened("shop", {}), Counter[str]()
    for seed in range(12):
        play, made = played(world, seed, 300)
        done += made
        state: Any = play.episode.state()
        for product in state["products"].values():
            assert all(variant["stock"] >= 0 for variant in product["variants"].values())
        for customer in state["customers"].values():
            assert all(method.get("balance", 0) >= 0 for method in customer["payment_methods"].values())
            assert all(state["orders"][order]["customer_id"] == customer["customer_id"] for order in customer["orders"])
        for order in state["orders"].values():
            assert order["total"] == total(order["items"], order["shipping"])
            assert sum(one["amount"] for one in order["refunds"]) <= order["total"] + 0.005
    assert set(done) == {tool.name for tool in world.tools if tool.writes}, "calls that never came through"


def test_the_desk_is_sound_after_any_calls() -> None:
    world, done = opened("desk", {}), Counter[str]()
    for seed in range(6):
        play, made = played(world, seed, 300)
        done += made
        state: Any = play.episode.state()
        for event in state["events"].values():
            if event["status"] != "planned":
                continue
            people = set(event["attendees"])
            assert len(people) == len(event["attendees"])
            if event["room_id"]:
                assert state["rooms"][event["room_id"]]["seats"] >= len(people)
            span = event["date"], minutes_of(event["start"]), minutes_of(event["end"])
            for other in clashes(state, *span, event["event_id"]):
                assert other["room_id"] != event["room_id"] or event["room_id"] is None
                assert not people & set(other["attendees"])
        for key, mail in state["mails"].items():
            assert mail["mail_id"] == key and mail["folder"] in ("inbox", "sent", "archive", "trash")
    assert set(done) == {tool.name for tool in world.tools if tool.writes}, "calls that never came through"


def test_a_shop_order_goes_its_way() -> None:
    world = opened("shop", {})
    play = drive(begin(world, 1))
    state: Any = play.episode.data
    assert call(play, "list_orders", customer_id="C1").error  # nobody has been identified
    order = next(order for order in state["orders"].values() if order["status"] == "pending")
    customer = state["customers"][order["customer_id"]]
    name = {key: customer[key] for key in ("first_name", "last_name")}
    assert call(play, "identify_by_name", **name, zip="00000").error
    assert give(play, "identify_by_name", **name, zip=customer["address"]["zip"])["customer_id"] == order["customer_id"]
    assert drive(play.hash()) == play.initial
    stranger = next(one for one in state["customers"].values() if one is not customer)
    assert call(play, "identify_by_email", email=stranger["email"]).error
    assert call(play, "get_order", order_id=stranger["orders"][0]).error
    item = order["items"][0]
    stock = state["products"][item["product_id"]]["variants"][item["item_id"]]["stock"]
    told = give(play, "cancel_order", order_id=order["order_id"], reason="no longer needed")
    assert told == {"order_id": order["order_id"], "status": "cancelled", "refunded": order["total"]}
    assert state["products"][item["product_id"]]["variants"][item["item_id"]]["stock"] == stock + item["quantity"]
    assert call(play, "cancel_order", order_id=order["order_id"], reason="no longer needed").error  # once


def test_hints_speak_of_tools_that_are_there(world: Environment) -> None:
    hints = world.hints()
    assert hints is not None
    known = {tool.name: tool for tool in world.tools}
    writing = {tool.name for tool in world.tools if tool.writes}
    assert set(hints.asks) == writing
    for name, templates in hints.asks.items():
        for template in templates:
            assert set(re.findall(r"\{(\w+)\}", template)) <= set(known[name].parameters["properties"]), template
    parameters = {name for tool in known.values() for name in tool.parameters["properties"]}
    assert {name.rpartition(".")[2] for name in hints.values} <= parameters
    assert set(hints.described) <= parameters
    for field, templates in hints.told.items():
        tool = known[field.partition(".")[0]]
        assert not tool.writes
        for template in templates:
            assert set(re.findall(r"\{(\w+)\}", template)) <= set(tool.parameters["properties"]), template


def test_people_say_all_that_they_know_and_are_let_in_by_it() -> None:
    world = opened("shop", {})
    hints = world.hints()
    assert hints is not None and hints.people is not None
    play = drive(begin(world, 2))
    people = hints.people(play.episode.state())
    assert len(people) == 36
    for person in people:
        assert all(str(value) in person.introduction for value in person.facts.values())
        by = "identify_by_email" if "email" in person.facts else "identify_by_name"
        give(drive(begin(world, 2)), by, **person.facts)


def test_every_forbidden_request_can_be_asked(world: Environment) -> None:
    hints = world.hints()
    assert hints is not None
    asked: dict[int, set[str]] = {}
    for seed in range(4):
        state = world.begin(seed).state()  # type: ignore[union-attr]
        people = hints.people(state) if hints.people else [None]
        before = canonical(state)
        for number, forbidden in enumerate(hints.forbidden):
            for person in people:
                if made := forbidden(state, random.Random(seed), person):
                    text, rule = made
                    assert text.endswith(".") and "{" not in text and rule
                    asked.setdefault(number, set()).add(text)
        assert canonical(state) == before
    assert set(asked) == set(range(len(hints.forbidden))) and all(len(texts) > 2 for texts in asked.values())


def test_no_text_of_a_state_holds_a_break_in_a_name() -> None:
    for seed in range(6):
        shop = opened("shop", {}).begin(seed).state()
        streets = [order["address"]["street"] for order in shop["orders"].values()]
        assert not [street for street in streets if street != " ".join(street.split())]
