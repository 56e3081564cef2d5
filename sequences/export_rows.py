"""The rows of `export-sft`: schemas of the layouts, and a conversation as rows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa

from arcmill.chat import DIALECTS, ChatError, TrainingRow, training_rows
from arcmill.chat.dialect import OBSERVATION
from arcmill.chat.messages import arguments_of, check_protocol, encodable, last_user, read_tools
from arcmill.chat.render import Piece
from arcmill.chat.values import text_of
from arcmill.functions.declared import check_calls
from arcmill.records import Conversation, Message
from sequences.export_check import checked, direct, reasons

if TYPE_CHECKING:
    from sequences.export_sft import ExportSft
    from sequences.export_tokens import ChatTokenizer

_TEXT = pa.large_string()
_TURN = pa.struct([("from", pa.string()), ("value", _TEXT)])
_SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64())])
ROWS_AT_ONCE = 256


def sft_schema(config: ExportSft, as_json: bool = True) -> pa.Schema:
    """The columns of a layout; `id` and `source` are the conversation's, `turn` counts its user messages from 0.

    With `arguments: json` two kinds of text are marked as JSON, unless `as_json` is False: rows are built without.
    """
    marked = pa.json_(pa.string()) if as_json and config.arguments == "json" else _TEXT
    message = message_type(as_json and config.arguments == "json")
    context = [
        ("tools", marked), ("chat_template_kwargs", pa.struct([("enable_thinking", pa.bool_())])),
    ]  # fmt: skip
    columns = {
        "messages": [("messages", pa.list_(message)), *context],
        "completion": [("prompt", pa.list_(message)), ("completion", pa.list_(message)), *context],
        "sharegpt": [("conversations", pa.list_(_TURN)), ("system", _TEXT), ("tools", _TEXT)],
        "text": [("text", _TEXT), ("loss", pa.list_(_SPAN))],
        "tokens": [
            ("input_ids", pa.list_(pa.int32())), (config.mask, pa.list_(pa.uint8())), ("labels", pa.list_(pa.int32())),
        ],
    }  # fmt: skip
    row = [("id", pa.string()), ("source", pa.string()), ("turn", pa.int32()), ("enable_thinking", pa.bool_())]
    return pa.schema([*row, *columns[config.layout]])


def message_type(marked: bool) -> pa.StructType:
    """A message in OpenAI's form; `marked`: the arguments of calls are JSON, not merely text."""
    function = pa.struct([("name", pa.string()), ("arguments", pa.json_(pa.string()) if marked else _TEXT)])
    call = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", function)])
    return pa.struct(
        [("role", pa.string()), ("content", _TEXT), ("reasoning_content", _TEXT), ("tool_calls", pa.list_(call)),
         ("tool_call_id", pa.string())]
    )  # fmt: skip


def to_batches(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows as Arrow batches of bounded size."""
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        yield pa.RecordBatch.from_pylist(list(rows[begin : begin + ROWS_AT_ONCE]), schema)


class TooLong(Exception):
    """A row that has more tokens than `max_tokens`."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


class Rendering(Protocol):
    """What of a config decides how conversations become training rows."""

    @property
    def by_turn(self) -> bool: ...
    @property
    def thinking(self) -> Literal["given", "thinking", "direct", "both"]: ...
    @property
    def dialect(self) -> Literal["glm45", "glm47"]: ...
    @property
    def check(self) -> str: ...
    @property
    def end(self) -> Literal["<|endoftext|>", "<|user|>"]: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """A training row as it is exported: with reasoning or without, checked."""

    turn: int
    messages: Sequence[Message]
    tools: Sequence[str] | None
    thinking: bool | None
    pieces: Sequence[Piece]  # of its rendering; empty where only the protocol is checked
    marks: int = 0  # messages that the rendering marks with /nothink


def sft_rows(
    conversation: Conversation, config: ExportSft, tokenizer: ChatTokenizer | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of a conversation, and what to count of it. Raises ChatError where the layout cannot hold it, TooLong."""
    made: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for variant in variants(conversation, config, counts):
        columns = _tokens(variant, config, tokenizer) if tokenizer else _LAYOUTS[config.layout](variant, config)
        made.append({
            "id": conversation.id, "source": conversation.source, "turn": variant.turn,
            "enable_thinking": variant.thinking is not False, **columns,
        })  # fmt: skip
        if tokenizer:
            counts["tokens"] += len(columns["input_ids"])
            counts["tokens_in_loss"] += int(columns[config.mask].sum())
    return made, {name: count for name, count in counts.items() if count}


def variants(conversation: Conversation, config: Rendering, counts: Counter[str], every: bool = False) -> list[Variant]:
    """The training rows of a conversation, checked; `counts` is told of them. `every`: all answers of a row are in the loss, not
    only those after the last user message. Raises ChatError where one is none."""
    made: list[Variant] = []
    for row in _training_rows(conversation, config):
        lost = sum(bool((message.reasoning or "").strip()) for message in row.messages[: last_user(row.messages) + 1])
        counts["reasoning_of_earlier_turns"] += 0 if config.by_turn else lost
        for thinking in _modes(row.messages, conversation.thinking, config):
            made.append(_variant(conversation, row, thinking, config, every))
            counts["rows_direct" if thinking is False else "rows_thinking"] += 1
    if config.check == "full":
        check_calls(conversation.messages, conversation.tools)
    if not made:
        raise ChatError("no-reasoning", "no answer of the conversation reasons, and thinking rows alone are wanted")
    return made


def _training_rows(conversation: Conversation, config: Rendering) -> list[TrainingRow]:
    if config.by_turn:
        turns = training_rows(conversation, config.end)
    else:
        messages = conversation.messages
        while messages and messages[-1].role == "tool":  # a call that ended the episode
            messages = messages[:-1]
        stop = OBSERVATION if messages and messages[-1].tool_calls else config.end
        turns = [TrainingRow(max(0, sum(message.role == "user" for message in messages) - 1), messages, stop)]
    if not turns or not turns[-1].messages or turns[-1].messages[-1].role != "assistant":
        raise ChatError("no-answer", "no message of the assistant to train on, or not at the end")
    return turns


def _modes(messages: Sequence[Message], given: bool | None, config: Rendering) -> list[bool | None]:
    """The variants of a row, by whether they think."""
    if config.thinking == "given":
        return [given]
    thinks: list[bool | None] = [True] if reasons(messages) else []
    return thinks if config.thinking == "thinking" else [False] if config.thinking == "direct" else [*thinks, False]


def _variant(
    conversation: Conversation, row: TrainingRow, thinking: bool | None, config: Rendering, every: bool
) -> Variant:
    tools = conversation.tools
    messages = direct(row.messages) if thinking is False and config.thinking != "given" else row.messages
    if config.check == "protocol":
        check_protocol(messages)
        read_tools(tools)
        return Variant(row.turn, messages, tools, thinking, ())
    pieces = checked(messages, tools, config.dialect, thinking, row.stop, every)
    marked = thinking is False and DIALECTS[config.dialect].marks_users
    return Variant(
        row.turn, messages, tools, thinking, pieces, sum(m.role == "user" for m in messages) if marked else 0
    )


def _messages(row: Variant, config: ExportSft) -> dict[str, Any]:
    return {"messages": [openai_form(message) for message in row.messages], **_context(row)}


def _completion(row: Variant, config: ExportSft) -> dict[str, Any]:
    made = [openai_form(message) for message in row.messages]
    begin = max((place for place, message in enumerate(made) if message["role"] == "user"), default=-1) + 1
    return {"prompt": made[:begin], "completion": made[begin:], **_context(row)}


def _context(row: Variant) -> dict[str, Any]:
    # Templates take a flag that is null for one that is off, so it is always said.
    return {"tools": tools_list(row.tools), "chat_template_kwargs": {"enable_thinking": row.thinking is not False}}


def tools_list(tools: Sequence[str] | None) -> str | None:
    """Tools as one JSON list, as text."""
    return f"[{', '.join(tools)}]" if tools else None


def openai_form(message: Message) -> dict[str, Any]:
    """A message in OpenAI's form, calls without a null: readers ask for their number."""
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls or ()
    ]
    content = "" if message.content is None and message.role == "assistant" else message.content
    return {
        "role": message.role, "content": content, "reasoning_content": message.reasoning, "tool_calls": calls,
        "tool_call_id": message.tool_call_id,
    }  # fmt: skip


def _sharegpt(row: Variant, config: ExportSft) -> dict[str, Any]:
    messages = list(row.messages)
    system = messages.pop(0).content if messages and messages[0].role == "system" else None
    turns: list[dict[str, str]] = []
    for place, message in enumerate(messages):
        tag, value = _share(message, config)
        if tag == "observation" and turns and turns[-1]["from"] == tag:  # as Llama-Factory joins several results
            turns[-1]["value"] += f"\n</tool_response>\n<tool_response>\n{value}"
            continue
        if (tag in ("human", "observation")) != (len(turns) % 2 == 0):
            raise ChatError("sharegpt-order", f"message {place} ({message.role}) does not alternate with the others")
        turns.append({"from": tag, "value": value})
    return {"conversations": turns, "system": system, "tools": tools_list(row.tools)}


def _share(message: Message, config: ExportSft) -> tuple[str, str]:
    content = message.content or ""
    if message.role != "assistant":
        tags = {"user": "human", "tool": "observation"}
        if message.role not in tags:
            raise ChatError("sharegpt-order", f"a message of role {message.role} after the first")
        return tags[message.role], content
    before, after = config.reasoning_tags
    reasoning = (message.reasoning or "").strip()
    thought = f"{before}{reasoning}{after}" if reasoning else ""
    if not message.tool_calls:
        return "gpt", thought + content
    if content.strip():
        raise ChatError("text-with-calls", "a value of sharegpt is either a text or calls")
    calls = [{"name": call.name, "arguments": arguments_of(call)} for call in message.tool_calls]
    return "function_call", thought + encodable(text_of(calls if len(calls) > 1 else calls[0]))


def _text(row: Variant, config: ExportSft) -> dict[str, Any]:
    loss, place = [], 0
    for text, trained in row.pieces:
        if trained:
            loss.append({"start": place, "end": place + len(text)})
        place += len(text)
    return {"text": "".join(text for text, _ in row.pieces), "loss": loss}


def _tokens(row: Variant, config: ExportSft, tokenizer: ChatTokenizer) -> dict[str, Any]:
    tokens = tokenizer.encode(row.pieces, row.marks)
    if config.max_tokens is not None and len(tokens.ids) > config.max_tokens:
        raise TooLong(len(tokens.ids))
    return {"input_ids": tokens.ids, config.mask: tokens.mask, "labels": tokens.labels()}


_LAYOUTS = {"messages": _messages, "completion": _completion, "sharegpt": _sharegpt, "text": _text}
