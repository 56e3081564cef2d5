"""Rendered conversations among the documents of `pack`: their control tokens are control tokens, and they have a loss mask.

`render-chat` writes them: metadata `chat` is the dialect, `chat_loss` says which characters are in the loss. Ids and mask
are those of export-sft's layout tokens. Where the tokenizer adds nothing to a text and takes nothing from it, the
sections between control tokens are encoded as documents are, several times as fast; anything that is not plain there is left to
`ChatTokenizer`, which has the last word. Tests hold the two to each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.chat import DIALECTS, SPECIAL_TOKENS, ChatError
from arcmill.chat.dialect import NOTHINK
from arcmill.chat.render import Piece
from arcmill.stage import Outcome
from sequences.chat_documents import pieces_of
from sequences.export_tokens import ChatTokenizer, Tokens

if TYPE_CHECKING:
    from sequences.pack_encode import DocumentEncoder, Ids

_FORMAT = frozenset((*SPECIAL_TOKENS, NOTHINK))
_MARKS = re.compile("[0-9]{1,9}")


class ChatEncoder:
    """Token ids of rendered conversations; ~id where a token is not in the loss."""

    def __init__(self, folder: str, everything: bool, documents: DocumentEncoder, by_chunk: bool) -> None:
        """Raises UsageError where the tokenizer of `folder` cannot write chats. `everything`: all tokens are in the loss.

        `by_chunk`: `documents` encodes by chunks that were proved, so that its ids are those of the library.
        """
        self._tokenizer, self._everything, self._documents = ChatTokenizer.load(folder), everything, documents
        spec = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
        added = spec["added_tokens"]
        self._control = {token["content"]: int(token["id"]) for token in added}
        longest_first = sorted(self._control, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self.by_section = by_chunk and not spec.get("normalizer") and "Metaspace" not in json.dumps(
            spec.get("pre_tokenizer")
        ) and not any(
            not token["content"].strip() or token["lstrip"] or token["rstrip"] or token["single_word"] for token in added
        )  # fmt: skip

    def offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a rendering, and which characters of it (half-open) each is made of; for looking at few."""
        encoding = self._tokenizer.library.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode(self, text: str, dialect: str, loss: str | None, marks: str | None) -> Ids | Outcome:
        """The ids of a rendering, or why it is none: its spans are not of this text, or no tokens of this tokenizer."""
        if dialect not in DIALECTS:
            return Outcome(
                "chat-dialect", "errored", detail=f"metadata 'chat' is {dialect[:40]!r}, not of {[*DIALECTS]}"
            )
        number = int(marks or 0) if _MARKS.fullmatch(marks or "0") else -1
        held = text.count(NOTHINK)
        if not 0 <= number <= held:
            told = f"metadata 'chat_marks' is {(marks or '')[:40]!r}; the text holds {held} {NOTHINK}"
            return Outcome("chat-marks", "errored", detail=told)
        try:
            pieces = list(pieces_of(text, json.loads(loss or "")))
            tokens = self.sections(text, pieces, number) or self._tokenizer.encode(pieces, number)
        except (ValueError, TypeError, RecursionError):
            return Outcome("chat-loss", "errored", detail=f"metadata 'chat_loss' does not fit: {(loss or '')[:80]!r}")
        except ChatError as error:
            return Outcome(error.reason, "errored", detail=error.detail)
        return tokens.ids if self._everything else np.where(tokens.mask == 1, tokens.ids, ~tokens.ids)

    def sections(self, text: str, pieces: Sequence[Piece], marks: int) -> Tokens | None:
        """Tokens by sections between control tokens; None where this cannot serve, or anything is not as it should be."""
        if not self.by_section:
            return None
        cut = self._split.split(text)  # text and control token in turn
        found = cut[1::2]
        edges = list(accumulate(map(len, cut)))
        ends = list(accumulate(len(piece) for piece, _ in pieces))
        if not set(ends) <= set(edges) or not _FORMAT.issuperset(found) or found.count(NOTHINK) != marks * (
            NOTHINK in self._control
        ):  # fmt: skip
            return None
        parts: list[list[str | int]] = [[self._control[part] if n % 2 else part] for n, part in enumerate(cut) if part]
        arrays: list[Any] = []
        for ids in self._documents.encode(parts):
            if isinstance(ids, Outcome):
                return None
            arrays.append(ids)
        # The piece of a section: the first that ends at its end, or after it.
        held = np.array([edge for edge, part in zip(edges, cut, strict=True) if part])
        in_loss = np.array([loss for _, loss in pieces], np.uint8)[np.searchsorted(ends, held)]
        return Tokens(np.concatenate(arrays), np.repeat(in_loss, [len(ids) for ids in arrays]))
