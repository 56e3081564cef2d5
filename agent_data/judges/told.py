"""Whether the user was told what the task asks to be told, or, of a task that must be refused, that it cannot be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_data.environments.environment import Called
from agent_data.goal import Goal
from agent_data.judges.check import Check
from agent_data.judges.said import declines, plain, says
from arcmill.records import Message


def heard(messages: Sequence[Message], dialogue: bool) -> list[tuple[int, str]]:
    """What the agent said to the user, with its place: messages without calls, of a task without a dialogue the last one alone.

    What stands beside a call is heard where that call was the last thing done. Reasoning is never heard.
    """
    said = [
        (place, message.content)
        for place, message in enumerate(messages)
        if message.role == "assistant"
        and message.content
        and (not message.tool_calls or not any(later.role == "assistant" for later in messages[place + 1 :]))
    ]
    return said if dialogue else said[-1:]


def check_told(goal: Goal, messages: Sequence[Message], calls: Sequence[Called], dialogue: bool) -> Check:
    """Right where nothing has to be told; of several texts for one thing, one is enough. `calls`: as they were made."""
    said = [text for _, text in heard(messages, dialogue)]
    if goal.kind == "refuse":
        if not any(declines(text) for text in said):
            return Check("told", False, "the user is not told that it cannot be done")
    elif goal.kind == "answer":
        return _answered(goal, calls, said)
    missing = [entry for entry in goal.tell if not _is_told(entry, said)]
    if missing:
        names = "; ".join(
            f"{entry.get('what', '')}: {'/'.join(map(str, entry.get('values') or ()))}" for entry in missing
        )
        return Check("told", False, f"not told: {names}"[:500])
    if goal.kind == "done" and not goal.tell:
        return Check("told", None, "nothing has to be told")
    return Check("told", True, "", {"values": [str(entry.get("what", "")) for entry in goal.tell]} if goal.tell else {})


def wanted(goal: Goal) -> list[dict[str, Any]]:
    """What must be told, as entries of `tell`; of an answer, the answer in any of its forms."""
    if goal.kind == "answer" and (known := _known(goal)):
        return [{"what": "the answer", "values": known}]
    return goal.tell


def unseen(
    entries: Sequence[dict[str, Any]], messages: Sequence[Message], calls: Sequence[Called], dialogue: bool
) -> list[dict[str, Any]]:
    """What was told though nothing that the agent had read before shows it: guessed, or made of what it read, such as a sum.

    A refusal is not read: it repeats what the agent wrote.
    """
    read = [(call.message, call.observation) for call in calls if call.observation and not call.error]
    read += [
        (place, message.content) for place, message in enumerate(messages) if message.role == "user" and message.content
    ]
    said = heard(messages, dialogue)
    if (submitted := _submitted(calls)) is not None:
        said.append((submitted.message, str(submitted.arguments["answer"])))
    return [
        entry
        for entry in entries
        if not any(_is_told(entry, [text]) and _is_told(entry, [held for at, held in read if at < place]) for place, text in said)
    ]  # fmt: skip


def shown(entries: Sequence[dict[str, Any]], observations: Sequence[str]) -> list[dict[str, Any]]:
    """The entries that one of these observations shows."""
    return [entry for entry in entries if _is_told(entry, observations)]


def _is_told(entry: dict[str, Any], said: Sequence[str]) -> bool:
    return any(says(text, str(value)) for value in entry.get("values") or () for text in said)


def _known(goal: Goal) -> list[str]:
    return [text for text in (goal.answer, *goal.aliases) if text]


def _answered(goal: Goal, calls: Sequence[Called], said: Sequence[str]) -> Check:
    """An answer that was submitted by a call must be one of those known; one in words must hold one of them."""
    known = _known(goal)
    if not known:
        return Check("told", None, "the goal names no answer")
    if (submission := _submitted(calls)) is not None:
        submitted = str(submission.arguments["answer"])
        right = plain(submitted) in {plain(text) for text in known}
        return Check(
            "told",
            right,
            "" if right else "another answer was submitted",
            {"expected": goal.answer, "observed": submitted},
        )
    right = any(says(text, value) for text in said[-1:] for value in known)
    return Check("told", right, "" if right else "the answer is not told", {"expected": goal.answer})


def _submitted(calls: Sequence[Called]) -> Called | None:
    """The last call that submits an `answer`, and was not refused."""
    for call in reversed(calls):
        if "answer" in call.name and not call.error and isinstance(call.arguments.get("answer"), str):
            return call
    return None
