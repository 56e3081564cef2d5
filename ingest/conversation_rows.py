"""A row of a table of chats as a Conversation: messages of OpenAI's form or ShareGPT's, made one form and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from arcmill.chat import ChatError
from arcmill.chat.messages import check_protocol, read_tools, to_message
from arcmill.errors import InputError
from arcmill.records import Conversation, Message, ToolCall, stable_id
from arcmill.stage import Failure, Outcome
from arcmill.tables.values import Refused, kind_of, listed, nested, read_string

if TYPE_CHECKING:
    from ingest.conversations import IngestConversations

_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "model": "assistant", "chatgpt": "assistant",
    "bing": "assistant", "bard": "assistant", "system": "system", "function_call": "call", "observation": "tool", "tool": "tool",
    "function_response": "tool", "function-response": "tool",
}  # fmt: skip
_BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"  # as Llama-Factory joins several results in one value


class ConversationMapper:
    """Makes Conversations of the rows of one file."""

    text_field, text_column = "messages", ""  # no column needs to be a string

    def __init__(self, config: IngestConversations, file: str) -> None:
        self.config, self.file = config, file
        self.columns = [config.messages] if config.messages else ["messages", "conversations"]

    def require(self, present: Iterable[str]) -> None:
        names = set(present)
        if not any(column.partition(".")[0] in names for column in self.columns):
            raise InputError(
                f"{self.file}: no column {' or '.join(self.columns)}; the columns are {listed(names)}; "
                "name it with --set messages=COLUMN"
            )

    def needed(self, present: Iterable[str]) -> list[str]:
        asked = (
            *self.columns, self.config.tools, self.config.system, self.config.id, "source", "chat_template_kwargs",
            "enable_thinking",
        )  # fmt: skip
        keys = {column.partition(".")[0] for column in asked} | set(asked)
        return [name for name in present if name in keys]

    def row(self, row: Any, unit: str, number: int) -> Conversation | Failure:
        """One row; a ChatError's reason, or that of a value which is none, is the rule of its Failure."""
        if type(row) is not dict:
            return self.failure("not-an-object", unit, number, f"expected an object, found {kind_of(row)}")
        key: str | None = None
        try:
            key = _string(row, self.config.id)
            messages, tools = self._messages(row), self._tools(row)
            check_protocol(messages)
            if not any(message.role == "assistant" for message in messages):
                raise Refused("no-answer", "no message is the assistant's")
            source = self.config.source or _string(row, "source") or "conversations"
            thinking = row.get("enable_thinking", (row.get("chat_template_kwargs") or {}).get("enable_thinking"))
            told = json.dumps([tools, [_told(message) for message in messages]], ensure_ascii=False)
            told.encode()  # a lone surrogate is no text
            if any("\0" in text for m in messages for text in (m.content or "", m.reasoning or "", key or "")):
                raise Refused("nul-bytes", "the messages or the id hold NUL characters")
            name = key or stable_id(source, "conversation", told)
        except ChatError as error:
            return self.failure(error.reason, unit, number, error.detail, key)
        except Refused as refused:
            return self.failure(refused.rule, unit, number, str(refused), key)
        except UnicodeEncodeError as error:
            return self.failure("bad-utf8", unit, number, str(error)[:200])
        return Conversation(name, messages, source, tools, thinking if isinstance(thinking, bool) else None)

    def failure(self, rule: str, unit: str, number: int, detail: str, key: str | None = None) -> Failure:
        """An errored row, named by its id where that could be read, else by its place."""
        where = f"{self.file}, {unit} {number}"
        return Failure(key or where, Outcome(rule, "errored", detail=f"{where}: {detail}"))

    def _messages(self, row: Mapping[str, Any]) -> list[Message]:
        column = next((c for c in self.columns if _value(row, c) is not None), None)
        if column is None:
            raise Refused("missing-messages", f"no {' or '.join(self.columns)} (--set messages=…) in {listed(row)}")
        given = _list(_value(row, column), column)
        found: list[Message] = []
        closing = (self.config.reasoning_tags or ("", ""))[1]
        for place, message in enumerate(given):
            if not isinstance(message, Mapping):
                raise Refused("not-a-message", f"message {place} is {kind_of(message)}")
            if "role" not in message and "from" not in message:
                raise Refused("not-a-message", f"message {place} has neither role nor from")
            found += [_openai(message)] if "role" in message else _sharegpt(message, place, found, closing)
        apart = _string(row, self.config.system)
        if apart and (not found or found[0].role != "system"):
            found.insert(0, Message("system", apart))
        return [self._parted(message) for message in found]

    def _tools(self, row: Mapping[str, Any]) -> list[str] | None:
        given = _value(row, self.config.tools)
        if given in (None, "", []):
            return None
        tools = _list(given, self.config.tools)
        read_tools(tools)
        return [tool if isinstance(tool, str) else json.dumps(tool, ensure_ascii=False) for tool in tools] or None

    def _parted(self, message: Message) -> Message:
        """An answer with the reasoning at its beginning apart."""
        tags, content = self.config.reasoning_tags, message.content
        if tags is None or message.role != "assistant" or message.reasoning or not content:
            return message
        before, _, rest = content.partition(tags[0])
        if before.strip() or not rest:
            return message
        thought, closed, answer = rest.partition(tags[1])
        if not closed:
            raise Refused("open-reasoning", f"{tags[0]} without {tags[1]}")
        calls_alone = message.tool_calls and not answer.strip()
        content = None if calls_alone else answer.lstrip("\n")
        return Message("assistant", content, thought.strip("\n") or None, message.tool_calls, message.tool_call_id)


def _openai(message: Mapping[str, Any]) -> Message:
    for name in ("reasoning_content", "reasoning"):
        if not isinstance(message.get(name), str | None):
            raise Refused("not-text", f"{name} is {kind_of(message[name])}")
    if not isinstance(message.get("content"), str | list | None):
        raise Refused("not-text", f"content is {kind_of(message['content'])}")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
        raise Refused("not-calls", "tool_calls is no list of objects")
    made = to_message(message)
    return Message("system", made.content) if made.role == "developer" else made


def _sharegpt(turn: Mapping[str, Any], place: int, before: list[Message], closing: str) -> list[Message]:
    """The messages of a turn: several where it holds the results of several calls."""
    role, value = _ROLES.get(str(turn["from"])), turn.get("value")
    if role is None:
        raise Refused("unknown-role", f"message {place} is from {turn['from']!r}; known: {', '.join(_ROLES)}")
    if not isinstance(value, str):
        raise Refused("not-text", f"the value of message {place} is {kind_of(value)}")
    if role == "call":
        return [_called(value, place, closing)]
    if role != "tool":
        return [Message(role, value)]
    calls = (before[-1].tool_calls or []) if before else []
    results = value.split(_BETWEEN_RESULTS) if len(calls) > 1 else [value]
    names = [call.id for call in calls] if len(calls) == len(results) else [None] * len(results)
    return [Message("tool", result, tool_call_id=name) for result, name in zip(results, names, strict=True)]


def _called(value: str, place: int, closing: str) -> Message:
    """The calls of a turn: JSON, an object or a list of them, behind a thought that `closing` ends where there is one."""
    thought, text = "", value
    if closing and value.lstrip()[:1] not in ("[", "{") and closing in value:
        before, _, text = value.partition(closing)
        thought = before + closing
    try:
        calls = json.loads(text)
    except ValueError as error:
        raise Refused("bad-json", f"the calls of message {place}: {error}"[:200]) from None
    calls = calls if isinstance(calls, list) else [calls]
    if not calls or not all(isinstance(call, Mapping) and isinstance(call.get("name"), str) for call in calls):
        raise Refused("not-calls", f"message {place} holds no call with a name")
    made = []
    for number, call in enumerate(calls):
        arguments = call.get("arguments", {})
        given = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        made.append(ToolCall(f"call_{place}_{number}", call["name"], given))
    return Message("assistant", thought or None, None, made)


def _value(row: Mapping[str, Any], column: str) -> Any:
    value = row.get(column)
    return nested(row, column) if value is None and "." in column else value


def _string(row: Mapping[str, Any], column: str) -> str | None:
    value = _value(row, column)
    return None if value is None else read_string(value)


def _list(value: Any, column: str) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise Refused("bad-json", f"'{column}': {error}"[:200]) from None
    if not isinstance(value, list) or not value:
        raise Refused("not-a-list", f"'{column}' is {kind_of(value)}, a list with entries is needed")
    return value


def _told(message: Message) -> list[Any]:
    calls = [[call.name, call.arguments] for call in message.tool_calls or ()]
    return [message.role, message.content, message.reasoning, calls]
