"""Text cut into chunks at places where no token reaches over, so that each distinct chunk is encoded once.

A pre-tokenizer costs far more than the merges behind it, and most of a text is words that came before. Where a text
may be cut depends on the tokenizer: `chunk_plans` says it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer, normalizers

from sequences.chunk_merges import METASPACE
from sequences.chunk_plans import LETTERS, Plan

FEWEST_SPACES = 16  # a text with fewer than one space in so many characters (CJK) has few chunks that come again
LONGEST_KNOWN = 64  # characters of a chunk that is remembered
KNOWN = 2 << 20  # characters of the chunks that are remembered, each with 16 for what it costs anyway
# Where more of so many chunks are new (Korean, short texts of many languages), texts are encoded whole, as the library
# would: one by one chunks cost more. Every fourth such call learns them all the same, since a corpus may repeat them later.
MANY, MOST_NEW, LEARNT = 4096, 0.4, 4
_NFC = normalizers.NFC()


def repeats(text: str) -> bool:
    """Whether it is worth while to cut a text into chunks."""
    return text.count(" ") * FEWEST_SPACES >= len(text)


def chunks(text: str, cut: re.Pattern[str] = LETTERS) -> list[str]:
    """The chunks of a text, by default for tokenizers that split as `SPLIT` does; joined they are the text."""
    return cut.findall(text)


def prefixed(text: str, plan: Plan) -> str:
    """A text as the tokenizer would begin it, where `plan.spec` no longer does so."""
    if not plan.prefix or not text or (plan.prefix == "unless" and text[0] in (" ", METASPACE)):
        return text
    return " " + text


class ChunkEncoder:
    """Token ids by chunk, and the ids of late remembered. The tokenizer is that of `plan.spec`."""

    def __init__(self, tokenizer: Tokenizer, plan: Plan | None = None) -> None:
        self._tokenizer = tokenizer
        self._findall = (plan.cut if plan else LETTERS).findall
        self._nfc = plan is not None and plan.nfc
        self._known: dict[str, tuple[int, ...]] = {}
        self._held = self._strange = 0

    def forget(self) -> None:
        """Remember nothing, as at the beginning."""
        self._known.clear()
        self._held = self._strange = 0

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, as the tokenizer gives them. Raises what the library raises."""
        if self._held > KNOWN:
            self.forget()
        if self._nfc:
            texts = [text if text.isascii() else _NFC.normalize_str(text) for text in texts]
        known = self._known
        cut = [self._findall(text) if repeats(text) else [text] for text in texts]
        new = [chunk for chunk in dict.fromkeys(chain.from_iterable(cut)) if chunk not in known]
        if len(new) > MOST_NEW * max(MANY, sum(map(len, cut))):
            self._strange += 1
            if self._strange % LEARNT:
                return [each.ids for each in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        encodings = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
        for chunk, encoding in zip(new, encodings, strict=True):
            known[chunk] = tuple(encoding.ids)
        ids = [list(chain.from_iterable(map(known.__getitem__, parts))) for parts in cut]
        for chunk in new:
            if len(chunk) > LONGEST_KNOWN:
                del known[chunk]
            else:
                self._held += len(chunk) + 16
        return ids
