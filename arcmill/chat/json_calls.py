"""Calls as JSON between tags, as Hermes and Qwen write them: <tool_call>{"name": …, "arguments": {…}}</tool_call>."""

from __future__ import annotations

from collections.abc import Mapping

from arcmill.chat.answer import Calls
from arcmill.chat.dialect import CALL, UNCALL, ChatError
from arcmill.chat.messages import strict_json
from arcmill.chat.values import text_of
from arcmill.records import ToolCall


def parse_json_calls(text: str) -> Calls:
    """The calls in an assistant's text. Whatever is no call of exactly a name and an object of arguments (which may be left
    out), is never closed, or stands after a call is told in `malformed`."""
    before, *pieces = text.split(CALL)
    calls: list[ToolCall] = []
    malformed: list[str] = []
    for piece in pieces:
        body, end, after = piece.partition(UNCALL)
        if not end:
            malformed.append(f"{CALL} is never closed")
            continue
        if after.strip():
            malformed.append(f"text after a call: {after.strip()[:60]!r}")
        try:
            calls.append(_call(body, f"call_{len(calls)}"))
        except ChatError as error:
            malformed.append(error.detail)
    return Calls(before, calls, malformed)


def _call(body: str, name: str) -> ToolCall:
    held = strict_json(body, "a call")
    if not isinstance(held, Mapping) or not isinstance(held.get("name"), str) or not held["name"].strip():
        raise ChatError("malformed", f"a call without a name: {body.strip()[:60]!r}")
    arguments = held.get("arguments", {})
    if not isinstance(arguments, dict) or set(held) - {"name", "arguments"}:
        raise ChatError("malformed", f"a call of {held['name']!r:.60} is not {{name, arguments}}")
    return ToolCall(name, held["name"], text_of(arguments))
