"""Trajectories made wrong, in two ways: rows that were tampered with, and trajectories that really went wrong.

A tampered row says what its world did not do. One that went wrong was executed: every observation and hash is true.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from agent_data.environments.environment import Environment
from agent_data.environments.play import begin
from agent_data.evidence import Evidence, read_evidence
from agent_data.goal import read_goal
from agent_data.judges.said import says
from agent_data.replay import tools_of
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, Message, ToolCall

Row = Conversation


def held(row: Row) -> Evidence:
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    return evidence


def tampered(row: Row) -> Iterator[tuple[str, Row]]:
    """Every way of tampering that applies to a row: what was done to it, and the row."""
    for name, change in TAMPERING.items():
        made = copy.deepcopy(row)
        evidence = held(made)
        if change(made, evidence):
            made.evidence = evidence.text()
            yield name, made


def _call(row: Row, number: int) -> tuple[int, ToolCall] | None:
    """The place and call of the n-th message with calls, from the end where negative."""
    places = [place for place, message in enumerate(row.messages) if message.tool_calls]
    if not places:
        return None
    place = places[number]
    return place, (row.messages[place].tool_calls or [])[0]


def _drop_call(row: Row, evidence: Evidence) -> bool:
    """The last write and its observation leave the messages and the evidence, which still names the end state."""
    number = max(
        (number for number, call in enumerate(evidence.calls) if "state" in call and not call.get("error")),
        default=None,
    )
    if number is None:
        return False
    made = [(message, call) for message in row.messages for call in message.tool_calls or ()]
    message, call = made[number]
    message.tool_calls = [one for one in message.tool_calls or [] if one is not call] or None
    row.messages[:] = [one for one in row.messages if one.tool_call_id != call.id]
    del evidence.calls[number]
    return True


def _other_argument(row: Row, evidence: Evidence) -> bool:
    found = _call(row, -1)
    if found is None:
        return False
    arguments = json.loads(found[1].arguments)
    changed = next((key for key, value in arguments.items() if _other(value) is not None), None)
    if changed is None or evidence.ended == "terminal-call":
        return False  # what a person is told at the end changes nothing
    arguments[changed] = _other(arguments[changed])
    found[1].arguments = json.dumps(arguments)
    return True


def _other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value:
        return value[:-1] + ("1" if value[-1] != "1" else "2")
    if isinstance(value, list) and value:
        return value[:-1] if len(value) > 1 else [*value, *value]
    return None


def _edited_observation(row: Row, evidence: Evidence) -> bool:
    for message in row.messages:
        if message.role == "tool" and message.content:
            message.content = message.content[:-2] + "9" + message.content[-2:]
            return True
    return False


def _swapped_observations(row: Row, evidence: Evidence) -> bool:
    tools = [message for message in row.messages if message.role == "tool"]
    for one, other in pairwise(tools):
        if one.content != other.content:
            one.content, other.content = other.content, one.content
            return True
    return False


def _other_seed(row: Row, evidence: Evidence) -> bool:
    evidence.seed += 1
    return True


def _other_hash(which: str) -> Callable[[Row, Evidence], bool]:
    def change(row: Row, evidence: Evidence) -> bool:
        digest = evidence.states[which] or ""
        evidence.states[which] = digest[:-1] + ("0" if digest[-1:] != "0" else "1")
        return True

    return change


def _hash_of_a_call(row: Row, evidence: Evidence) -> bool:
    for call in evidence.calls:
        if "state" in call:
            call["state"] = "0" * 64
            return True
    return False


def _invented_observation(row: Row, evidence: Evidence) -> bool:
    """A call that was never made, with what it would say."""
    found = _call(row, 0)
    if found is None:
        return False
    place, call = found
    made = ToolCall("made-up", call.name, json.dumps({"nothing": 1}))
    row.messages[place:place] = [
        Message("assistant", None, None, [made]),
        Message("tool", "done", tool_call_id="made-up"),
    ]
    evidence.calls.insert(0, {"name": call.name})
    return True


def _hidden_error(row: Row, evidence: Evidence) -> bool:
    if not evidence.calls:
        return False
    evidence.calls[0]["error"] = not evidence.calls[0].get("error", False)
    return True


def _other_end(row: Row, evidence: Evidence) -> bool:
    evidence.ended = "answered" if evidence.ended == "terminal-call" else "terminal-call"
    return True


def _failed_end(row: Row, evidence: Evidence) -> bool:
    evidence.ended = "turns"
    return True


def _other_world(row: Row, evidence: Evidence) -> bool:
    evidence.environment = "elsewhere"
    return True


def _lost_observation(row: Row, evidence: Evidence) -> bool:
    place = next((place for place, message in enumerate(row.messages) if message.role == "tool"), None)
    if place is None:
        return False
    del row.messages[place]
    return True


def _renamed_tool(row: Row, evidence: Evidence) -> bool:
    if not row.tools:
        return False
    row.tools = [text.replace('"description": "', '"description": "Never. ', 1) for text in row.tools]
    return True


TAMPERING: dict[str, Callable[[Row, Evidence], bool]] = {
    "a write left out": _drop_call, "another argument": _other_argument, "an observation edited": _edited_observation,
    "observations swapped": _swapped_observations, "another seed": _other_seed, "another first hash": _other_hash("initial"),
    "another final hash": _other_hash("final"), "another hash after a write": _hash_of_a_call, "an invented call": _invented_observation,
    "an error hidden": _hidden_error, "another end": _other_end, "a failed end": _failed_end, "another world": _other_world,
    "an observation left out": _lost_observation, "tools described otherwise": _renamed_tool,
}  # fmt: skip


def executed(row: Row, environment: Environment, edit: Callable[[list[Message]], bool]) -> Row | None:
    """The trajectory with its messages edited and every call made again, so that all it records is true.

    `edit` changes messages and takes away or adds calls; None where it does not apply.
    """
    made = copy.deepcopy(row)
    if not edit(made.messages):
        return None
    evidence = held(made)
    play = drive(begin(environment, evidence.seed, tools_of(made, environment), evidence.characters))
    evidence.calls, messages = [], []
    for message in made.messages:
        if message.role == "tool":
            continue
        messages.append(message)
        for call in message.tool_calls or ():
            if play.over:
                continue
            observed = drive(play.call(call))
            messages.append(Message("tool", observed.text, tool_call_id=call.id))
            told: dict[str, Any] = {"name": call.name}
            if observed.error:
                told["error"] = True
            tool = environment.tool(call.name)
            if tool is not None and tool.writes:
                told["state"] = drive(play.hash())
            evidence.calls.append(told)
    evidence.states = {**evidence.states, "initial": play.initial, "final": drive(play.hash())}
    if evidence.ended == "terminal-call" and not play.over:
        evidence.ended = "answered"
    play.close()
    made.messages, made.evidence = messages, evidence.text()
    return made


def gone_wrong(row: Row, task: AgentTask, environment: Environment) -> Iterator[tuple[str, Row]]:
    """Every way of going wrong that applies: each write dropped, each of its arguments changed, one write made twice or at
    all, each value untold, a refusal not made."""
    goal = read_goal(task.goal)
    writes = [
        (place, number)
        for place, message in enumerate(row.messages)
        for number, call in enumerate(message.tool_calls or ())
        if (tool := environment.tool(call.name)) is not None and tool.writes
    ]
    edits: list[tuple[str, Callable[[list[Message]], bool]]] = []
    for place, number in writes:
        edits.append((f"write {place} dropped", _without(place, number)))
        call = (row.messages[place].tool_calls or [])[number]
        for key in json.loads(call.arguments):
            edits.append((f"argument {key} of {call.name} changed", _changed(place, number, key)))
        edits.append((f"write {place} made twice", _twice(place, number)))
    for entry in goal.tell:
        if goal.initial == goal.state:
            edits.append((f"{entry['what']} told unseen", _unseen))
        edits.append((f"{entry['what']} untold", _untold(entry["values"])))
    if goal.kind == "refuse":
        edits.append(("not refused", _untold([])))
    if any(message.role == "user" and "yes" in (message.content or "").casefold() for message in row.messages[1:]):
        edits.append(("unconfirmed", _unconfirmed))
    for name, edit in edits:
        made = executed(row, environment, edit)
        if made is not None:
            yield name, made


def _without(place: int, number: int) -> Callable[[list[Message]], bool]:
    def edit(messages: list[Message]) -> bool:
        calls = messages[place].tool_calls or []
        del calls[number]
        if not calls:
            messages[place].tool_calls, messages[place].content = None, messages[place].content or "One moment."
        return True

    return edit


def _changed(place: int, number: int, key: str) -> Callable[[list[Message]], bool]:
    def edit(messages: list[Message]) -> bool:
        call = (messages[place].tool_calls or [])[number]
        arguments = json.loads(call.arguments)
        other = _other(arguments[key])
        call.arguments = json.dumps({**arguments, key: other})
        return other is not None

    return edit


def _twice(place: int, number: int) -> Callable[[list[Message]], bool]:
    def edit(messages: list[Message]) -> bool:
        call = (messages[place].tool_calls or [])[number]
        again = Message("assistant", None, None, [ToolCall("again", call.name, call.arguments)])
        end = place + 1
        while end < len(messages) and messages[end].role == "tool":
            end += 1
        messages.insert(end, again)
        return True

    return edit


def _untold(values: list[str]) -> Callable[[list[Message]], bool]:
    """The assistant says nothing of what holds a value; without values, it says that all is done."""

    def edit(messages: list[Message]) -> bool:
        for message in messages:
            if message.role != "assistant" or not message.content:
                continue
            if not values or any(says(message.content, str(value)) for value in values):
                message.content = "All of it is done."
        return True

    return edit


def _unseen(messages: list[Message]) -> bool:
    """The answer without any call."""
    for message in messages:
        message.tool_calls = None
    return True


def _unconfirmed(messages: list[Message]) -> bool:
    for message in messages[1:]:
        if message.role == "user":
            message.content = "Hm."
    return True
