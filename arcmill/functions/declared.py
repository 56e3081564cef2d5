"""The functions that a conversation declares, and what is wrong with a call of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arcmill.chat.dialect import ChatError
from arcmill.chat.messages import AnyMessage, arguments_of, read_tools, to_message
from arcmill.functions.check import checker
from arcmill.records import ToolCall

# OpenAI: a function without parameters takes no arguments.
NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}


class Declared(NamedTuple):
    """A function as a tool declares it. `parameters` is a JSON schema."""

    name: str
    parameters: Mapping[str, Any]


def declared(tools: Sequence[str | Mapping[str, Any]] | None) -> dict[str, Declared]:
    """The functions by name. ChatError (bad-tool, duplicate-tool) where a tool is none, or a name stands twice."""
    found: dict[str, Declared] = {}
    for number, tool in enumerate(read_tools(tools)):
        function = tool.get("function", tool)
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ChatError("bad-tool", f"tool {number} has no name")
        if name in found:
            raise ChatError("duplicate-tool", f"two tools are named {name!r:.80}")
        parameters = function.get("parameters")
        if parameters is None:
            parameters = NO_PARAMETERS
        if not isinstance(parameters, Mapping):
            raise ChatError("bad-tool", f"the parameters of {name!r:.80} are not a JSON object")
        found[name] = Declared(name, parameters)
    return found


def check_calls(messages: Sequence[AnyMessage], tools: Sequence[str | Mapping[str, Any]] | None) -> None:
    """Raise ChatError where a call is of no declared tool (unknown-tool), its arguments do not fit the schema of that
    tool (call-schema), or no call could be checked by that schema (tool-schema)."""
    functions = declared(tools)
    for place, message in enumerate(messages):
        for call in to_message(message).tool_calls or ():
            try:
                check_call(call, functions)
            except ChatError as error:
                raise ChatError(error.reason, f"message {place}: {error.detail}") from None


def check_call(call: ToolCall, functions: Mapping[str, Declared]) -> dict[str, Any]:
    """The arguments of a call that is sound; ChatError as `check_calls` raises it."""
    function = functions.get(call.name)
    if function is None:
        raise ChatError("unknown-tool", f"no tool is named {call.name!r:.80}")
    arguments = arguments_of(call)
    try:
        wrong = checker(function.parameters)(arguments)
    except ValueError as error:
        raise ChatError("tool-schema", f"{call.name}: {error}"[:300]) from None
    if wrong:
        raise ChatError("call-schema", f"{call.name}: {'; '.join(wrong[:3])}"[:300])
    return arguments
