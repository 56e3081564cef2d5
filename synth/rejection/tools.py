"""Step 4: the tool protocol, and the state that the environment must end in (GLM-4.5, section 3.1)."""

from __future__ import annotations

from typing import Any

from arcmill.chat.dialect import ChatError
from arcmill.chat.messages import arguments_of
from arcmill.functions.check import Checker, checker
from arcmill.functions.declared import declared
from arcmill.functions.forms import normal_parameters
from arcmill.records import Conversation, ToolCall
from arcmill.stage import Outcome


def check_tools(row: Conversation, evidence: dict[str, Any]) -> Outcome | None:
    """Whether every call names a tool, has arguments that its schema allows, and is answered once; then the end state."""
    try:
        checkers = _checkers(row)
    except (ChatError, ValueError) as error:
        return Outcome("tool-protocol", detail=f"a tool's schema cannot be used ({error})"[:300])
    waiting: dict[str, str] = {}
    for message in row.messages:
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                return Outcome("tool-protocol", detail=f"a result for {message.tool_call_id!r}, which was not called")
            del waiting[message.tool_call_id]
            continue
        if waiting:
            return Outcome("tool-protocol", detail=f"no result for the call of {next(iter(waiting.values()))}")
        for call in message.tool_calls or ():
            if broken := _broken(call, checkers):
                return Outcome("tool-protocol", detail=broken)
            if call.id in waiting:
                return Outcome("tool-protocol", detail=f"two calls with the id {call.id!r}")
            waiting[call.id] = call.name
    if waiting:
        return Outcome("tool-protocol", detail=f"it ends before the result of {next(iter(waiting.values()))}")
    state = evidence.get("state")
    if isinstance(state, dict) and state.get("expected") != state.get("observed"):
        detail = f"expected {str(state.get('expected'))[:80]}, observed {str(state.get('observed'))[:80]}"
        return Outcome("terminal-state", detail=detail)
    return None


def _checkers(row: Conversation) -> dict[str, Checker]:
    """A check of arguments for each tool. What a schema does not declare is a mistake, unless it says otherwise; one that declares
    nothing takes anything. ChatError, ValueError for a tool that cannot be used."""
    found = {}
    for name, function in declared(row.tools).items():
        parameters = function.parameters
        found[name] = checker(normal_parameters(parameters) if parameters.get("properties") else parameters)
    return found


def _broken(call: ToolCall, checkers: dict[str, Checker]) -> str | None:
    if call.name not in checkers:
        return f"{call.name!r:.80} is no tool of this conversation"
    try:
        wrong = checkers[call.name](arguments_of(call))
    except ChatError as error:
        return error.detail
    return f"{call.name}: {'; '.join(wrong[:3])}"[:300] if wrong else None
