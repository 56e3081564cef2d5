"""Attempts at a question with the search tools: the loop of calls and answers, several attempts at once.

A call that cannot be answered is answered with its mistake, as any agent's would be. An attempt ends with a message that
calls no tool, or unanswered after `max_turns` messages.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcmill.generation import Answer, Choice, GenerationConfig, RequestFailed, Work

if TYPE_CHECKING:
    from arcmill.search import SearchIndex

REFUSED = "request-rejected"  # the rule of a request that the server will not take
CALLS_A_TURN = 8  # calls of one message that are answered; a model that loops within a message writes hundreds


@dataclass(slots=True)
class Attempt:
    """One attempt: its messages so far, how many calls it made, and its final text; None while or if there is none."""

    messages: list[dict[str, Any]]
    calls: int = 0
    turns: int = 0
    refused: int = 0  # calls that were answered with a mistake
    text: str | None = None
    over: bool = False
    waiting: list[tuple[str, str, str]] = field(default_factory=list)  # id, name, arguments


def attempts(
    messages: Sequence[dict[str, Any]],
    count: int,
    max_turns: int,
    config: GenerationConfig,
    index: SearchIndex,
    row: str,
) -> Generator[Any, list[Any], list[Attempt]]:
    """Make `count` attempts side by side. RequestFailed passes through where a request was not answered.

    A request that the server refuses after the first turn has grown too long for the model: that attempt has failed.
    """
    from arcmill.search import TOOLS, answer

    made = [Attempt(list(messages)) for _ in range(count)]
    while live := [(number, attempt) for number, attempt in enumerate(made) if not attempt.over]:
        try:
            answers = yield [
                config.ask(attempt.messages, row, "solve", number, attempt.turns, tools=TOOLS)
                for number, attempt in live
            ]
        except RequestFailed as failed:
            answers = failed.results
            if any(_lost(given, attempt) for (_, attempt), given in zip(live, answers, strict=True)):
                raise
        for (_, attempt), given in zip(live, answers, strict=True):
            if isinstance(given, Answer):
                _said(attempt, given.choice, max_turns)
            else:
                attempt.over = True
        asked = [(attempt, call) for _, attempt in live for call in attempt.waiting]
        results = yield [Work(answer, (index, name, arguments)) for _, (_, name, arguments) in asked]
        for (attempt, (identifier, _, _)), (text, wrong) in zip(asked, results, strict=True):
            attempt.messages.append({"role": "tool", "tool_call_id": identifier, "content": text})
            attempt.refused += wrong
            attempt.waiting = []
    return made


def _lost(given: Any, attempt: Attempt) -> bool:
    refused = isinstance(given, RequestFailed) and given.rule == REFUSED
    return not isinstance(given, Answer) and not (refused and attempt.turns)


def _clean(text: str) -> str:
    """Without lone surrogates, which no request can hold."""
    return text.encode("utf-8", "replace").decode()


def _sendable(arguments: str) -> str:
    """Arguments as they stand in the messages that follow: chat templates read them as a JSON object, and fail where they
    are none."""
    try:
        fine = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        fine = False
    return arguments if fine else json.dumps({"malformed": arguments[:200]}, ensure_ascii=False)


def _said(attempt: Attempt, choice: Choice, max_turns: int) -> None:
    """Take a message of the model into an attempt."""
    from synth.reasoning.stage import apart

    attempt.turns += 1
    if not choice.tool_calls:
        attempt.text, attempt.over = apart(choice, None)[1], True
        return
    if attempt.turns >= max_turns:
        attempt.over = True
        return
    calls = choice.tool_calls[:CALLS_A_TURN]
    # Ids of our own: servers give none, or the same ones again.
    named = [
        (f"call_{attempt.calls + place}", _clean(call.name), _clean(call.arguments)) for place, call in enumerate(calls)
    ]
    attempt.messages.append({
        "role": "assistant", "content": _clean(choice.text),
        "tool_calls": [
            {"id": identifier, "type": "function", "function": {"name": name, "arguments": _sendable(arguments)}}
            for identifier, name, arguments in named
        ],
    })  # fmt: skip
    attempt.calls += len(named)
    attempt.waiting = named
