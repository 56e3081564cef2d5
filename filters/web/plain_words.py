"""Compiled splitting of English chunks: spaCy's rules for ASCII, and for curly quotes, dashes and Latin letters.

Nine of ten new chunks are split here, without a regular expression; `filters.web.tokenizer` has the rules themselves,
and splits the rest. The tests hold both against spaCy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.web.byte_table import contains

Array = np.ndarray[Any, Any]

MOST_WORDS = 24  # of a chunk that is split here

# Classes of characters, by their bytes.
LETTER, DIGIT, OTHER = 1, 2, 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def character(data: Array, i: int, end: int) -> tuple[int, int]:
    """Class of the character at `i`, and its bytes: letters are those of ASCII, Latin-1 and Latin Extended-A."""
    byte = data[i]
    if 0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A:
        return LETTER, 1
    if 0x30 <= byte <= 0x39:
        return DIGIT, 1
    if i + 1 < end:
        if byte == 0xC3 and data[i + 1] != 0x97 and data[i + 1] != 0xB7:
            return LETTER, 2
        if byte == 0xC4 or byte == 0xC5:
            return LETTER, 2
    return OTHER, 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _curly(data: Array, i: int, end: int) -> int:
    """Last byte of a character U+2010..U+203F at `i`, 0 for any other: dashes are 93, 94, quotes 98, 99, 9C, 9D."""
    return int(data[i + 2]) if i + 2 < end and data[i] == 0xE2 and data[i + 1] == 0x80 else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _opening(data: Array, i: int, end: int) -> int:
    """Bytes of the opening mark at `i`, 0 for none."""
    byte = data[i]
    if byte == 0x28 or byte == 0x5B or byte == 0x22 or byte == 0x27:
        return 1
    curly = _curly(data, i, end)
    return 3 if curly == 0x98 or curly == 0x9C else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _closing(data: Array, start: int, end: int) -> int:
    """Bytes of the closing mark before `end`, 0 for none; a point counts after a small letter, digit or mark."""
    byte = data[end - 1]
    if (byte == 0x2C or byte == 0x3B or byte == 0x3A or byte == 0x21 or byte == 0x3F or byte == 0x29
            or byte == 0x5D or byte == 0x22 or byte == 0x27):  # fmt: skip
        return 1
    if byte == 0x2E and end - start > 1:
        before = data[end - 2]
        if 0x61 <= before <= 0x7A or 0x30 <= before <= 0x39 or before == 0x29 or before == 0x5D or before == 0x22:
            return 1
        return 1 if end - start > 3 and _is_closing_curly(data, end - 4, end) else 0
    if end - start > 2 and _is_closing_curly(data, end - 3, end):
        return 3
    return 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_closing_curly(data: Array, i: int, end: int) -> bool:
    curly = _curly(data, i, end)
    return bool(curly == 0x99 or curly == 0x9D)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _separator(data: Array, i: int, end: int) -> int:
    """Bytes of a mark that is an infix between letters, 0 for none."""
    byte = data[i]
    if byte == 0x2D or byte == 0x2F or byte == 0x2C or byte == 0x3A or byte == 0x3D:
        return 1
    curly = _curly(data, i, end)
    return 3 if curly == 0x93 or curly == 0x94 else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _core(data: Array, start: int, end: int, bounds: Array, words: int) -> int:
    """Cut letters joined by separators into `bounds[words:]`, or take a number whole; -1 for any other build."""
    if start >= end or words + 1 >= MOST_WORDS:
        return -1
    kind, width = character(data, start, end)
    if kind == DIGIT:
        # Digits with single points and commas inside.
        inside = True
        for i in range(start, end):
            digit = 0x30 <= data[i] <= 0x39
            if not digit and (not inside or i == end - 1 or (data[i] != 0x2C and data[i] != 0x2E)):
                return -1
            inside = digit
        bounds[words + 1] = end
        return words + 1
    i = start
    letters = False  # the character before is a letter
    while i < end:
        kind, width = character(data, i, end)
        if kind == LETTER:
            letters = True
            i += width
            continue
        if not letters or kind == DIGIT:
            return -1
        curly = _curly(data, i, end)
        width = 3 if curly == 0x99 else 1 if data[i] == 0x27 else 0
        if width:  # an apostrophe between letters belongs to the word
            if i + width >= end or character(data, i + width, end)[0] != LETTER:
                return -1
            i += width
            continue
        width = _separator(data, i, end)
        if not width or i + width >= end or character(data, i + width, end)[0] != LETTER or words + 3 >= MOST_WORDS:
            return -1
        bounds[words + 1] = i
        bounds[words + 2] = i + width
        words += 2
        i += width
    bounds[words + 1] = end
    return words + 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _possessive(data: Array, start: int, end: int) -> int:
    """Bytes of an apostrophe and s before `end`, 0 for none."""
    if data[end - 1] != 0x73 and data[end - 1] != 0x53:
        return 0
    if end - start > 2 and data[end - 2] == 0x27:
        return 2
    return 4 if end - start > 4 and _curly(data, end - 4, end) == 0x99 else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _split_simple(data: Array, start: int, end: int, row: Array) -> int:
    """Bounds of the words of a chunk of simple build: opening marks, then letters joined by hyphens and the like,
    with `'s` or not, or a number, then closing marks. Returns the number of words, -1 for any other build."""
    closing = np.empty(4, np.int64)
    words = 0
    while words < 3 and start < end:
        width = _opening(data, start, end)
        if not width:
            break
        start += width
        words += 1
        row[words] = start
    marks = 0
    while marks < 4 and start < end:
        width = _closing(data, start, end)
        if not width:
            width = _possessive(data, start, end)
            if not width:
                break
        closing[marks] = end
        end -= width
        marks += 1
    words = _core(data, start, end, row, words)
    if words < 0 or words + marks > MOST_WORDS:
        return -1
    for k in range(marks - 1, -1, -1):
        words += 1
        row[words] = closing[k]
    return int(words)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _split_ascii(data: Array, start: int, end: int, row: Array) -> int:
    """Bounds of the words of an ASCII chunk; -1 where a URL, a unit or a currency may be in it."""
    for i in range(start, end):
        if data[i] >= 0x80:
            return -1
    closing = np.empty(MOST_WORDS, np.int64)
    words = marks = 0
    size = -1
    while start < end and end - start != size:
        size = end - start
        head = _ascii_prefix(data, start, end)
        tail = _ascii_suffix(data, start + head, end)
        if tail < 0 or words + marks + 2 > MOST_WORDS:
            return -1
        if head:
            start += head
            words += 1
            row[words] = start
        if tail:
            closing[marks] = end
            marks += 1
            end -= tail
    if start < end:
        words = _ascii_core(data, start, end, row, words)
        if words < 0 or words + marks > MOST_WORDS:
            return -1
    for k in range(marks - 1, -1, -1):
        words += 1
        row[words] = closing[k]
    return int(words)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_mark(byte: int) -> bool:
    """Marks that are prefix and suffix everywhere: , : ; ! ? ( ) [ ] { } < > _ # * & ' " `"""
    return (byte == 0x2C or byte == 0x3A or byte == 0x3B or byte == 0x21 or byte == 0x3F or byte == 0x28
            or byte == 0x29 or byte == 0x5B or byte == 0x5D or byte == 0x7B or byte == 0x7D or byte == 0x3C
            or byte == 0x3E or byte == 0x5F or byte == 0x23 or byte == 0x2A or byte == 0x26 or byte == 0x27
            or byte == 0x22 or byte == 0x60)  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_digit(byte: int) -> bool:
    return 0x30 <= byte <= 0x39


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_letter(byte: int) -> bool:
    return 0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A


@njit(cache=True)  # type: ignore[untyped-decorator]
def _ascii_prefix(data: Array, start: int, end: int) -> int:
    """Bytes of the prefix to strip."""
    byte = data[start]
    if _is_mark(byte) or byte == 0x25 or byte == 0x3D or byte == 0x24:
        return 1
    if byte == 0x2B:
        return 0 if start + 1 < end and _is_digit(data[start + 1]) else 1
    if byte == 0x2E:
        i = start + 1
        while i < end and data[i] == 0x2E:
            i += 1
        return i - start if i - start > 1 else 0
    if (byte == 0x43 or byte == 0x41) and start + 1 < end and data[start + 1] == 0x24:
        return 2
    if byte == 0x55 and start + 2 < end and data[start + 1] == 0x53 and data[start + 2] == 0x24:
        return 3
    return 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _ascii_suffix(data: Array, start: int, end: int) -> int:
    """Bytes of the suffix to strip; -1 where a unit or a currency may follow a digit."""
    if start >= end:
        return 0
    byte = data[end - 1]
    if _is_mark(byte):
        return 1
    before = data[end - 2] if end - start > 1 else 0
    if byte == 0x2E:
        i = end - 1
        while i > start and data[i - 1] == 0x2E:
            i -= 1
        if end - i > 1:
            return end - i
        if _is_digit(before) or 0x61 <= before <= 0x7A or _is_mark(before) or before == 0x25 or before == 0x2D \
                or before == 0x2B or before == 0x7C:  # fmt: skip
            return 1
        return 1 if 0x41 <= before <= 0x5A and end - start > 2 and 0x41 <= data[end - 3] <= 0x5A else 0
    if byte == 0x2B:
        return 1 if _is_digit(before) else 0
    if (byte == 0x73 or byte == 0x53) and before == 0x27:
        return 2
    if _is_letter(byte) or byte == 0x25 or byte == 0x24:
        for i in range(max(start, end - 5), end - 1):
            if _is_digit(data[i]):
                return -1
    return 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_quote(byte: int) -> bool:
    """The quotes that stand around a point that is an infix; spaCy counts the comma among them."""
    return byte == 0x22 or byte == 0x27 or byte == 0x60 or byte == 0x2C


@njit(cache=True)  # type: ignore[untyped-decorator]
def _looks_like_url(data: Array, start: int, end: int) -> int:
    """Whether spaCy's URL pattern takes all of it: 1 yes, 0 no, -1 where the pattern itself has to say.

    The pattern: a scheme or none, dotted labels of which the last is two small letters or more, then the end or
    one of / ? # and anything. User names, ports and IP addresses are left to it.
    """
    points = 0
    scheme = -1
    for i in range(start, end):
        if data[i] == 0x40:
            return -1
        points += data[i] == 0x2E
        if scheme < 0 and data[i] == 0x3A and i + 2 < end and data[i + 1] == 0x2F and data[i + 2] == 0x2F:
            scheme = i
    if not points:
        return 0
    named = scheme - start >= 2
    for i in range(start, scheme):
        byte = data[i]
        if not (_is_letter(byte) or _is_digit(byte) or byte == 0x5F or byte == 0x2B or byte == 0x2D or byte == 0x2E):
            named = False
    if named:
        start = scheme + 3
    label = small = digits = labels = 0  # of the label being read: characters, small letters; digits in all
    before = 0
    i = start
    while i < end:
        byte = data[i]
        inner = byte == 0x5F or byte == 0x2D
        if byte == 0x2E or not (inner or _is_letter(byte) or _is_digit(byte)):
            if byte != 0x2E:
                break
            if not label or before == 0x5F or before == 0x2D or label > 60:
                return -1 if label else 0
            labels += 1
            label = small = 0
        else:
            if inner and not label:
                return 0
            label += 1
            small += 0x61 <= byte <= 0x7A
            digits += _is_digit(byte)
        before = byte
        i += 1
    if i < end and data[i] == 0x3A:
        return -1
    if i < end and data[i] != 0x2F and data[i] != 0x3F and data[i] != 0x23:
        return 0
    if labels == 3 and digits > 3 and not small:
        return -1
    return 1 if labels and 1 < label == small < 60 else -1 if label > 59 else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _ascii_core(data: Array, start: int, end: int, row: Array, words: int) -> int:
    """Cut what is left between prefixes and suffixes at its infixes; -1 where it may be a URL."""
    url = _looks_like_url(data, start, end)
    if url:
        if url < 0 or words + 1 > MOST_WORDS:
            return -1
        row[words + 1] = end
        return words + 1
    at = start
    i = start + 1
    while i < end:
        before = data[i - 1]
        after = data[i + 1] if i + 1 < end else 0
        byte = data[i]
        width = 0
        if _is_digit(before) and (byte == 0x2B or byte == 0x2D or byte == 0x2A or byte == 0x5E) and (
            _is_digit(after) or after == 0x2D
        ):  # fmt: skip
            width = 1
        elif byte == 0x2E:
            run = 1
            while i + run < end and data[i + run] == 0x2E:
                run += 1
            if run > 1:
                width = run
            elif (0x61 <= before <= 0x7A or _is_quote(before)) and (0x41 <= after <= 0x5A or _is_quote(after)):
                width = 1
        elif byte == 0x2C:
            width = 1 if _is_letter(before) and _is_letter(after) else 0
        elif _is_letter(before) or _is_digit(before):
            if byte == 0x2D:
                run = 1
                while run < 4 and i + run < end and data[i + run] == 0x2D:
                    run += 1
                width = run if run < 4 and i + run < end and _is_letter(data[i + run]) else 0
            elif byte == 0x7E or byte == 0x3A or byte == 0x3C or byte == 0x3E or byte == 0x3D or byte == 0x2F:
                width = 1 if _is_letter(after) else 0
        if not width:
            i += 1
            continue
        if words + 3 > MOST_WORDS:
            return -1
        if i > at:
            words += 1
            row[words] = i
        words += 1
        row[words] = i + width
        i += width
        at = i
    if at < end:
        words += 1
        row[words] = end
    return words


@njit(cache=True)  # type: ignore[untyped-decorator]
def split_plain(data: Array, starts: Array, ends: Array, slots: Array, keys: Array, stored: Array, places: Array,
                longest: int) -> tuple[Array, Array]:  # fmt: skip
    """Cut the English chunks that need no regular expression into words, as spaCy's rules do.

    `slots, keys, stored, places`: the special cases, none longer than `longest` bytes; a chunk with one among its
    words, or made of some, is left. Returns the bounds of the words, one row of `MOST_WORDS + 1` a chunk, and the
    number of words, 0 for a chunk that is left.
    """
    bounds = np.empty((starts.shape[0], MOST_WORDS + 1), np.int64)
    counts = np.zeros(starts.shape[0], np.int64)
    for c in range(starts.shape[0]):
        row = bounds[c]
        row[0] = starts[c]
        words = _split_simple(data, starts[c], ends[c], row)
        if words < 0:
            words = _split_ascii(data, starts[c], ends[c], row)
        if words < 0:
            continue
        special = False
        for first in range(words):
            # A mark, or 's, is no special case by itself.
            named = character(data, row[first], row[first + 1])[0] != OTHER
            last = first + (1 if named else 2)
            while last <= words and row[last] - row[first] <= longest and not special:
                special = contains(data, row[first], row[last], slots, keys, stored, places)
                last += 1
        if not special:
            counts[c] = words
    return bounds, counts
