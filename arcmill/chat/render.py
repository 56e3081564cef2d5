"""Messages to text, and to text with the areas that a model is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arcmill.chat.dialect import (
    ASSISTANT,
    CALL,
    ENDOFTEXT,
    KEY,
    NOTHINK,
    OBSERVATION,
    RESPONSE,
    START,
    STOPS,
    SYSTEM,
    THINK,
    UNCALL,
    UNKEY,
    UNRESPONSE,
    UNTHINK,
    UNVALUE,
    USER,
    VALUE,
    ChatError,
    Dialect,
    dialect_of,
    tools_block,
)
from arcmill.chat.messages import (
    AnyMessage,
    arguments_of,
    check,
    check_protocol,
    last_user,
    read_tools,
    to_message,
    tool_text,
    without_null,
)
from arcmill.chat.values import text_of
from arcmill.records import Conversation, Message

Tools = Sequence[str | Mapping[str, Any]] | None
Piece = tuple[str, bool]


def render(
    messages: Sequence[AnyMessage],
    tools: Tools = None,
    dialect: str | Dialect = "glm45",
    *,
    generation_prompt: bool = False,
    thinking: bool | None = None,
) -> str:
    """The text that the dialect's published chat template makes, byte for byte.

    `thinking=False` asks for an answer without reasoning; None and True are the same. A missing content before calls
    becomes the word None, as in the template. Raises ChatError where `parse` could not give the messages back.
    """
    form, given = dialect_of(dialect), [to_message(message) for message in messages]
    read = read_tools(tools)
    check(given, read, form)
    return rendered(given, read, form, generation_prompt, thinking)


def rendered(
    messages: Sequence[Message], tools: Sequence[Any], form: Dialect, generation_prompt: bool, thinking: bool | None
) -> str:
    """The text of messages that are checked already."""
    text = "".join(piece for piece, _ in _pieces(messages, tools, form, thinking))
    if not generation_prompt:
        return text
    return text + ASSISTANT + (form.think_prompt if thinking is not False else form.empty_think)


def spans(
    messages: Sequence[AnyMessage],
    tools: Tools = None,
    dialect: str | Dialect = "glm45",
    *,
    thinking: bool | None = None,
    stop: str = ENDOFTEXT,
    every: bool = False,
) -> list[Piece]:
    """The rendering of a training row as (text, in the loss?) pieces; they begin and end at tokens of the format.

    In the loss is what a model writes after the last user message: each answer from where its generation prompt ends,
    with the stop token after it, and nothing else. `stop` ends the row. `every`: the answers before it, too, which must not
    reason, since that is not rendered. A missing content is "", never the word None.
    """
    form, given = dialect_of(dialect), [without_null(to_message(message)) for message in messages]
    if stop not in STOPS:
        raise ChatError("bad-stop", f"{stop!r} is none of {', '.join(STOPS)}")
    if not given or given[-1].role != "assistant":
        raise ChatError("no-answer", "the last message is not the assistant's")
    read = read_tools(tools)
    check(given, read, form)
    _check_turn(given, thinking, stop)
    before = given[: last_user(given)]
    if every and any((message.reasoning or "").strip() for message in before):
        raise ChatError(
            "reasoning-of-earlier-turns", "an answer before the last user message reasons, which is not rendered"
        )
    pieces = _pieces(given, read, form, thinking, every)
    merged: list[Piece] = []
    for text, loss in [*pieces, (stop, True)]:
        if merged and merged[-1][1] == loss:
            merged[-1] = (merged[-1][0] + text, loss)
        elif text:
            merged.append((text, loss))
    return merged


class TrainingRow(NamedTuple):
    """A prefix of a conversation that ends with the answer to its `turn`-th user message, and the token after it."""

    turn: int
    messages: list[Message]
    stop: str


def training_rows(conversation: Conversation, end: str = ENDOFTEXT) -> list[TrainingRow]:
    """One row a user turn that has an answer, since reasoning is rendered after the last user message only.

    `end` closes the last one; an earlier turn ends with <|user|>, and one that ends with a call with <|observation|>.
    """
    messages = [to_message(message) for message in conversation.messages]
    users = [place for place, message in enumerate(messages) if message.role == "user"]
    bounds = [*users[1:], len(messages)] if users else [len(messages)]
    rows, begin = [], 0
    for turn, bound in enumerate(bounds):
        until = bound
        while until > begin and messages[until - 1].role != "assistant":
            until -= 1
        if until > begin:
            follows = OBSERVATION if messages[until - 1].tool_calls else USER if bound < len(messages) else end
            rows.append(TrainingRow(turn, messages[:until], follows))
        begin = bound
    return rows


def _check_turn(messages: Sequence[Message], thinking: bool | None, stop: str) -> None:
    """What a model could follow: one answer at a time, ended by the token that the row says."""
    check_protocol(messages)
    last = last_user(messages)
    for place, message in enumerate(messages):
        if message.role != "assistant":
            continue
        following = messages[place + 1].role if place + 1 < len(messages) else ""
        if following in ("assistant", "system"):
            raise ChatError("no-stop-token", f"message {place} is followed by one of the {following}")
        if not following and bool(message.tool_calls) != (stop == OBSERVATION):
            raise ChatError(
                "bad-stop", f"{stop} after the last message, which {'' if message.tool_calls else 'never '}calls"
            )
        if thinking is False and place > last and (message.reasoning or "").strip():
            raise ChatError("reasoning-in-direct-mode", f"message {place} reasons where that was turned off")


def _pieces(
    messages: Sequence[Message], tools: Sequence[Any], form: Dialect, thinking: bool | None, every: bool = False
) -> list[Piece]:
    last = -1 if every else last_user(messages)
    pieces: list[Piece] = [(START, False)]
    if tools:
        pieces.append((tools_block([tool_text(tool) for tool in tools], form), False))
    for place, message in enumerate(messages):
        previous = messages[place - 1].role if place else ""
        stops = previous == "assistant" and place - 1 > last  # the token that ends an answer which is in the loss
        content = message.content or ""
        if message.role == "system":
            pieces.append((f"{SYSTEM}{form.nl}{content}", False))
        elif message.role == "user":
            mark = NOTHINK if form.marks_users and thinking is False else ""
            pieces += [(USER, stops), (f"{form.nl}{content}{mark}", False)]
        elif message.role == "tool":
            if previous != "tool":
                pieces.append((OBSERVATION, stops))
            pieces.append((f"{form.nl}{RESPONSE}{form.nl}{content}{form.nl}{UNRESPONSE}", False))
        else:
            pieces += _answer(message, form, thinking, place > last)
    return pieces


def _answer(message: Message, form: Dialect, thinking: bool | None, loss: bool) -> list[Piece]:
    reasoning = (message.reasoning or "").strip() if loss else ""
    thought = f"{form.nl}{THINK}{reasoning}{UNTHINK}" if reasoning else form.empty_think
    # What the generation prompt holds already is not the model's to write.
    prompted = thought if thinking is False else form.think_prompt
    if not thought.startswith(prompted):  # glm47 without reasoning: as after the prompt that turns it off
        prompted = thought
    content = "None" if message.content is None else message.content.strip()
    text = thought[len(prompted) :] + (f"{form.nl}{content}" if content else "")
    for call in message.tool_calls or ():
        pairs = "".join(
            f"{KEY}{key}{UNKEY}{form.nl}{VALUE}{text_of(value)}{UNVALUE}{form.nl}"
            for key, value in arguments_of(call).items()
        )
        text += f"{form.nl}{CALL}{call.name}{form.nl}{pairs}{UNCALL}"
    return [(ASSISTANT + prompted, False), (text, loss)]
