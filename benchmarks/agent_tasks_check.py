"""Proves tasks of synth-tasks anew: everything that a row claims, by the world's own tools and nothing of the generator.

    python benchmarks/agent_tasks_check.py TASKS [--environment NAME=MODULE:FACTORY] [--show 5]

For each task that is to be done: the gold calls are accepted and end in the goal's hash, also in another process with another hash
seed; leaving out any one call breaks it (a refusal, another end, a breach of the policy, a value that nothing gives any more, or a
told value that nothing tells); every value that the user gives stands in the text; no value that has to be found does, and no name
of a tool; whoever looks up all the things that a description may mean finds one that fits; the end differs from the start if and only
if a call writes. For each that is to be refused: the start is the end, and a withheld tool is not offered. Exit status 1 if any fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Called, Trace
from agent_data.environments.play import begin
from arcmill.dataset import Dataset
from arcmill.generation import drive
from arcmill.records import AgentTask, Message, ToolCall, batch_to_rows

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def play(world: Any, seed: int, calls: list[dict[str, Any]]) -> tuple[list[Any], list[bool], str, str, list[str]]:
    """Observations, which of them are errors, the hashes at start and end, and the observations as text."""
    episode = drive(begin(world, seed))
    try:
        values, errors, texts = [], [], []
        for number, call in enumerate(calls):
            seen = drive(episode.call(ToolCall(f"c{number}", call["name"], json.dumps(call["arguments"]))))
            texts.append(seen.text)
            errors.append(seen.error)
            try:
                values.append(None if seen.error else json.loads(seen.text))
            except ValueError:
                values.append(seen.text)
        return values, errors, episode.initial, drive(episode.hash()), texts
    finally:
        episode.close()


def breaches(
    world: Any, task: AgentTask, goal: dict[str, Any], calls: list[dict[str, Any]], errors: list[bool], texts: list[str]
) -> list[str]:
    messages, made = [Message("user", task.instruction)], []
    for number, (call, error, text) in enumerate(zip(calls, errors, texts, strict=True)):
        made.append(Called(call["name"], call["arguments"], text, error, len(messages)))
        messages.append(
            Message("assistant", tool_calls=[ToolCall(f"c{number}", call["name"], json.dumps(call["arguments"]))])
        )
        messages.append(Message("tool", text, tool_call_id=f"c{number}"))
    return list(world.breaches(Trace(messages, made, goal["seed"], False)))


def scalars(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from scalars(inner, (*path, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from scalars(inner, (*path, str(number)))
    elif value is not None:
        yield path, value


def same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def told_by(value: Any, facts: list[tuple[str, Any]], whole: Any) -> Iterator[tuple[str, ...]]:
    """Places of a value in an observation whose record holds all the facts: the object it is in, with what is plain around it."""
    for path, found in places(whole):
        if not same(found, value):
            continue
        around: list[tuple[str, Any]] = []
        node, holder = whole, whole
        for depth, step in enumerate(path):
            if isinstance(node, dict):
                around += [(name, inner) for name, inner in node.items() if not isinstance(inner, dict | list)]
                holder = node
            if depth == len(path) - 1:
                break
            node = node[int(step)] if isinstance(node, list) else node[step]
        if isinstance(node, list):
            holder = None  # a plain list: its members share what is around, not what lies beside
        if path and isinstance(node, dict) and isinstance(node.get(path[-1]), dict) and path[-1] == value:
            holder = node[path[-1]]  # a record by its key
        inside = [(label(at), inner) for at, inner in scalars(holder)] if holder is not None else []
        held = [*around, *inside]
        if all(any(fits(fact, *one) for one in held) for fact in facts):
            yield path


def fits(fact: tuple[str, Any], name: str, value: Any) -> bool:
    """Whether a field is what a description says: of the name that it says (`item_name` is the `name` of an item), or its words."""
    return (same(fact[1], value) and (fact[0] == name or fact[0].endswith(f"_{name}"))) or within(fact[1], value)


def label(path: tuple[str, ...]) -> str:
    """The field that a place is in; of a member of a list, the list's."""
    return next((part for part in reversed(path) if not part.isdigit()), "")


def within(fact: Any, text: Any) -> bool:
    """Whether a text of several words holds the words of a fact."""
    if not (isinstance(fact, str) and isinstance(text, str) and len(fact) > 3 and " " in text):
        return False
    return re.search(rf"(?<![\w-]){re.escape(fact.casefold())}(?![\w-])", text.casefold()) is not None


def led_by(path: tuple[str, ...], facts: list[Any], whole: Any) -> bool:
    """Whether the facts lead the objects around a place: an order's own number, and not the number of its customer."""
    leads: list[Any] = []
    node = whole
    for step in path:
        if isinstance(node, dict):
            leads += [next(iter(node.values()), None), step]
        node = node[int(step)] if isinstance(node, list) else node[step]
    return all(any(same(fact, one) for one in leads if not isinstance(one, dict | list)) for fact in facts)


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Scalars, and keys of objects that hold objects."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict):
                yield (*path, name), name
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, str(number)))
    elif value is not None:
        yield path, value


def plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub("[‘’]", "'", text).replace("“", '"').replace("”", '"').split())


def ways(value: Any) -> set[str]:
    """How a value may be written."""
    if isinstance(value, bool):
        return {"yes" if value else "no"}
    if isinstance(value, int | float):
        return {str(value), f"{value:.2f}", f"{value:g}"} | ({str(int(value))} if float(value).is_integer() else set())
    found = {str(value)}
    if match := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?", str(value)):
        day = date(*(int(part) for part in match.groups()[:3]))
        clock = f" at {match[4]}" if match[4] else ""
        found |= {
            f"{MONTHS[day.month - 1]} {day.day}, {day.year}{clock}",
            f"{day.day} {MONTHS[day.month - 1]} {day.year}{clock}",
        }
    return found


def stands(value: Any, text: str) -> bool:
    held = plain(text)
    for way in map(plain, ways(value)):
        for found in re.finditer(re.escape(way), held):
            before, after = held[: found.start()], held[found.end() :]
            glued = (before[-1:].isalnum() and way[:1].isalnum()) or (after[:1].isalnum() and way[-1:].isalnum())
            number = re.search(r"\d[.,]$", before) or re.match(r"[.,]\d", after)
            if not glued and not (number and way[:1].isdigit()):
                return True
    return False


def origin_of(origins: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for end in range(len(path), 0, -1):
        if ".".join(path[:end]) in origins:
            return dict(origins[".".join(path[:end])])
    return {}


def lost(
    calls: list[tuple[dict[str, Any], dict[str, Any]]], observations: list[Any], goal: dict[str, Any]
) -> str | None:
    """A value of the calls, or one to be told, that nothing before gives."""
    for number, (call, origins) in enumerate(calls):
        for path, value in scalars(call["arguments"]):
            origin = origin_of(origins, path)
            if origin.get("from") != "call":
                continue
            facts = list(origin.get("by", {}).items())
            if not any(any(told_by(value, facts, seen)) for seen in observations[:number]):
                return f"{call['name']}.{'.'.join(path)}"
    for request in goal["blueprint"]["requests"]:
        for told in request.get("told", []):
            whole = goal["_observations"][told["call"]]
            for step in [part for part in told["path"].split(".") if part]:
                whole = whole[int(step)] if isinstance(whole, list) else whole[step]
            facts = list(told["of"].values())
            name = [part for part in told["path"].split(".") if not part.isdigit()][-1:]
            if not any(
                path[-1:] == tuple(name)
                and same(found, whole)
                and (led_by(path, facts, seen) if facts else call["name"] == told["tool"])
                for (call, _), seen in zip(calls, observations, strict=True)
                for path, found in scalars(seen)
            ):
                return f"told {told['path']}"
    # What the user described must be told from the others by what is still seen.
    for value, facts in goal["_described"]:
        if not any(any(told_by(value, facts, seen)) for seen in observations):
            return f"described {value}"
    return None


def ambiguous(world: Any, goal: dict[str, Any], observations: list[Any]) -> str | None:
    """Another thing that a description fits, found by looking up everything that it may mean."""
    calls = goal["calls"]
    for call, origins in zip(calls, goal["blueprint"]["origins"], strict=True):
        for path, value in scalars(call["arguments"]):
            origin = origin_of(origins, path)
            facts = list(origin.get("by", {}).items())
            if not facts:
                continue
            for number, seen in enumerate(observations):
                linked = list(told_by(value, facts, seen))
                if not linked:
                    continue
                shape = [re.sub(r"\.\d+(?=\.|$)", ".*", "." + ".".join(place)) for place in linked]
                for place, other in places(seen):
                    like = re.sub(r"\.\d+(?=\.|$)", ".*", "." + ".".join(place)) in shape
                    if like and not same(other, value) and place in set(told_by(other, facts, seen)):
                        return f"{facts} is also {other}"
                asked = calls[number]["arguments"]
                for name, held in asked.items():
                    for other in siblings(held, observations[:number]):
                        turned = {"name": calls[number]["name"], "arguments": {**asked, name: other}}
                        given, errors, *_ = play(world, goal["seed"], [*calls[:number], turned])
                        if errors[-1]:
                            continue
                        for place, found in places(given[-1]):
                            like = re.sub(r"\.\d+(?=\.|$)", ".*", "." + ".".join(place)) in shape
                            if like and not same(found, value) and place in set(told_by(found, facts, given[-1])):
                                return f"{facts} is also {found}, by {turned}"
    return None


def siblings(value: Any, observations: list[Any]) -> list[Any]:
    """What stands in the same place of other records as a value, where that was found."""
    found: dict[str, Any] = {}
    for seen in observations:
        shapes = {
            re.sub(r"\.\d+(?=\.|$)", ".*", "." + ".".join(path)) for path, one in places(seen) if same(one, value)
        }
        for path, one in places(seen):
            if re.sub(r"\.\d+(?=\.|$)", ".*", "." + ".".join(path)) in shapes and not same(one, value):
                found[json.dumps(one)] = one
    return list(found.values())


def check(world: Any, task: AgentTask) -> tuple[list[str], str, int]:
    """What is wrong with a task; the digest of its replay; the calls that were left out in turn."""
    goal = json.loads(task.goal or "{}")
    wrong: list[str] = []
    text = task.instruction
    offered = [json.loads(tool)["function"]["name"] for tool in task.tools or []]
    wrong += [f"tool name in text: {name}" for name in offered if "_" in name and stands(name, text)]
    if goal["kind"] == "refuse":
        _, _, start, end, _ = play(world, goal["seed"], [])
        if not start == end == goal["state"] == goal["initial"]:
            wrong.append("refusal: start and end differ")
        if goal.get("calls"):
            wrong.append("refusal: it has calls")
        rule = goal["refuse"]["rule"]
        if rule.startswith("withheld: ") and rule.removeprefix("withheld: ") in offered:
            wrong.append("refusal: the tool is offered")
        for request in (goal.get("blueprint") or {}).get("requests", []):
            wrong += [
                f"given value not in text: {value!r}"
                for _, value in scalars(request["given"])
                if not stands(value, text)
            ]
        return wrong, end, 0
    if "origins" not in goal["blueprint"]:  # made whole by the world: nothing says where its values come from
        _, errors, start, end, _ = play(world, goal["seed"], goal["calls"])
        return (
            ([] if not any(errors) and (start, end) == (goal["initial"], goal["state"]) else ["replay is another"]),
            end,
            0,
        )
    calls, origins = goal["calls"], goal["blueprint"]["origins"]
    observations, errors, start, end, texts = play(world, goal["seed"], calls)
    if any(errors):
        return [f"gold call refused: {texts[errors.index(True)][:120]}"], end, 0
    if end != goal["state"] or start != goal["initial"]:
        wrong.append("hash is another")
    if found := breaches(world, task, goal, calls, errors, texts):
        wrong.append(f"policy: {found[0]}")
    writes = any(world.tool(call["name"]).writes for call in calls)
    if writes != (start != end):
        wrong.append("the end differs from the start" if start != end else "writes, and nothing changed")
    goal["_observations"] = observations
    goal["_described"] = [
        (value, list(origin_of(own, path)["by"].items()))
        for call, own in zip(calls, origins, strict=True)
        for path, value in scalars(call["arguments"])
        if origin_of(own, path).get("by")
    ]
    goal["_described"] += [
        (described["value"], list(described["by"].items()))
        for request in goal["blueprint"]["requests"]
        for described in request.get("described", [])
    ]
    if (gone := lost(list(zip(calls, origins, strict=True)), observations, goal)) is not None:
        wrong.append(f"not findable: {gone}")
    for number in range(len(calls)):
        left = [one for place, one in enumerate(zip(calls, origins, strict=True)) if place != number]
        rest = [call for call, _ in left]
        seen, failed, _, other, said = play(world, goal["seed"], rest)
        broken = (
            any(failed) or other != end or lost(left, seen, goal) or breaches(world, task, goal, rest, failed, said)
        )
        if not broken:
            wrong.append(f"not needed: {calls[number]['name']}")
    for call, own in zip(calls, origins, strict=True):
        for path, value in scalars(call["arguments"]):
            origin = origin_of(own, path)
            if origin.get("from") in ("user", "person"):
                if not stands(value, text):
                    wrong.append(f"given value not in text: {value!r}")
            elif origin.get("from") == "call" and stands(value, text):
                wrong.append(f"hidden value in text: {value!r}")
            wrong += [
                f"description not in text: {fact!r}" for fact in origin.get("by", {}).values() if not stands(fact, text)
            ]
    for told in goal.get("tell", []):
        wrong += [f"told value in text: {value!r}" for value in told["values"] if stands(value, text)]
    for request in goal["blueprint"]["requests"]:
        wrong += [
            f"given value not in text: {value!r}" for _, value in scalars(request["given"]) if not stands(value, text)
        ]
    if other := ambiguous(world, goal, observations):
        wrong.append(f"ambiguous: {other}")
    if (goal.get("user") or {}).get("requests") == []:
        wrong.append("dialogue without requests")
    return wrong, end, len(calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", help="dataset of synth-tasks")
    parser.add_argument(
        "--environment", action="append", default=[], metavar="NAME=SPEC", help="where an environment is"
    )
    parser.add_argument("--show", type=int, default=10, help="failures that are printed")
    parser.add_argument("--ends", action="store_true", help="only replay, and print a digest of all ends")
    asked = parser.parse_args()
    given = dict(one.split("=", 1) for one in asked.environment)
    rows = [row for batch in Dataset.open(asked.tasks).batches() for row in batch_to_rows("AgentTask", batch)]
    worlds: dict[str, Any] = {}
    ends = sha256()
    counts, kinds, failed, dropped = Counter[str](), Counter[str](), 0, 0
    begun = time.perf_counter()
    for row in rows:
        goal = json.loads(row.goal or "{}")
        if row.environment == "simulated":
            counts["simulated, not run"] += 1
            continue
        world = worlds.setdefault(row.environment, None) or opened(row.environment, given)
        worlds[row.environment] = world
        if asked.ends:
            ends.update(play(world, goal["seed"], goal.get("calls", []))[3].encode())
            continue
        wrong, end, without = check(world, row)
        ends.update(end.encode())
        dropped += without
        kind = goal["kind"] if goal["kind"] == "done" else f"refuse/{goal['refuse']['why']}"
        kinds[f"{row.environment} {kind} {row.steps}"] += 1
        for one in wrong:
            counts[one.split(":")[0]] += 1
        if wrong and failed < asked.show:
            print(f"{row.id} {row.instruction}\n    {wrong}")
        failed += bool(wrong)
    if asked.ends:
        print(ends.hexdigest())
        return 0
    command = [sys.executable, __file__, asked.tasks, "--ends", *(f"--environment={one}" for one in asked.environment)]
    child = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "4711"}, capture_output=True, text=True, check=True
    )
    again = child.stdout.split()[-1] == ends.hexdigest()
    print(f"{len(rows)} tasks, {failed} failed, {dropped} calls left out in turn, {time.perf_counter() - begun:.1f} s")
    for name, count in sorted(kinds.items()):
        print(f"{count:6} {name}")
    print(f"ends in another process with another hash seed: {'the same' if again else 'OTHERS'}")
    for name, count in counts.most_common():
        print(f"{count:6} {name}")
    return 1 if failed or not again else 0


if __name__ == "__main__":
    sys.exit(main())
