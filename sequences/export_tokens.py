"""Rendered conversations to token ids, with a mask that says exactly which tokens are in the loss.

The text is encoded as a whole, as a server encodes a prompt, and the mask follows from where each token stands in it. A row
is refused where a span of the loss does not begin and end between two tokens, or where the tokenizer makes a control token of
what is not one of the format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from arcmill.chat import SPECIAL_TOKENS, ChatError, spans
from arcmill.chat.dialect import (
    ASSISTANT,
    CALL,
    ENDOFTEXT,
    KEY,
    NOTHINK,
    OBSERVATION,
    RESPONSE,
    SYSTEM,
    THINK,
    UNCALL,
    UNKEY,
    UNRESPONSE,
    UNTHINK,
    UNVALUE,
    USER,
    VALUE,
)
from arcmill.chat.render import Piece
from arcmill.errors import UsageError
from arcmill.records import Message, ToolCall
from sequences.tokenizer_checks import holds, missing_bytes, structure
from sequences.tokenizer_spec import control_tokens

Ids = np.ndarray[Any, np.dtype[np.int32]]
Mask = np.ndarray[Any, np.dtype[np.uint8]]

IGNORED = -100  # in labels: not in the loss (PyTorch's cross_entropy)
NEEDED = (
    "[gMASK]", "<sop>", SYSTEM, USER, ASSISTANT, OBSERVATION, ENDOFTEXT, THINK, UNTHINK, CALL, UNCALL, KEY, UNKEY, VALUE,
    UNVALUE, RESPONSE, UNRESPONSE,
)  # fmt: skip
_FORMAT = re.compile("|".join(map(re.escape, (*SPECIAL_TOKENS, NOTHINK))))


class Tokens(NamedTuple):
    """A row in tokens. `mask` is 1 where a token is in the loss."""

    ids: Ids
    mask: Mask

    def labels(self) -> Ids:
        """The ids, and -100 where a token is not in the loss."""
        return np.where(self.mask == 1, self.ids, np.int32(IGNORED)).astype(np.int32)


class ChatTokenizer:
    """A tokenizer that knows the control tokens of the chat formats. Use `load`."""

    def __init__(
        self, tokenizer: Tokenizer, control: dict[str, int], unknown: int | None, missing: bytes = b""
    ) -> None:
        self._tokenizer, self._control, self._unknown, self._missing = tokenizer, control, unknown, missing
        self._names = {number: token for token, number in control.items()}
        self._is_control = np.zeros(max(tokenizer.get_vocab_size(), *control.values()) + 1, dtype=np.bool_)
        self._is_control[list(control.values())] = True

    @classmethod
    def load(cls, folder: str) -> ChatTokenizer:
        """Read `folder`/tokenizer.json. Raises UsageError where chats cannot be written with it, or not without loss."""
        path = Path(folder) / "tokenizer.json"
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            # What else it would do to a text that is complete: begin tokens, padding, a cut, offsets without spaces.
            bare = {**spec, "post_processor": None, "truncation": None, "padding": None}
            tokenizer = Tokenizer.from_str(json.dumps(bare))
            control = control_tokens(spec, NEEDED)
        except FileNotFoundError:
            raise UsageError(
                f"input tokenizer={folder}: it holds no tokenizer.json; give the output of train-tokenizer, "
                "or a folder with the tokenizer.json of a model"
            ) from None
        except Exception as error:  # the library raises bare Exception for what it cannot read
            raise UsageError(f"{path}: not a tokenizer.json ({error})") from None
        if missing := [token for token in NEEDED if token not in control]:
            raise UsageError(
                f"{path}: the control tokens {' '.join(missing)} of the chat formats are not among its own"
            )
        if problems := structure(spec):
            raise UsageError(f"{path}: cannot be used: {'; '.join(problems[:3])}")
        made = cls(tokenizer, control, tokenizer.token_to_id(spec["model"].get("unk_token") or ""), missing_bytes(spec))
        made._prove(path)
        return made

    @property
    def library(self) -> Tokenizer:
        """The library's own tokenizer."""
        return self._tokenizer

    def _prove(self, path: Path) -> None:
        """A tokenizer that changes the text, or whose tokens reach over control tokens, would teach something else."""
        call = ToolCall("", "f", '{"a": " x\\n", "b": [1, "é"]}')
        chat = [
            Message("system", "  Zürich\t→ 日本 🎈"), Message("user", " a  b\n\n"), Message("assistant", " c", "d \n e", [call]),
            Message("tool", " r\n"), Message("assistant", "e\u0301 ok  1234"),
        ]  # fmt: skip
        tools = ['{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}']
        for dialect in ("glm45", "glm47"):
            pieces = spans(chat, tools, dialect)
            text = "".join(piece for piece, _ in pieces)
            try:
                back = self._tokenizer.decode(self.encode(pieces).ids.tolist(), skip_special_tokens=False)
            except ChatError as error:
                raise UsageError(f"{path}: chats cannot be written with it ({error})") from None
            if back != text:
                place = next((n for n, (a, b) in enumerate(zip(back, text, strict=False)) if a != b), len(back))
                raise UsageError(
                    f"{path}: text does not come back from its tokens: {text[max(0, place - 10) : place + 10]!r} "
                    f"became {back[max(0, place - 10) : place + 10]!r}"
                )

    def encode(self, pieces: Sequence[Piece], marks: int = 0) -> Tokens:
        """The tokens of a rendering in which `marks` messages are marked with /nothink.

        Raises ChatError: special-token, unknown-token, token-boundary.
        """
        text = "".join(piece for piece, _ in pieces)
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoded.ids, dtype=np.int32)
        self._check_control(text, ids, marks)
        if holds(text, self._missing) or (self._unknown is not None and bool((ids == self._unknown).any())):
            raise ChatError("unknown-token", "a part of the text is not in the tokenizer's vocabulary")
        offsets = np.array(encoded.offsets, dtype=np.int64).reshape(-1, 2)
        starts, ends = offsets[:, 0], offsets[:, 1]
        mask = np.zeros(len(ids), dtype=np.uint8)
        place = 0
        for piece, loss in pieces:
            begin, place = place, place + len(piece)
            first, last = (int(np.searchsorted(starts, where)) for where in (begin, place))
            # The tokens from first to last are this piece's if they begin and end where it does.
            sound = first < last and starts[first] == begin and ends[last - 1] == place
            if not sound:
                raise ChatError("token-boundary", f"a token reaches over the edge of {piece[:20]!r}…{piece[-20:]!r}")
            if loss:
                mask[first:last] = 1
        return Tokens(ids, mask)

    def _check_control(self, text: str, ids: Ids, marks: int) -> None:
        """The control tokens of a row are those of the format, each one token, and no others."""
        found = [self._names[int(number)] for number in ids[self._is_control[ids]]]
        wanted = [match for match in _FORMAT.findall(text) if match in self._control]
        if found != wanted:
            extra = next(
                (a for a, b in zip(found, [*wanted, *found], strict=False) if a != b), "another number of them"
            )
            raise ChatError("special-token", f"the tokenizer makes a control token of text: {extra}")
        if NOTHINK in self._control and found.count(NOTHINK) != marks:
            raise ChatError("special-token", f"a text holds {NOTHINK}, which is a control token of the tokenizer")
