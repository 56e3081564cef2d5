"""Messages and tools of any form: what is rendered comes back."""

from __future__ import annotations

import json

from ..harness import Harness, Unsound
from .chat import TOOL


def seeds() -> list[bytes]:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1, "s": "two", "x": [1, {"y": null}]}'},
    }
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "One and two?"}]},
        {"role": "assistant", "reasoning_content": "Add.", "tool_calls": [call], "content": "I add."}, {"role": "tool", "content": "3", "tool_call_id": "c"},
        {"role": "assistant", "content": "Three.", "reasoning": "Known."},
    ]  # fmt: skip
    return [
        json.dumps({"messages": talk, "tools": [json.loads(TOOL)]}).encode(),
        json.dumps({"messages": talk[:1], "tools": [TOOL]}).encode(),
    ]


def run(data: bytes) -> str:
    from arcmill.chat import parse, render
    from arcmill.chat.dialect import ChatError

    try:
        given = json.loads(data)
        messages, tools = list(given["messages"]), given["tools"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "none"
    if not all(isinstance(one, dict) for one in messages) or not isinstance(tools, list):
        return "none"
    found = []
    for dialect in ("glm45", "glm47"):
        try:
            text = render(messages, tools, dialect)
        except ChatError as error:
            found.append(error.reason)
            continue
        text.encode("utf-8")
        parsed = parse(text, dialect)
        if render(parsed.messages, parsed.tools, dialect) != text:
            raise Unsound("it does not come back")
        found.append("rendered")
    return " ".join(found)


WORDS = (
    "role",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "reasoning",
    "assistant",
    "user",
    "system",
    "tool",
    "</think>",
    "<tool_call>",
    "/nothink",
)
HARNESS = Harness("messages", seeds, run, json=True, tokens=WORDS)
