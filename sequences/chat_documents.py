"""A rendered conversation as a Document: its text, and in the metadata what `pack` needs to know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from arcmill.chat.render import Piece
from arcmill.records import Conversation, Document

if TYPE_CHECKING:
    from sequences.export_rows import Variant

DIALECT, LOSS, MARKS = "chat", "chat_loss", "chat_marks"  # keys of a document's metadata


def document_of(conversation: Conversation, row: Variant, dialect: str, numbered: bool, apart: bool) -> Document:
    """A training row as a document. `numbered`: its id names its turn, as it must wherever a conversation may be several
    rows; `apart`: it is the direct one of two that only their reasoning tells apart."""
    metadata = {DIALECT: dialect, LOSS: json.dumps(list(spans_of(row.pieces))), "conversation": conversation.id}
    name = conversation.id
    if numbered:
        name, metadata["turn"] = f"{name}#{row.turn}", str(row.turn)
    if row.marks:
        metadata[MARKS] = str(row.marks)
    text = "".join(text for text, _ in row.pieces)
    return Document(f"{name}-direct" if apart else name, text, conversation.source, metadata=metadata)


def spans_of(pieces: Any) -> Iterator[tuple[int, int]]:
    """Start and end, in characters, of the pieces that are in the loss."""
    place = 0
    for text, loss in pieces:
        if loss:
            yield place, place + len(text)
        place += len(text)


def pieces_of(text: str, spans: Any) -> Iterator[Piece]:
    """A text as (text, in the loss?) pieces, from [[start, end], …]; ValueError where these are no spans of it, in order."""
    if not isinstance(spans, list):
        raise ValueError("not a list")
    place = 0
    for start, end in spans:
        if not (type(start) is type(end) is int and place <= start < end <= len(text)):
            raise ValueError(f"{start}, {end}")
        if start > place:
            yield text[place:start], False
        yield text[start:end], True
        place = end
    if place < len(text):
        yield text[place:], False
