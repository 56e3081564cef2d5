"""Messages and tools as a rendering sees them: from OpenAI's form, normal, and checked for what no text can hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from arcmill.chat.dialect import NOTHINK, SYSTEM, TOOLS_HEAD, ChatError, Dialect, find_special
from arcmill.chat.values import Schemas, text_of, value_of
from arcmill.records import Message, ToolCall

ROLES = ("system", "user", "assistant", "tool")
AnyMessage = Message | Mapping[str, Any]


def to_message(message: AnyMessage) -> Message:
    """A Message of one in OpenAI's form: `reasoning_content` or `reasoning`, calls under `function`, parts of text."""
    if isinstance(message, Message):
        return message
    calls = []
    for number, given in enumerate(_listed(message.get("tool_calls"))):
        call = given.get("function") or given
        if not isinstance(call, Mapping):
            raise ChatError("bad-call", f"a call is {call!r:.80}; an object with name and arguments is needed")
        arguments = call.get("arguments")
        if not isinstance(arguments, str):
            arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
        calls.append(ToolCall(str(given.get("id") or f"call_{number}"), str(call.get("name") or ""), arguments))
    reasoning = message.get("reasoning_content", message.get("reasoning"))
    answers = message.get("tool_call_id")
    for value, what in ((reasoning, "the reasoning"), (answers, "the id of the call that is answered")):
        if not isinstance(value, str | None):
            raise ChatError("not-text", f"{what} of a message is {value!r:.80}; a text is needed")
    return Message(str(message.get("role")), _text(message.get("content")), reasoning, calls or None, answers)


def _listed(calls: Any) -> list[Mapping[str, Any]]:
    """The calls of a message; ChatError where they are no list of objects."""
    if calls is None:
        return []
    if not isinstance(calls, list | tuple) or not all(isinstance(call, Mapping) for call in calls):
        raise ChatError("bad-call", f"the calls of a message are {calls!r:.80}; a list of objects is needed")
    return list(calls)


def _text(content: Any) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        raise ChatError("not-text", f"a message holds {content!r:.80}; a text or a list of its parts is needed")
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Mapping) and part.get("type") == "text":
            parts.append(str(part.get("text")))
        else:
            raise ChatError("not-text", f"a part of a message is {part!r:.80}; only text can be rendered")
    return "".join(parts)


def read_tools(tools: Sequence[str | Mapping[str, Any]] | None) -> list[Any]:
    """The tools as JSON values. Raises ChatError for what is no JSON object."""
    found = []
    for number, tool in enumerate(tools or ()):
        value = strict_json(tool, f"tool {number}") if isinstance(tool, str) else tool
        if not isinstance(value, Mapping):
            raise ChatError("bad-tool", f"tool {number} is not a JSON object")
        found.append(value)
    return found


def tool_text(tool: Any) -> str:
    """A tool as the format writes it: one line of JSON, keys in their order."""
    text = text_of(tool)
    _check(text, "a tool")
    return text


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call; ChatError where they are no JSON object."""
    value = strict_json(call.arguments, f"the arguments of {call.name!r}")
    if not isinstance(value, dict):
        raise ChatError("bad-arguments", f"the arguments of {call.name!r} are not a JSON object")
    return value


def strict_json(text: str, what: str) -> Any:
    """A JSON value in which no key stands twice and no number is NaN or infinite; ChatError (bad-json) for anything else."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ChatError("bad-json", f"{what}: {error}"[:200]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def normal(messages: Sequence[AnyMessage]) -> list[Message]:
    """What of a conversation its rendering carries: assistants' texts without outer space, reasoning only after the
    last user message, arguments as values, and calls and results numbered (`call_0`, …) instead of by their ids."""
    given = [to_message(message) for message in messages]
    last, number, found = last_user(given), 0, list[Message]()
    waiting: Iterator[str] = iter(())
    for place, message in enumerate(given):
        if message.role == "assistant":
            calls = []
            for call in message.tool_calls or ():
                calls.append(ToolCall(f"call_{number}", call.name, text_of(arguments_of(call))))
                number += 1
            waiting = iter([call.id for call in calls])
            content = message.content.strip() if message.content is not None else None
            reasoning = (message.reasoning or "").strip() if place > last else ""
            found.append(Message("assistant", content, reasoning or None, calls or None))
        elif message.role == "tool":
            found.append(Message("tool", message.content, None, None, next(waiting, None)))
        else:
            waiting = iter(())
            found.append(Message(message.role, message.content))
    return found


def last_user(messages: Sequence[Message]) -> int:
    """The place of the last user message; -1 where there is none."""
    return max((place for place, message in enumerate(messages) if message.role == "user"), default=-1)


def check_protocol(messages: Sequence[Message]) -> None:
    """Raise ChatError where the messages are no sound conversation, whatever it is written in: roles, arguments in
    JSON, results after calls and in their order, calls that are answered (but for those of the last message)."""
    answered = True  # whether the calls before this message have results
    open_calls: Iterator[str] | None = None
    for place, message in enumerate(messages):
        where = f"message {place} ({message.role})"
        if message.role not in ROLES:
            raise ChatError("unknown-role", f"{where}; known: {', '.join(ROLES)}")
        if message.content is None and not (message.role == "assistant" and message.tool_calls):
            raise ChatError("null-content", f"{where} has no content")
        if message.role == "tool":
            if open_calls is None:
                raise ChatError("result-without-call", f"{where} follows no call")
            if message.tool_call_id not in (None, next(open_calls, None)):
                raise ChatError("tool-order", f"{where} answers {message.tool_call_id!r}, not the call at its place")
            answered = True
            continue
        if not answered:
            raise ChatError("call-without-result", f"{where} follows a call that has no result")
        for call in message.tool_calls or ():
            arguments_of(call)
        answered = not message.tool_calls
        open_calls = iter([call.id for call in message.tool_calls]) if message.tool_calls else None


def check(messages: Sequence[Message], tools: Sequence[Any], dialect: Dialect) -> None:
    """Raise ChatError, with the reason, where a rendering of these messages would not come back as they are."""
    schemas, last = Schemas(tools), last_user(messages)
    open_calls: Iterator[str] | None = None  # whose results come next
    for place, message in enumerate(messages):
        where = f"message {place} ({message.role})"
        if message.role not in ROLES:
            raise ChatError("unknown-role", f"{where}; known: {', '.join(ROLES)}")
        if message.content is None and not (message.role == "assistant" and message.tool_calls):
            raise ChatError("null-content", f"{where} has no content")
        _check(message.content or "", where)
        if message.role == "system" and f"{SYSTEM}{dialect.nl}{message.content}".startswith(TOOLS_HEAD):
            raise ChatError("tools-in-system", f"{where} looks like the list of tools; give them as tools")
        if message.role == "user":
            _check_user(message.content or "", where, dialect)
        elif message.role == "assistant":
            _check_assistant(message, where, schemas, place > last)
        if message.role != "tool":
            open_calls = iter([call.id for call in message.tool_calls]) if message.tool_calls else None
        elif open_calls is not None and message.tool_call_id not in (None, next(open_calls, None)):
            raise ChatError("tool-order", f"{where} answers {message.tool_call_id!r}, not the call at its place")


def _check(text: str, where: str) -> None:
    found = find_special(text)
    if found is not None:
        raise ChatError("special-token", f"{where} holds {found}, which would be read as a command")
    encodable(text, where)


def encodable(text: str, where: str = "a value") -> str:
    """The text itself; ChatError where it holds half of a surrogate pair, which JSON can name and UTF-8 cannot."""
    try:
        _ = text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise ChatError("lone-surrogate", f"{where} holds half of a character, which no file can") from None
    return text


def _check_user(text: str, where: str, dialect: Dialect) -> None:
    if not text:
        raise ChatError("empty-user", f"{where} is empty")
    if dialect.marks_users and NOTHINK in text:
        raise ChatError("special-token", f"{where} holds {NOTHINK}, which would turn reasoning off")


def _check_assistant(message: Message, where: str, schemas: Schemas, reasons: bool) -> None:
    _check(message.reasoning or "", f"the reasoning of {where}")
    if not ((message.content or "").strip() or (reasons and (message.reasoning or "").strip()) or message.tool_calls):
        raise ChatError("empty-assistant", f"{where} has neither text nor reasoning nor calls")
    if message.tool_calls and (message.content or "").strip() == "None":
        raise ChatError("null-content", f"{where} says None before a call, which is what a missing content looks like")
    for call in message.tool_calls or ():
        name = call.name
        _check(name, f"the name of a call in {where}")
        if not name or name != name.strip() or "\n" in name:
            raise ChatError("bad-call-name", f"{where} calls {name!r}")
        for key, value in arguments_of(call).items():
            held = f"argument {key!r} of {name!r} in {where}"
            _check(key, held)
            if key != key.strip():
                raise ChatError("bad-argument-name", f"{held} has outer space")
            text = text_of(value)
            _check(text, held)
            back = value_of(text, schemas.is_text(name, key))
            if isinstance(back, str) != isinstance(value, str) or text_of(back) != text:  # as JSON: 1 is not 1.0
                raise ChatError("value-type", f"{held} would come back as {type(back).__name__} {back!r:.60}")


def without_null(message: Message) -> Message:
    """The message with "" for a missing content: the word None is never trained on."""
    return replace(message, content="") if message.content is None else message
