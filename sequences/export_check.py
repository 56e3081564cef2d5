"""What every exported conversation passes: rendered, parsed back, compared, and its calls checked by their schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from arcmill.chat import ChatError, normal, parse, spans
from arcmill.chat.messages import last_user, read_tools, without_null
from arcmill.chat.render import Piece
from arcmill.records import Message


def checked(
    messages: Sequence[Message],
    tools: Sequence[str] | None,
    dialect: str,
    thinking: bool | None,
    stop: str,
    every: bool = False,
) -> list[Piece]:
    """The (text, in the loss?) pieces of a training row that comes back from its rendering as it went in.

    Raises ChatError with the reason where it does not; `spans` says which rows teach no sound protocol.
    """
    pieces = spans(messages, tools, dialect, thinking=thinking, stop=stop, every=every)
    back = parse("".join(text for text, _ in pieces), dialect)
    wanted = normal([without_null(message) for message in messages])
    if back.messages != wanted:
        place = next((n for n, (a, b) in enumerate(zip(back.messages, wanted, strict=False)) if a != b), len(wanted))
        raise ChatError("round-trip", f"message {place} comes back from its rendering as another")
    if read_tools(back.tools) != read_tools(tools):
        raise ChatError("round-trip", "the tools come back from their rendering as others")
    if back.stop != stop:
        raise ChatError("round-trip", f"the row ends in {back.stop}, not in {stop}")
    return pieces


def reasons(messages: Sequence[Message]) -> bool:
    """Whether an answer to the last user message has reasoning: what a rendering keeps of it."""
    return any((message.reasoning or "").strip() for message in messages[last_user(messages) + 1 :])


def direct(messages: Sequence[Message]) -> list[Message]:
    """The messages without any reasoning."""
    return [replace(message, reasoning=None) if message.reasoning is not None else message for message in messages]
