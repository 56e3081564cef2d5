"""Document text to token ids, by the tokenizers library, on one thread and in bounded memory.

Three traps of the library are closed here. A control token that merely occurs in a page ("<|endoftext|>",
"<think>") would be encoded as the control token: documents are encoded by a copy of the tokenizer that knows
none. Truncation, padding and a template stored in tokenizer.json would apply: they are taken off. And it
needs over 100 bytes a token, so long texts are encoded in pieces, cut where the pre-tokenizer cuts anyway.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from arcmill.errors import UsageError
from arcmill.stage import Outcome
from sequences.chunk_plans import Plan, plan_for
from sequences.chunks import ChunkEncoder, prefixed
from sequences.fim.context import continuing
from sequences.tokenizer_checks import holds, missing_bytes, prove
from sequences.tokenizer_spec import all_tokens, control_tokens, unknown_ids, without_control_tokens

if TYPE_CHECKING:
    from sequences.pack_chat import ChatEncoder

Ids = np.ndarray[Any, np.dtype[np.int32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Parts = list[str | int]  # text to encode, and ids of control tokens between

PIECE = 1 << 17  # characters of the longest text that is encoded at once
GROUP = 1 << 18  # characters of the texts that are encoded in one call
_LINE = re.compile(r"\n(?=\S)")
_WORD = re.compile(r"(?<=[^\W_])(?= [^\W_])")
_LETTER = re.compile(r"(?<=[A-Za-z])(?= [A-Za-z])")
# Of a tokenizer without a plan: any that is known begins a word at a space between letters of ASCII; GPT-2's pattern
# sees two line feeds before a word as two, and as one where the text ends there.
_ANY = (_LETTER, re.compile(r"(?<=\S)\n(?=\S)"), _WORD, _LINE)


class Begun(str):
    """A text before which the tokenizer puts a space: where a document, or what follows a control token, begins."""


class DocumentEncoder:
    """A tokenizer for document text; plain data of the config goes in, token ids come out. Use `load`."""

    def __init__(
        self, plain: Tokenizer, size: int, forbidden: Collection[int], eos_id: int | None, pad_id: int,
        fim: dict[str, int], continuing: Flags, plan: Plan | None = None, missing: bytes = b"",
    ) -> None:  # fmt: skip
        self.eos_id, self.pad_id, self.continuing = eos_id, pad_id, continuing
        self._plain, self._fim, self._plan = plain, fim, plan
        self._chat: tuple[str, bool] | ChatEncoder = ("", False)
        self._missing = missing
        self._composing: Tokenizer | None = None
        self._chunked = ChunkEncoder(plain, plan) if plan else None
        self._fim_split = re.compile("(" + "|".join(map(re.escape, fim)) + ")") if fim else None
        self._forbidden = np.zeros(size, dtype=np.bool_)
        self._forbidden[list(forbidden)] = True
        self._separable = plan is not None or self._is_separable()

    @classmethod
    def load(
        cls,
        folder: str,
        *,
        eos: str | None,
        pad: str,
        fim: Sequence[str],
        needs_fim: bool = False,
        chat_in_loss: bool = False,
    ) -> DocumentEncoder:
        """Read `folder`/tokenizer.json. `eos` None: documents are not closed. Raises UsageError.

        `needs_fim`: it must know the `fim` tokens, and `continuing` tells which tokens begin inside a character.
        `chat_in_loss`: all tokens of conversations are in the loss.
        """
        path = Path(folder) / "tokenizer.json"
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            named = {token for token in (eos, pad, *fim) if token is not None}
            bare = without_control_tokens(spec, named)
            plan = plan_for(bare)
            plain, tokens = Tokenizer.from_str(json.dumps(plan.spec if plan else bare)), all_tokens(spec)
        except FileNotFoundError:
            raise UsageError(
                f"input tokenizer={folder}: it holds no tokenizer.json; give the output of train-tokenizer, "
                "or a folder with the tokenizer.json of a model"
            ) from None
        except Exception as error:  # the library raises bare Exception for what it cannot read
            raise UsageError(f"{path}: not a tokenizer.json ({error})") from None
        eos_id = None if eos is None else _token_id(tokens, "eos_token", eos, path)
        pad_id = _token_id(tokens, "pad_token", pad, path)
        if needs_fim:
            for token in fim:
                _token_id(tokens, "fim_tokens", token, path)
        known = {token: tokens[token] for token in fim if token in tokens}
        byte_level = '"ByteLevel"' in json.dumps([spec.get("pre_tokenizer"), spec.get("decoder")])
        inside = continuing(tokens, byte_level) if needs_fim else np.zeros(0, dtype=np.bool_)
        forbidden = {*control_tokens(spec, named).values(), *unknown_ids(spec)}
        made = cls(
            plain, max(tokens.values(), default=0) + 1, forbidden, eos_id, pad_id,
            known if len(known) == len(fim) else {}, inside, plan, missing_bytes(spec),
        )  # fmt: skip
        made._chat = folder, chat_in_loss
        prove(path, spec, made._round_trip)
        return made

    @property
    def chat(self) -> ChatEncoder:
        """The encoder of conversations, made when the first comes. Raises UsageError where the tokenizer cannot write them."""
        if isinstance(self._chat, tuple):
            from sequences.pack_chat import ChatEncoder

            self._chat = ChatEncoder(*self._chat, self, self._plan is not None)
        return self._chat

    def forget(self) -> None:
        """Drop the ids that are remembered by chunk: what is timed twice is else not encoded twice."""
        if self._chunked is not None:
            self._chunked.forget()

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer for ordinary text: it knows no control token."""
        return self._plain

    def _round_trip(self, text: str) -> str | None:
        """What a document's tokens decode to; None where it is errored."""
        parts = self.parts(text)
        ids = parts if isinstance(parts, Outcome) else next(self.encode([parts]))
        if isinstance(ids, Outcome):
            return None
        return self._plain.decode(ids[: len(ids) - (self.eos_id is not None)].tolist(), skip_special_tokens=False)

    def fim_ids(self, tokens: Sequence[str]) -> tuple[int, int, int]:
        """The ids of three `fim` tokens that were loaded."""
        prefix, suffix, middle = (self._fim[token] for token in tokens)
        return prefix, suffix, middle

    def _is_separable(self) -> bool:
        """Whether text may be encoded in pieces: not where a prefix is added or a normaliser acts."""
        for left, right in (("a b\n", "c d"), ("word", " next"), ("\u65e5", "\u672c"), ("e", "\u0301")):
            found = list(self._encode_pieces([left, right]))
            ids = [number for ids in found if not isinstance(ids, Outcome) for number in ids]
            if self._plain.decode(ids, skip_special_tokens=False) != left + right:
                return False
        return True

    def parts(self, text: str, *, fim: bool = False) -> Parts | Outcome:
        """What `encode` takes for a document. With `fim` the FIM tokens in the text are control tokens."""
        if self._missing and holds(text, self._missing):
            return Outcome("lost_bytes", "errored", detail="the tokenizer has no token for a byte of the text")
        if not fim:
            return self._closed(list(self._cut(text)))
        if self._fim_split is None:
            return Outcome("fim_tokens", "errored", detail="the tokenizer has no such control tokens")
        parts: Parts = []
        for number, part in enumerate(self._fim_split.split(text)):
            parts += [self._fim[part]] if number % 2 else list(self._cut(part))
        found = [part for part in parts if isinstance(part, int)]
        if sorted(found) != sorted(self._fim.values()):
            detail = f"needs each of {' '.join(self._fim)} exactly once"
            return Outcome("fim_tokens", "errored", detail=detail)
        return self._closed(parts)

    def _closed(self, parts: Parts) -> Parts:
        return parts if self.eos_id is None else [*parts, self.eos_id]

    def _cut(self, text: str) -> Iterator[str]:
        begun = bool(self._plan and self._plan.prefix)
        patterns = _ANY if self._plan is None else (_LINE, _WORD) if self._plan.lines else (_WORD,)
        start = 0
        while self._separable and len(text) - start > PIECE:
            end = _boundary(text, start + PIECE // 2, start + PIECE, patterns)
            yield Begun(text[:end]) if begun and not start else text[start:end]
            start = end
        if start < len(text):
            yield text[start:] if start else Begun(text) if begun else text

    def offsets(self, part: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text of `parts`, and which characters of it (half-open) each is made of; for looking at few."""
        if self._plan is None or not self._plan.nfc:
            text = self._begun(part)
            encoding = self._plain.encode(text, add_special_tokens=False)
            put = len(text) - len(part)
            return encoding.ids, [(max(start - put, 0), max(end - put, 0)) for start, end in encoding.offsets]
        if self._composing is None:  # offsets in what was composed would be places of another text
            spec = {**self._plan.spec, "normalizer": {"type": "NFC"}}
            self._composing = Tokenizer.from_str(json.dumps(spec))
        encoding = self._composing.encode(part, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def _begun(self, part: str) -> str:
        return prefixed(part, self._plan) if self._plan and isinstance(part, Begun) else part

    def encode(self, documents: Sequence[Parts]) -> Iterator[Ids | Outcome]:
        """Token ids of each document, or why it has none, in order."""
        pieces = [part for parts in documents for part in parts if isinstance(part, str)]
        encoded = self._encode_pieces(pieces)
        for parts in documents:
            arrays: list[Ids] = []
            flat: list[int] = []
            trouble: Outcome | None = None
            for part in parts:
                ids = [part] if isinstance(part, int) else next(encoded)
                if isinstance(ids, Outcome):
                    trouble = trouble or ids
                    continue
                flat += ids
                if len(flat) > GROUP:  # a list takes nine times the room of an array
                    arrays.append(np.array(flat, dtype=np.int32))
                    flat = []
            arrays.append(np.array(flat, dtype=np.int32))
            whole = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            yield trouble or self._checked(whole, [part for part in parts if isinstance(part, int)])

    def _checked(self, ids: Ids, control: Sequence[int]) -> Ids | Outcome:
        allowed = int(np.count_nonzero(self._forbidden[list(control)])) if control else 0
        found = self._forbidden[ids]
        if np.count_nonzero(found) == allowed:
            return ids
        first = next((int(number) for number in ids[found] if number not in control), int(ids[found][0]))
        detail = f"a part of the text became the control or unknown token {self._plain.id_to_token(first)!r}"
        return Outcome("control_token", "errored", detail=detail)

    def _encode_pieces(self, pieces: Sequence[str]) -> Iterator[list[int] | Outcome]:
        first = size = 0
        for number, piece in enumerate(pieces):
            if number > first and size + len(piece) > GROUP:
                yield from self._encode_group(pieces[first:number])
                first, size = number, 0
            size += len(piece)
        yield from self._encode_group(pieces[first:])

    def _encode_group(self, pieces: Sequence[str]) -> Iterator[list[int] | Outcome]:
        encoded: Iterable[list[int]]
        try:
            with _one_thread():
                if self._chunked is not None:
                    encoded = self._chunked.encode([self._begun(piece) for piece in pieces])
                else:
                    encodings = self._plain.encode_batch_fast(pieces, add_special_tokens=False)
                    encoded = (encoding.ids for encoding in encodings)
        except Exception as error:  # the library raises bare Exception; find the piece that it is about
            if len(pieces) == 1:
                yield Outcome("cannot_tokenize", "errored", detail=f"{type(error).__name__}: {error}"[:200])
                return
            for piece in pieces:
                yield from self._encode_group([piece])
            return
        yield from encoded


def _boundary(text: str, low: int, high: int, patterns: Sequence[re.Pattern[str]]) -> int:
    """The last place in (low, high] where the tokenizer cuts anyway: a line, else a word."""
    for pattern in patterns:
        found = [match.end() for match in pattern.finditer(text, low, high)]
        if found:
            return found[-1]
    return high  # a blob or CJK without a space: bytes are kept, one merge at most is lost


def _token_id(tokens: dict[str, int], setting: str, token: str, path: Path) -> int:
    if token not in tokens:
        raise UsageError(
            f"pack: {setting} {token!r} is not a token of {path}; set {setting} to one that is{_hint(path)}"
        )
    return tokens[token]


def _hint(path: Path) -> str:
    """What is said beside the tokenizer about the token that closes documents."""
    try:
        eos = json.loads((path.parent / "tokenizer_config.json").read_text(encoding="utf-8")).get("eos_token")
    except (OSError, ValueError, AttributeError):
        return ""
    name = eos.get("content") if isinstance(eos, dict) else eos
    return f" (its tokenizer_config.json names {name!r} as eos_token)" if name else ""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Workers are processes: threads would take the cores of others. The library asks at every call."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
