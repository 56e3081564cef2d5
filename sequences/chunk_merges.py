"""Where no merge reaches over, read off the merges themselves.

A BPE model without a pre-tokenizer (Llama 2, Gemma) merges a text as one word. But a merge joins the last character of
one part with the first of the next, so between two characters that no merge joins nothing ever happens: what stands on
either side is merged as if it were alone.
"""

from __future__ import annotations

import re
from typing import Any

METASPACE = "\u2581"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_SPACE = f" {METASPACE}"  # a text may hold the sign that a space is written as: then it is one
_WORDS = re.compile(rf"[{_SPACE}]*[^{_SPACE}]+|[{_SPACE}]+")
_WHOLE = re.compile(rf"[\s{METASPACE}]*[^\s{METASPACE}]+|[\s{METASPACE}]+")
MOST_BEFORE_SPACE = 8  # characters that a merge joins with the space after them (Gemma: ">")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ASCII = frozenset(map(chr, range(128))) - _LETTERS - {" "}


def chunk_pattern(model: dict[str, Any], words: bool, added: bool) -> re.Pattern[str] | None:
    """What findall cuts a text by; None where words are not apart.

    `words`: the pre-tokenizer begins a word at each space; then the model does not matter. `added`: there are added
    tokens of white space, so runs of white space stay whole.
    """
    if words:
        return _WHOLE if added else _WORDS
    if model["type"] != "BPE" or not _apart(model):
        return None
    joined = _joined(model)
    before_space = {left for left, right in joined if right == METASPACE and left != METASPACE}
    if len(before_space) > MOST_BEFORE_SPACE or before_space & _LETTERS:
        return None
    after_letter = {right for left, right in joined if left in _LETTERS} & _ASCII
    letters = rf" ?[A-Za-z]+(?![A-Za-z\u0080-\U0010ffff{re.escape(''.join(sorted(after_letter)))}])"
    if added:
        white = any(right.isspace() and not left.isspace() for left, right in joined if right != METASPACE)
        return None if white else re.compile(rf"{letters}|{_but_after(before_space, _WHOLE)}")
    if before_space or any("\n" in pair and pair != ("\n", "\n") for pair in joined):
        return re.compile(rf"{letters}|{_but_after(before_space, _WORDS)}")
    return re.compile(rf"{letters}|\n+|[{_SPACE}]*[^{_SPACE}\n]+|[{_SPACE}]+")


def _but_after(before_space: set[str], pattern: re.Pattern[str]) -> str:
    """The pattern, which goes on over white space behind some characters."""
    if not before_space:
        return pattern.pattern
    word, white = pattern.pattern.split("|")
    after = re.escape("".join(sorted(before_space)))
    return rf"{word}(?:(?<=[{after}]){word})*(?:(?<=[{after}]){white})?|{white}"


def _apart(model: dict[str, Any]) -> bool:
    """Whether nothing but merges joins characters, and each of any text has its token or its bytes."""
    vocabulary = model["vocab"]
    if model.get("ignore_merges") or model.get("dropout"):
        return False
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return False
    return bool(model.get("byte_fallback")) and all(f"<0x{byte:02X}>" in vocabulary for byte in range(256))


def _joined(model: dict[str, Any]) -> set[tuple[str, str]]:
    """The pairs of characters that some merge joins."""
    pairs = set()
    for merge in model["merges"]:
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        if _BYTE.fullmatch(left) or _BYTE.fullmatch(right):  # a byte of a character stands where that does
            return {("a", METASPACE)}
        pairs.add((left[-1], right[0]))
    return pairs
