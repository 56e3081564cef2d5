"""Whether the user was told what the task asks to be told, or, of a task that must be refused, that it cannot be done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent_data.goal import Goal
from agent_data.judges.check import Check
from agent_data.judges.said import declines, plain, says
from arcmill.records import Message


def heard(messages: Sequence[Message], dialogue: bool) -> list[str]:
    """What the agent said to the user: messages without calls, of a task without a dialogue the last one alone.

    What stands beside a call is heard where that call was the last thing done. Reasoning is never heard.
    """
    said = [
        message.content
        for place, message in enumerate(messages)
        if message.role == "assistant"
        and message.content
        and (not message.tool_calls or not any(later.role == "assistant" for later in messages[place + 1 :]))
    ]
    return said if dialogue else said[-1:]


def check_told(goal: Goal, messages: Sequence[Message], dialogue: bool) -> Check:
    """Right where nothing has to be told; of several texts for one thing, one is enough."""
    said = heard(messages, dialogue)
    if goal.kind == "refuse":
        if not any(declines(text) for text in said):
            return Check("told", False, "the user is not told that it cannot be done")
    elif goal.kind == "answer":
        return _answered(goal, messages, said)
    missing = [entry for entry in goal.tell if not _is_told(entry, said)]
    if missing:
        names = "; ".join(
            f"{entry.get('what', '')}: {'/'.join(map(str, entry.get('values') or ()))}" for entry in missing
        )
        return Check("told", False, f"not told: {names}"[:500])
    if goal.kind == "done" and not goal.tell:
        return Check("told", None, "nothing has to be told")
    return Check("told", True, "", {"values": [str(entry.get("what", "")) for entry in goal.tell]} if goal.tell else {})


def unseen(goal: Goal, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What was told of `tell` though nothing that the agent read shows it: guessed, or made of what it read, such as a sum."""
    read = [message.content for message in messages if message.role in ("tool", "user") and message.content]
    return [entry for entry in goal.tell if not _is_told(entry, read)]


def _is_told(entry: dict[str, Any], said: Sequence[str]) -> bool:
    return any(says(text, str(value)) for value in entry.get("values") or () for text in said)


def _answered(goal: Goal, messages: Sequence[Message], said: Sequence[str]) -> Check:
    """An answer that was submitted by a call must be one of those known; one in words must hold one of them."""
    known = [text for text in (goal.answer, *goal.aliases) if text]
    if not known:
        return Check("told", None, "the goal names no answer")
    submitted = _submitted(messages)
    if submitted is not None:
        right = plain(submitted) in {plain(text) for text in known}
        return Check(
            "told",
            right,
            "" if right else "another answer was submitted",
            {"expected": goal.answer, "observed": submitted},
        )
    right = any(says(text, value) for text in said[-1:] for value in known)
    return Check("told", right, "" if right else "the answer is not told", {"expected": goal.answer})


def _submitted(messages: Sequence[Message]) -> str | None:
    """The `answer` of the last call that submits one."""
    for message in reversed(messages):
        for call in reversed(message.tool_calls or ()):
            try:
                arguments = json.loads(call.arguments or "{}")
            except ValueError:
                continue
            if "answer" in call.name and isinstance(arguments, dict) and isinstance(arguments.get("answer"), str):
                answer: str = arguments["answer"]
                return answer
    return None
