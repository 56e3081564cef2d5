"""From a token of a document back to the characters of its text: what `arcmill why` shows.

The document is encoded again exactly as `pack` does it. A byte-level tokenizer writes each byte as one letter, so the
lengths of its tokens add up to the places of their bytes; for any other one the library's own offsets are taken. What
`format-fim` moved is put back, so that places are those of the original text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from arcmill.config import validate
from arcmill.errors import InputError
from arcmill.stage import Outcome
from sequences.fim.context import run_order
from sequences.fim.sentinels import Marks, Sentinels
from sequences.pack import Pack
from sequences.pack_encode import DocumentEncoder, Ids

Places = np.ndarray[Any, np.dtype[np.int64]]
Offsets = Callable[[str], tuple[list[int], list[tuple[int, int]]]]


class TokenPlace(NamedTuple):
    """Where a token stands in the original text of its document. `kind`: text, sentinel, control or eos.

    `bytes` and `characters` are half-open spans; characters are all those of which the token holds a byte. They are
    empty for what is not in the original text (a sentinel, the closing token).
    """

    kind: str
    bytes: tuple[int, int]
    characters: tuple[int, int]


class Encoded(NamedTuple):
    """A document as it is packed: its tokens, and the bytes of `text` that each is made of."""

    ids: Ids
    starts: Places
    ends: Places
    control: np.ndarray[Any, np.dtype[np.bool_]]  # put there as a control token, not read as text


class TokenPlaces:
    """The tokenizer of a `pack`, and its settings (the config of its manifest). Raises UsageError where it cannot serve."""

    def __init__(self, folder: str, config: Mapping[str, Any]) -> None:
        self._config = validate(Pack, dict(config), f"{folder}: the settings of pack")
        fim = self._config.fim_tokens
        self.encoder = DocumentEncoder.load(
            folder, eos=self._config.eos_token if self._config.add_eos else None,
            pad=self._config.pad_token or self._config.eos_token, fim=fim,
            needs_fim=self._config.context_fim.rate > 0,
        )  # fmt: skip
        self.names = _names(folder)
        self._widths = _widths(folder, self.names)
        self._added = [token["id"] for token in _spec(folder)["added_tokens"]]
        self._marks = Marks(Sentinels(*fim)) if len(fim) == 3 else None

    def written(self, token: int) -> str:
        """A token as the vocabulary writes it; "" for an id that is not in it."""
        return self.names.get(token, "")

    def decoded(self, token: int) -> str:
        """A token as text; bytes that are no whole character are shown as U+FFFD."""
        return str(self.encoder.tokenizer.decode([token], skip_special_tokens=False)) or self.written(token)

    def in_document(self, run: Ids, role: str, offset: int) -> Places:
        """Of each token of a segment, which token of its document it is; -1 for sentinels. Raises InputError."""
        if role not in ("psm", "spm"):
            return np.arange(offset, offset + len(run))
        found = np.full(len(run), -1)
        order = run_order(run, self.encoder.fim_ids(self._config.fim_tokens), self.encoder.eos_id)
        found[order] = np.arange(offset, offset + len(order))
        return found

    def encode(self, text: str, metadata: Mapping[str, str]) -> Encoded:
        """The tokens of a document with their bytes in `text`. Raises InputError where pack could not encode it."""
        if metadata.get("chat") is not None and text:
            return self._chat(text, metadata)
        parts = self.encoder.parts(text, fim=metadata.get("fim") is not None)
        if isinstance(parts, Outcome):
            raise InputError(f"the document cannot be encoded: {parts.rule} ({parts.detail})")
        ids: list[Ids] = []
        spans: list[tuple[Places, Places]] = []
        control: list[np.ndarray[Any, np.dtype[np.bool_]]] = []
        at = 0
        data = text.encode("utf-8")
        for part in parts:
            if isinstance(part, int):
                width = len(self.written(part).encode("utf-8"))
                if data[at : at + width] != self.written(part).encode("utf-8"):
                    width = 0  # put behind the text, not read from it
                ids.append(np.array([part], dtype=np.int32))
                spans.append((np.array([at]), np.array([at + width])))
                at += width
            else:
                found = next(iter(self.encoder.encode([[part]])))
                if isinstance(found, Outcome):
                    raise InputError(f"the document cannot be encoded: {found.rule} ({found.detail})")
                starts, ends = self._spans(part, found, self.encoder.offsets)
                ids.append(found)
                spans.append((starts + at, ends + at))
                at += len(part.encode("utf-8"))
            control.append(np.full(len(ids[-1]), isinstance(part, int)))
        starts, ends = (np.concatenate([pair[side] for pair in spans]) for side in (0, 1))
        return Encoded(np.concatenate(ids), starts, ends, np.concatenate(control))

    def _chat(self, text: str, metadata: Mapping[str, str]) -> Encoded:
        found = self.encoder.chat.encode(text, metadata["chat"], metadata.get("chat_loss"), metadata.get("chat_marks"))
        if isinstance(found, Outcome):
            raise InputError(f"the conversation cannot be encoded: {found.rule} ({found.detail})")
        ids = np.where(found < 0, ~found, found).astype(np.int32)  # ~id where a token is not in the loss
        starts, ends = self._spans(text, ids, self.encoder.chat.offsets)
        return Encoded(ids, starts, ends, np.isin(ids, self._added))

    def _spans(self, text: str, ids: Ids, offsets_in: Offsets) -> tuple[Places, Places]:
        """The bytes of each token of a piece of text."""
        size = len(text.encode("utf-8"))
        if self._widths is not None:
            ends = np.cumsum(self._widths[ids], dtype=np.int64)
            if not len(ends) or ends[-1] == size:
                return np.concatenate([[0], ends])[:-1], ends
        again, characters = offsets_in(text)
        if not np.array_equal(np.array(again, dtype=np.int32), ids):
            raise InputError("this tokenizer does not say where in the text its tokens are")
        before = np.concatenate([[0], np.cumsum([len(sign.encode("utf-8")) for sign in text], dtype=np.int64)])
        offsets = np.array(characters, dtype=np.int64).reshape(-1, 2)
        return before[offsets[:, 0]], before[offsets[:, 1]]

    def original(self, text: str, metadata: Mapping[str, str]) -> str:
        """The text of a document before format-fim; `text` itself where that was not run on it."""
        if metadata.get("fim") is None or self._marks is None:
            return text
        found = self._marks.restored(text.encode("utf-8"))
        return text if found is None else found.decode("utf-8")

    def place(self, encoded: Encoded, number: int, text: str, metadata: Mapping[str, str]) -> TokenPlace:
        """Where the document's token `number` stands in its original text."""
        start, end = int(encoded.starts[number]), int(encoded.ends[number])
        data = text.encode("utf-8")
        if start == end and encoded.control[number]:
            return TokenPlace("eos", (start, end), (len(text), len(text)))
        if metadata.get("fim") is not None and self._marks is not None:
            moved = _moved(self._marks, data, start, end)
            if moved is None:
                return TokenPlace("sentinel", (0, 0), (0, 0))
            start, end = moved
            data = self.original(text, metadata).encode("utf-8")
        kind = "control" if encoded.control[number] else "text"
        return TokenPlace(kind, (start, end), characters_of(data, start, end))


def characters_of(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The characters (half-open) of which UTF-8 bytes `start` to `end` hold a part."""
    while start > 0 and start < len(data) and data[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    first = len(data[:start].decode("utf-8"))
    return first, first + len(data[start:end].decode("utf-8"))


def _moved(marks: Marks, data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Bytes of an arranged text as bytes of the original; None for those of a sentinel."""
    before = 0
    for first, last in marks.sections(data) or [(0, len(data))]:
        if first <= start and end <= last and start < last:
            return before + start - first, before + end - first
        before += last - first
    return None


def _spec(folder: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    return spec


def _names(folder: str) -> dict[int, str]:
    spec = _spec(folder)
    vocabulary = spec["model"]["vocab"]
    if isinstance(vocabulary, list):
        names = {number: str(token) for number, (token, _) in enumerate(vocabulary)}
    else:
        names = {number: token for token, number in vocabulary.items()}
    return {**names, **{token["id"]: token["content"] for token in spec["added_tokens"]}}


def _widths(folder: str, names: Mapping[int, str]) -> Places | None:
    """Bytes of each token of a byte-level tokenizer without a normaliser; None for any other."""
    spec = _spec(folder)
    if '"ByteLevel"' not in json.dumps([spec.get("pre_tokenizer"), spec.get("decoder")]) or spec.get("normalizer"):
        return None
    widths = np.zeros(max(names, default=0) + 1, dtype=np.int64)
    added = {token["id"] for token in spec["added_tokens"]}
    for number, name in names.items():
        widths[number] = len(name.encode("utf-8")) if number in added else len(name)
    return widths
