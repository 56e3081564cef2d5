"""Text cut into chunks at places where the pre-tokenizer cuts anyway, so that each distinct chunk is read once.

A pre-tokenizer costs far more than the merges behind it, and most of a text is words that came before. Chunks hold
for `SPLIT` (and `SPLIT_ONE`) alone: there a word never reaches over a space after a character that is no white
space, nor from an ASCII letter to another ASCII character, nor from a line feed to what is no white space; and no
word is chosen by what stands before it. Tests hold the chunks to the library's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

from tokenizers import Tokenizer

# As cl100k, Llama 3 and GLM-4.5: contractions, letters with one leading mark, up to three digits, marks, white space.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLIT_ONE = SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")  # as Qwen: each digit on its own
CHUNK = re.compile(
    r" ?[A-Za-z]+(?![A-Za-z\u0080-\U0010ffff])"
    r"|\s*\n(?=\S)"
    r"|\s*\S+(?:[^\S ]\s*(?<!\n)\S+)*(?:[^\S ]\s*)?"
    r"|\s+"
)
FEWEST_SPACES = 16  # a text with fewer than one space in so many characters (CJK) has few chunks that come again
LONGEST_KNOWN = 64  # characters of a chunk that is remembered
KNOWN = 2 << 20  # characters of the chunks that are remembered, each with 16 for what it costs anyway


def repeats(text: str) -> bool:
    """Whether it is worth while to cut a text into chunks."""
    return text.count(" ") * FEWEST_SPACES >= len(text)


def chunks(text: str) -> list[str]:
    """The chunks of a text; joined they are the text."""
    return CHUNK.findall(text)


def holds_for(spec: dict[str, Any]) -> bool:
    """Whether a tokenizer.json splits as `SPLIT` does, and neither normalises nor looks for added tokens."""
    steps = (spec.get("pre_tokenizer") or {}).get("pretokenizers") or []
    if spec.get("normalizer") or spec.get("added_tokens") or len(steps) != 2:
        return False
    split, to_bytes = steps
    return (
        split.get("type") == "Split" and split["pattern"].get("Regex") in (SPLIT, SPLIT_ONE)
        and split["behavior"] == "Isolated" and not split["invert"]
        and to_bytes.get("type") == "ByteLevel" and not to_bytes["add_prefix_space"]
        and to_bytes.get("use_regex") is False
    )  # fmt: skip


class ChunkEncoder:
    """Token ids by chunk, and the ids of late remembered."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, tuple[int, ...]] = {}
        self._held = 0

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, as the tokenizer gives them. Raises what the library raises."""
        if self._held > KNOWN:
            self._known.clear()
            self._held = 0
        known = self._known
        cut = [chunks(text) if repeats(text) else [text] for text in texts]
        new = [chunk for chunk in dict.fromkeys(chain.from_iterable(cut)) if chunk not in known]
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
