"""How fast worlds are: episodes begun, played through and hashed a CPU second, without any model.

    python benchmarks/worlds.py                                   # shop, desk
    python benchmarks/worlds.py --retail FOLDER --tasks FILE …    # tau-bench's retail data, its gold calls; the end states reached

A shop or desk episode is that of a seed (64 in turn), with 12 calls as an agent makes them: it reads, it writes, one is refused.
Peer: the same calls by the same functions over a deep copy of the data (`copy.deepcopy`), without checks of arguments, as
tau-bench's own environment holds its data. In turns, in one process, pinned to one core.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Environment, ToolError, state_hash
from agent_data.environments.play import begin
from arcmill.generation import drive
from arcmill.records import ToolCall

SEEDS, CALLS = 64, 12
Script = list[tuple[str, dict[str, Any]]]


def scripts(world: Environment) -> list[Script]:
    """The calls of each seed: each tool with the first values that fit, as many as come through, and one that is refused."""
    made = []
    for seed in range(SEEDS):
        state: Any = world.begin(seed).state()  # type: ignore[union-attr]
        if world.name == "shop":
            customer = list(state["customers"].values())[seed % len(state["customers"])]
            order, one = customer["orders"][-1], customer["customer_id"]
            address = {"street": "1 Mill Road", "city": "Oxley", "zip": "30123"}
            script: Script = [
                ("identify_by_email", {"email": customer["email"]}), ("get_customer", {"customer_id": one}),
                ("list_payment_methods", {"customer_id": one}), ("list_orders", {"customer_id": one}),
                ("get_order", {"order_id": order}), ("search_products", {}),
                ("get_product", {"product_id": next(iter(state["products"]))}), ("get_order", {"order_id": "W1"}),
                ("change_customer_address", {"customer_id": one, **address}), ("change_order_address", {"order_id": order, **address}),
                ("cancel_order", {"order_id": order, "reason": "no longer needed"}), ("get_order", {"order_id": order}),
            ]  # fmt: skip
        else:
            event = next(held for held in state["events"].values() if held["organizer"] == state["owner"])
            mail = next(held for held in state["mails"].values() if held["sender"] != state["owner"])
            script = [
                ("list_events", {}), ("get_event", {"event_id": event["event_id"]}), ("search_contacts", {}),
                ("list_rooms", {}), ("search_mails", {}), ("read_mail", {"mail_id": mail["mail_id"]}),
                ("read_thread", {"thread_id": mail["thread_id"]}), ("get_event", {"event_id": "E1"}),
                ("rename_event", {"event_id": event["event_id"], "title": "New"}), ("cancel_event", {"event_id": event["event_id"]}),
                ("reply_to_mail", {"mail_id": mail["mail_id"], "body": "Thank you."}), ("flag_mail", {"mail_id": mail["mail_id"], "flagged": True}),
            ]  # fmt: skip
        assert len(script) == CALLS
        made.append(script)
    return made


def play(world: Environment, seed: int, script: Script) -> str:
    """An episode as every trajectory has it: begun, each call checked, the end hashed."""
    episode = drive(begin(world, seed))
    for name, arguments in script:
        drive(episode.call(ToolCall("c", name, json.dumps(arguments))))
    end: str = drive(episode.hash())
    episode.close()
    return end


def copied(world: Any, seed: int, script: Script, kept: dict[int, Any]) -> str:
    """The peer: a deep copy, the functions, the hash."""
    if seed not in kept:
        kept[seed] = world.begin(seed).data
    data = copy.deepcopy(kept[seed])
    for name, arguments in script:
        try:
            json.dumps(world._functions[name](data, **arguments), ensure_ascii=False)
        except ToolError as refused:
            json.dumps({"error": str(refused)})
    return state_hash({key: held for key, held in data.items() if key != "session"})


def rate(run: Callable[[int], str], seconds: float) -> float:
    """Episodes a CPU second."""
    started, done = time.process_time(), 0
    while time.process_time() - started < seconds:
        run(done % SEEDS)
        done += 1
    return done / (time.process_time() - started)


def measure(name: str, rounds: int, seconds: float) -> None:
    world, kept = opened(name, {}), {}  # type: ignore[var-annotated]
    script = scripts(world)
    for seed in range(SEEDS):
        assert play(world, seed, script[seed]) == copied(world, seed, script[seed], kept), "the peer ends elsewhere"
    ours, peer = [], []
    for _ in range(rounds):
        ours.append(rate(lambda seed: play(world, seed, script[seed]), seconds))
        peer.append(rate(lambda seed: copied(world, seed, script[seed], kept), seconds))
    one, other = statistics.median(ours), statistics.median(peer)
    print(
        f"{name:8} {one:8,.0f} episodes/s ({one * CALLS:9,.0f} calls/s)   deepcopy {other:8,.0f}   ratio {one / other:.2f}"
    )


def retail(folder: str, files: list[str]) -> None:
    world = opened(
        "retail", {"retail": {"factory": "agent_data.environments.retail:environment", "with": {"data": folder}}}
    )
    tasks = [task for file in files for task in json.loads(Path(file).read_text())]
    reached, writes, looks = 0, [], 0
    drive(begin(world, 0)).close()
    started = time.process_time()
    for task in tasks:
        episode, refused = drive(begin(world, 0)), False
        for call in task["actions"]:
            seen = drive(episode.call(ToolCall("c", call["name"], json.dumps(call["kwargs"]))))
            tool = world.tool(call["name"])
            if seen.error and tool is not None and tool.writes:
                refused = True
                writes.append(f"{call['name']}: {seen.text[:120]}")
            looks += seen.error and (tool is None or not tool.writes)
        drive(episode.hash())
        reached += not refused
    spent = time.process_time() - started
    print(
        f"retail   {len(tasks) / spent:8,.0f} tasks/s; {reached} of {len(tasks)} with every gold write accepted; {looks} gold looks refused"
    )
    for line in writes:
        print(f"         refused {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=5, help="turns of ours and the peer's (default 5); the median is told"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds of each turn (default 1)")
    parser.add_argument("--retail", help="folder of tau-bench's retail data")
    parser.add_argument("--tasks", nargs="*", default=[], help="its task files")
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("shop", "desk"):
        measure(name, given.rounds, given.seconds)
    if given.retail:
        retail(given.retail, given.tasks)


if __name__ == "__main__":
    main()
