"""Attempts at a question with the search tools: the loop of calls and answers, several attempts at once.

A call that cannot be answered is answered with its mistake, as any agent's would be. An attempt ends with a message that
calls no tool, or unanswered after `max_turns` messages.

Calls are the server's own (`tools` in the request), or stand in the text for servers that have none: a JSON object between
<tool_call> and </tool_call>, as many open models were trained to write it, answered between <tool_response> tags by the user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcmill.generation import Answer, Choice, GenerationConfig, RequestFailed, Work

if TYPE_CHECKING:
    from arcmill.search import SearchIndex

REFUSED = "request-rejected"  # the rule of a request that the server will not take
CALLS_A_TURN = 8  # calls of one message that are answered; a model that loops within a message writes hundreds
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_TOLD = """

# Tools

You may call these functions:
<tools>
{tools}
</tools>

To call one, write a JSON object with its name and arguments:
<tool_call>
{{"name": "search", "arguments": {{"query": "words"}}}}
</tool_call>"""


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
    in_text: bool = False,
) -> Generator[Any, list[Any], list[Attempt]]:
    """Make `count` attempts side by side. RequestFailed passes through where a request was not answered.

    A request that the server refuses after the first turn has grown too long for the model: that attempt has failed.
    """
    from arcmill.search import TOOLS, answer

    made = [Attempt(_with_tools(messages) if in_text else list(messages)) for _ in range(count)]
    tools = {} if in_text else {"tools": TOOLS}
    while live := [(number, attempt) for number, attempt in enumerate(made) if not attempt.over]:
        try:
            answers = yield [
                config.ask(attempt.messages, row, "solve", number, attempt.turns, **tools) for number, attempt in live
            ]
        except RequestFailed as failed:
            answers = failed.results
            if any(_lost(given, attempt) for (_, attempt), given in zip(live, answers, strict=True)):
                raise
        for (_, attempt), given in zip(live, answers, strict=True):
            if isinstance(given, Answer):
                _said(attempt, given.choice, max_turns, in_text)
            else:
                attempt.over = True
        asked = [(attempt, call) for _, attempt in live for call in attempt.waiting]
        results = yield [Work(answer, (index, name, arguments)) for _, (_, name, arguments) in asked]
        for (attempt, (identifier, _, _)), (text, wrong) in zip(asked, results, strict=True):
            if in_text:
                attempt.messages.append({"role": "user", "content": f"<tool_response>\n{text}\n</tool_response>"})
            else:
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


def _with_tools(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the tools told in the first."""
    from arcmill.search import TOOLS

    tools = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in TOOLS)
    first, *rest = messages
    return [{**first, "content": first["content"] + _TOLD.format(tools=tools)}, *rest]


def _in_text(text: str) -> list[tuple[str, str]]:
    """(name, arguments) of the calls in a text; one that cannot be read has no name, and its text as arguments."""
    found = []
    for inner in _CALL.findall(text):
        try:
            call = json.loads(inner)
            found.append((str(call["name"]), json.dumps(call.get("arguments") or {}, ensure_ascii=False)))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            found.append(("", inner.strip()))
    return found


def _said(attempt: Attempt, choice: Choice, max_turns: int, in_text: bool = False) -> None:
    """Take a message of the model into an attempt."""
    from synth.reasoning.stage import apart

    attempt.turns += 1
    text = _clean(apart(choice, None)[1])
    calls = _in_text(text) if in_text else [(call.name, call.arguments) for call in choice.tool_calls]
    if not calls:
        attempt.text, attempt.over = text, True
        return
    if attempt.turns >= max_turns:
        attempt.over = True
        return
    # Ids of our own: servers give none, or the same ones again.
    named = [
        (f"call_{attempt.calls + place}", _clean(name), _clean(arguments))
        for place, (name, arguments) in enumerate(calls[:CALLS_A_TURN])
    ]
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if not in_text:
        said["tool_calls"] = [
            {"id": identifier, "type": "function", "function": {"name": name, "arguments": _sendable(arguments)}}
            for identifier, name, arguments in named
        ]
    attempt.messages.append(said)
    attempt.calls += len(named)
    attempt.waiting = named
