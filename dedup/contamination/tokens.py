"""Tokens of a text as they count for contamination, straight from its UTF-8 bytes.

A token is a run of letters and digits, folded by `dedup.folding` (case, accents, width); in scripts without spaces it
is one character. What wrapping and markup change is taken back: a hyphen between letters joins them, also at the end
of a line; HTML tags, character references, targets of Markdown links, LaTeX spacing and JSON escapes are no words.
Benchmarks and documents are read by the same code, so what it mistakes for markup it mistakes on both sides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.contamination.markup import names
from dedup.folding import ALONE, SIZE, SKIP, fold_table
from dedup.shingles import mix64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S32 = np.uint64(32)
_ALONE = np.uint32(ALONE)
_257 = np.uint64(257)
_SPACE = np.uint32(32)
_TAG, _LINK, _REFERENCE = 1024, 2048, 32  # bytes that a tag, a link's target and a reference have at most


class Tokens(NamedTuple):
    """Tokens of one text or of several, one after another. `chars[bounds[i]:bounds[i + 1]]` is token i, folded."""

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]  # first byte of the token in the data
    ends: npt.NDArray[np.int64]  # byte after its last
    chars: npt.NDArray[np.uint32]
    bounds: npt.NDArray[np.int64]


@njit(cache=True, inline="always")
def _alpha(byte):  # type: ignore[no-untyped-def]
    return (97 <= byte <= 122) or (65 <= byte <= 90)


@njit(cache=True, inline="always")
def _digit(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57


@njit(cache=True)
def _within(table, value):  # type: ignore[no-untyped-def]
    at = np.searchsorted(table, value)
    return at if at < table.size and table[at] == value else -1


@njit(cache=True)
def _hex(byte):  # type: ignore[no-untyped-def]
    if _digit(byte):
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    if 65 <= byte <= 70:
        return byte - 55
    return -1


@njit(cache=True)
def _decode(data, at, end):  # type: ignore[no-untyped-def]
    """(code point, bytes); the data is UTF-8, but a cut or wrong sequence must not lead past its end."""
    byte = np.uint32(data[at])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        if at + 1 >= end:
            return _SPACE, 1
        return ((byte & np.uint32(0x1F)) << np.uint32(6)) | (np.uint32(data[at + 1]) & np.uint32(0x3F)), 2
    if byte < 0xF0:
        if at + 2 >= end:
            return _SPACE, 1
        return (
            ((byte & np.uint32(0x0F)) << np.uint32(12))
            | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(6))
            | (np.uint32(data[at + 2]) & np.uint32(0x3F))
        ), 3
    if at + 3 >= end:
        return _SPACE, 1
    return (
        ((byte & np.uint32(0x07)) << np.uint32(18))
        | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(12))
        | ((np.uint32(data[at + 2]) & np.uint32(0x3F)) << np.uint32(6))
        | (np.uint32(data[at + 3]) & np.uint32(0x3F))
    ), 4


@njit(cache=True)
def _tag(data, at, end, block, inline):  # type: ignore[no-untyped-def]
    """(byte after the HTML tag that begins at `at`, whether it stands inside words), or (-1, False)."""
    stop = min(end, at + _TAG)
    j = at + 1
    if j < end and data[j] == 47:
        j += 1
    name = np.uint64(0)
    first = j
    while j < stop and j - first < 12 and (_alpha(data[j]) or _digit(data[j])):
        byte = data[j]
        name = name * _257 + np.uint64(byte + 32 if 65 <= byte <= 90 else byte)
        j += 1
    if j == first or j >= stop or not (data[j] == 62 or data[j] == 47 or data[j] <= 32):
        return -1, False
    inside = _within(inline, name) >= 0
    if not inside and _within(block, name) < 0:
        return -1, False
    while j < stop and data[j] != 62:
        # Another tag, or an empty line, begins: what looked like a tag was none, and its text counts.
        if data[j] == 60 or (data[j] == 10 and data[j - 1] == 10):
            return -1, False
        j += 1
    return (j + 1, inside) if j < stop else (-1, False)


@njit(cache=True)
def _reference(data, at, end, references, codes):  # type: ignore[no-untyped-def]
    """(byte after the character reference at `at`, its code point), or (-1, 0)."""
    stop = min(end, at + _REFERENCE)
    j = at + 1
    code = np.uint32(0)
    if j < stop and data[j] == 35:
        j += 1
        base = 10
        if j < stop and (data[j] == 120 or data[j] == 88):
            base = 16
            j += 1
        first = j
        value = 0
        while j < stop and j - first < 7:
            digit = _hex(data[j])
            if digit < 0 or digit >= base:
                break
            value = value * base + digit
            j += 1
        if j == first or j >= stop or data[j] != 59 or value > 0x10FFFF:
            return -1, code
        return j + 1, np.uint32(value)
    name = np.uint64(0)
    first = j
    while j < stop and (_alpha(data[j]) or _digit(data[j])):
        name = name * _257 + np.uint64(data[j])
        j += 1
    if j == first or j >= stop or data[j] != 59:
        return -1, code
    found = _within(references, name)
    return (j + 1, codes[found]) if found >= 0 else (-1, code)


@njit(cache=True)
def _backslash(data, at, end, latex):  # type: ignore[no-untyped-def]
    """(byte after a LaTeX command without words or a JSON escape at `at`, code point it stands for), or (-1, 0)."""
    j = at + 1
    if j + 4 < end and data[j] == 117:  # \uXXXX
        value = 0
        for k in range(1, 5):
            digit = _hex(data[j + k])
            if digit < 0:
                value = -1
                break
            value = value * 16 + digit
        if value >= 0:
            return j + 5, np.uint32(value)
    name = np.uint64(0)
    first = j
    while j < end and j - first < 16 and _alpha(data[j]):
        name = name * _257 + np.uint64(data[j])
        j += 1
    if j > first and _within(latex, name) >= 0:
        return j, _SPACE
    byte = data[first] if first < end else 0
    if (byte == 110 or byte == 116 or byte == 114) and (first + 1 >= end or not (97 <= data[first + 1] <= 122)):
        return first + 1, _SPACE  # \n, \t, \r as JSON writes them; \nu and \tan are LaTeX
    return -1, _SPACE


@njit(cache=True)
def _joined(data, at, end, table):  # type: ignore[no-untyped-def]
    """Where the word goes on after a hyphen that ends at `at`: two letters, perhaps on the next line; or -1."""
    j = at
    lines = 0
    while j < end and lines < 2 and (data[j] == 32 or data[j] == 9 or data[j] == 13 or data[j] == 10):
        lines += data[j] == 10
        j += 1
    if lines > 1 or (lines == 0 and j > at):
        return -1
    k = j
    for _ in range(2):
        if k >= end:
            return -1
        code, step = _decode(data, k, end)
        folded = table[code] if code < SIZE else np.uint32(0)
        if folded <= SKIP or folded >= _ALONE or (48 <= folded <= 57):
            return -1
        k += step
    return j


@njit(cache=True)
def tokenise(  # type: ignore[no-untyped-def]
    data, at, end, table, block, inline, latex, references, codes, hashes, starts, ends, chars, bounds, count, used
):
    """Append the tokens of data[at:end]; `count` tokens and `used` chars are there already. Returns both."""
    word = np.uint64(0)
    length = 0  # characters of the word so far
    letters = 0  # of them, letters at its end
    begin, last = at, at
    expanded = np.zeros(3, np.uint32)
    while at <= end:
        folded = np.uint32(0)
        here, after = at, at + 1
        extra = 0
        if at < end:
            code, step = _decode(data, at, end)
            after = at + step
            if code < 128:
                if code == 60:
                    close, inside = _tag(data, at, end, block, inline)
                    if close >= 0:
                        if inside:
                            at = close
                            continue
                        code, after = _SPACE, close
                elif code == 38:
                    close, named = _reference(data, at, end, references, codes)
                    if close >= 0:
                        code, after = named, close
                elif code == 92:
                    close, named = _backslash(data, at, end, latex)
                    if close >= 0:
                        code, after = named, close
                elif code == 93 and after < end and data[after] == 40:  # ](target)
                    j = after + 1
                    stop = min(end, j + _LINK)
                    while j < stop and data[j] != 41 and data[j] != 93 and data[j] > 32:
                        j += 1
                    if j < stop and data[j] == 41:
                        after = j + 1
            # Hyphens: ASCII, U+2010, U+2011, and the soft one, which a line may end with.
            if letters >= 2 and (code == 45 or code == 0x2010 or code == 0x2011 or code == 0xAD):
                on = _joined(data, after, end, table)
                if on >= 0:
                    at = on
                    continue
            if code < SIZE:
                folded = table[code]
                if 0xFB00 <= code <= 0xFB06:  # ligatures of Latin letters, as PDF text has them
                    expanded[0] = np.uint32(115 if code >= 0xFB05 else 102)
                    expanded[1] = np.uint32(116 if code >= 0xFB05 else (105 if code == 0xFB01 else 108))
                    extra = 1
                    if code == 0xFB00 or code == 0xFB03 or code == 0xFB04:
                        expanded[1] = np.uint32(102)
                    if code == 0xFB03 or code == 0xFB04:
                        expanded[2] = np.uint32(105 if code == 0xFB03 else 108)
                        extra = 2
                    folded = expanded[0]
            else:
                folded = (code | _ALONE) if code < 0x40000 else np.uint32(0)
        at = after
        if folded == SKIP:
            continue
        if folded != 0 and folded < _ALONE:
            if length == 0:
                begin = here
            for i in range(extra + 1):
                value = expanded[i] if extra else folded
                word = (word ^ np.uint64(value)) * _GOLDEN
                word ^= word >> _S32
                chars[used] = value
                used += 1
                length += 1
            letters = 0 if 48 <= folded <= 57 else letters + 1 + extra
            last = after
            continue
        if length:
            hashes[count] = mix64(word)
            starts[count], ends[count] = begin, last
            count += 1
            bounds[count] = used
            word = np.uint64(0)
            length = letters = 0
        if folded >= _ALONE:
            hashes[count] = mix64(np.uint64(folded) * _GOLDEN)
            starts[count], ends[count] = here, after
            chars[used] = folded
            used += 1
            count += 1
            bounds[count] = used
    return count, used


@njit(cache=True)
def _tokenise_all(  # type: ignore[no-untyped-def]
    data, offsets, table, block, inline, latex, references, codes, hashes, starts, ends, chars, bounds, firsts
):
    count, used = 0, 0
    bounds[0] = 0
    for text in range(offsets.size - 1):
        firsts[text] = count
        count, used = tokenise(
            data, offsets[text], offsets[text + 1], table, block, inline, latex, references, codes,
            hashes, starts, ends, chars, bounds, count, used,
        )  # fmt: skip
    firsts[offsets.size - 1] = count
    return count, used


def tokenise_texts(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> tuple[Tokens, npt.NDArray[np.int64]]:
    """The tokens of consecutive texts, and the first token of each (one more: the number of tokens)."""
    size = int(offsets[-1] - offsets[0]) + 1  # a token takes a byte at least, a character too
    rows = offsets.size - 1
    hashes, starts, ends = np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64)
    chars, bounds, firsts = np.empty(size, np.uint32), np.empty(size + 1, np.int64), np.empty(rows + 1, np.int64)
    count, used = _tokenise_all(
        data, offsets, fold_table(), *names(), hashes, starts, ends, chars, bounds, firsts
    )  # fmt: skip
    tokens = Tokens(hashes[:count], starts[:count], ends[:count], chars[:used], bounds[: count + 1])
    return tokens, firsts
