"""Rows of a Document batch to token ids with their origin, or to an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from arcmill.stage import Outcome
from arcmill.syntax import LANGUAGE_KEY
from sequences.pack_encode import DocumentEncoder, Ids, Parts

LARGEST_EPOCH = 2**31 - 1


class Origin(NamedTuple):
    """Where the tokens of a segment come from.

    `role`: document; fim (rearranged before); psm or spm (rearranged in its sequence, which a document that
    `qualifies` may be); chat (a rendered conversation). `mixed`: the input of the mixture that it came from.
    """

    id: str
    source: str
    bucket: int | None
    epoch: int
    role: str
    qualifies: bool = False
    mixed: str | None = None


ORIGIN = Origin._fields[:5]  # those that a segment names


def tokenize(
    batches: Iterable[pa.RecordBatch],
    encoder: DocumentEncoder,
    min_tokens: int,
    languages: tuple[str, ...] | None = None,
) -> Iterator[tuple[Origin, Ids] | tuple[str, Outcome]]:
    """Every row once, in order: its tokens (with the closing one; ~id where not in the loss), or its id and why it is left out.

    A document of white space alone is dropped as `empty`, one of fewer than `min_tokens` tokens as
    `too_few_tokens`; text that is not UTF-8, a broken epoch or a broken FIM document is an error. Source code in one
    of `languages` (None: any) qualifies for context-level FIM.
    """
    for batch in batches:
        yield from _tokenize_batch(batch, encoder, min_tokens, languages)


def _tokenize_batch(
    batch: pa.RecordBatch, encoder: DocumentEncoder, min_tokens: int, languages: tuple[str, ...] | None
) -> Iterator[tuple[Origin, Ids] | tuple[str, Outcome]]:
    ids, sources, buckets = (batch.column(name).to_pylist() for name in ("id", "source", "quality_bucket"))
    epochs, fims, codes = (_metadata(batch, key) for key in ("epoch", "fim", LANGUAGE_KEY))
    chats, mixed = (_metadata(batch, key) for key in ("chat", "mix_source"))
    losses, marks = (_metadata(batch, key) if any(chats) else chats for key in ("chat_loss", "chat_marks"))
    prepared: list[tuple[Origin, Parts | Ids] | tuple[str, Outcome]] = []
    for row, text in enumerate(_texts(batch.column("text"))):
        epoch = _epoch(epochs[row])
        chat = chats[row]
        parts: Parts | Ids | Outcome
        if isinstance(text, Outcome):
            parts = text
        elif chat is not None and text:
            parts = encoder.chat.encode(text, chat, losses[row], marks[row])
        else:
            parts = _parts(text, fims[row] is not None, encoder)
        if isinstance(parts, Outcome):
            prepared.append((ids[row], parts))
        elif isinstance(epoch, Outcome):
            prepared.append((ids[row], epoch))
        else:
            role = "chat" if chat is not None else "document" if fims[row] is None else "fim"
            code = role == "document" and codes[row] is not None and (languages is None or codes[row] in languages)
            prepared.append((Origin(ids[row], sources[row], buckets[row], epoch, role, code, mixed[row]), parts))
    encoded = encoder.encode([item[1] for item in prepared if isinstance(item[1], list)])
    for first, second in prepared:
        result = next(encoded) if isinstance(second, list) else second
        closing = encoder.eos_id is not None and isinstance(second, list)  # a conversation ends in a token of its own
        if isinstance(result, Outcome) or not isinstance(first, Origin):
            yield (first.id if isinstance(first, Origin) else first), result  # type: ignore[misc]
        elif len(result) - closing < min_tokens:
            count = len(result) - closing
            yield first.id, Outcome("too_few_tokens", score=float(count), threshold=float(min_tokens))
        else:
            yield first, result


def _parts(text: str | None, fim: bool, encoder: DocumentEncoder) -> Parts | Outcome:
    if not text or text.isspace():
        return Outcome("empty")
    return encoder.parts(text, fim=fim)


def _texts(column: pa.Array) -> list[str | Outcome | None]:
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return [_text(value) for value in column]


def _text(value: pa.Scalar) -> str | Outcome | None:
    try:
        return value.as_py()  # type: ignore[no-any-return]
    except UnicodeDecodeError as error:
        return Outcome("not_utf8", "errored", detail=str(error)[:200])


def _metadata(batch: pa.RecordBatch, key: str) -> list[str | None]:
    return pc.map_lookup(batch.column("metadata"), key, "last").to_pylist()  # type: ignore[no-any-return]


def _epoch(value: str | None) -> int | Outcome:
    if value is None:
        return 0
    if value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= LARGEST_EPOCH:
        return int(value)
    return Outcome("epoch", "errored", detail=f"metadata 'epoch' is {value[:40]!r}, not a whole number from 0")
