"""The table that turns a code point into what counts for likeness: case, accents and width folded away."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

SIZE = 0x20000  # code points above are ideographs (planes 2 and 3) or count as separators
SEPARATOR = 0
SKIP = 1
ALONE = 1 << 31  # flag: the character is a token by itself

# Scripts written without spaces between words: every character is a token, so word n-grams become character
# n-grams.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3041, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1B000, 0x1B16F),
)  # fmt: skip
# Marks that only decorate a letter, and characters without width: left out of the word they stand in.
_DECORATION = (
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x0591, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F),
    (0x0670, 0x0670), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x200B, 0x200D), (0x2060, 0x2060), (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xFEFF, 0xFEFF),
)  # fmt: skip


_DECORATIONS = frozenset(chr(code) for low, high in _DECORATION for code in range(low, high + 1))


def _fold(char: str) -> int:
    if unicodedata.category(char) in ("Cn", "Cc"):
        return SEPARATOR
    lower = char.lower()
    bare = [c for c in unicodedata.normalize("NFKD", lower) if c not in _DECORATIONS]
    # A character that comes apart into several (a ligature, a Hangul syllable) stays what it is.
    folded = bare[0] if len(bare) == 1 else (lower if len(lower) == 1 else char)
    return ord(folded) if unicodedata.category(folded)[0] in "LNM" else SEPARATOR


@cache
def fold_table() -> npt.NDArray[np.uint32]:
    """uint32[SIZE]: code point to SEPARATOR, SKIP, or its folded code point, with ALONE where it is a token."""
    table = np.zeros(SIZE, np.uint32)
    table[0x3400:0xA000] = np.arange(0x3400, 0xA000)  # ideographs, and
    table[0xAC00:0xD7A4] = np.arange(0xAC00, 0xD7A4)  # Hangul syllables, fold to themselves
    for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xD7A4, SIZE)):
        if 0xD800 <= code <= 0xF8FF:
            continue  # surrogates and private use
        table[code] = SKIP if chr(code) in _DECORATIONS else _fold(chr(code))
    words = table > SKIP
    for low, high in _UNSPACED:
        # The folded character decides: half-width katakana stand alone as full-width ones do.
        inside = words & (table >= low) & (table <= high)
        table[inside] |= np.uint32(ALONE)
    return table


@cache
def without_numbers() -> npt.NDArray[np.uint32]:
    """`fold_table` in which every digit and number sign separates words, so that a text is its words alone."""
    table = fold_table().copy()
    for code in range(SIZE):
        if table[code] > SKIP and unicodedata.category(chr(code))[0] == "N":
            table[code] = SEPARATOR
    return table
