"""Rendered conversations among the documents of `pack`: their control tokens are control tokens, and they have a loss mask.

`render-chat` writes them: metadata `chat` is the dialect, `chat_loss` says which characters are in the loss. Ids and mask
are those of export-sft's layout tokens, for the same code makes both.
"""

from __future__ import annotations

import json

import numpy as np
from tokenizers import Tokenizer

from arcmill.chat import DIALECTS, ChatError
from arcmill.stage import Outcome
from sequences.chat_documents import pieces_of
from sequences.export_tokens import ChatTokenizer
from sequences.pack_encode import Ids


class ChatEncoder:
    """Token ids of rendered conversations; ~id where a token is not in the loss."""

    def __init__(self, folder: str, everything: bool) -> None:
        """Raises UsageError where the tokenizer of `folder` cannot write chats. `everything`: all tokens are in the loss."""
        self._tokenizer, self._everything = ChatTokenizer.load(folder), everything

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the library, which knows the control tokens."""
        return self._tokenizer.library

    def encode(self, text: str, dialect: str, loss: str | None, marks: str | None) -> Ids | Outcome:
        """The ids of a rendering, or why it is none: its spans are not of this text, or no tokens of this tokenizer."""
        if dialect not in DIALECTS:
            return Outcome(
                "chat-dialect", "errored", detail=f"metadata 'chat' is {dialect[:40]!r}, not of {[*DIALECTS]}"
            )
        try:
            tokens = self._tokenizer.encode(list(pieces_of(text, json.loads(loss or ""))), int(marks or 0))
        except (ValueError, TypeError, RecursionError):
            return Outcome("chat-loss", "errored", detail=f"metadata 'chat_loss' does not fit: {(loss or '')[:80]!r}")
        except ChatError as error:
            return Outcome(error.reason, "errored", detail=error.detail)
        return tokens.ids if self._everything else np.where(tokens.mask == 1, tokens.ids, ~tokens.ids)
