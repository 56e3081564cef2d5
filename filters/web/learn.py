"""Compiled learning of new chunks. Most chunks of English text have a simple build and need no regular expression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.web.byte_table import contains
from filters.web.columns import (
    ALPHABETIC, BYTES, CHARACTERS, FIRST_WORD, HAS_LETTER, HAS_WORD, HINT_DIGITS, HINT_EMAIL, HINT_IPV4,
    HINT_IPV6, HINTS, KIND, LENGTH, SENTENCE_ENTRY, SENTENCE_OPEN, SENTENCE_STARTS, STOP_BIT, STOP_MARK, STOP_WORDS, WORD, WORDED, WORDED_CHARACTERS,
    WORDS,
)  # fmt: skip

Array = np.ndarray[Any, Any]


MOST_WORDS = 12  # of a chunk of simple build

# Classes of characters, by their bytes.
_LETTER, _DIGIT, _OTHER = 1, 2, 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _class(data: Array, i: int, end: int) -> tuple[int, int]:
    """Class of the character at `i`, and its bytes: letters are those of ASCII, Latin-1 and Latin Extended-A."""
    byte = data[i]
    if 0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A:
        return _LETTER, 1
    if 0x30 <= byte <= 0x39:
        return _DIGIT, 1
    if i + 1 < end:
        if byte == 0xC3 and data[i + 1] != 0x97 and data[i + 1] != 0xB7:
            return _LETTER, 2
        if byte == 0xC4 or byte == 0xC5:
            return _LETTER, 2
    return _OTHER, 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _curly(data: Array, i: int, end: int) -> int:
    """Last byte of a character U+2010..U+203F at `i`, 0 for any other: dashes are 93, 94, quotes 98, 99, 9C, 9D."""
    return data[i + 2] if i + 2 < end and data[i] == 0xE2 and data[i + 1] == 0x80 else 0


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
    return curly == 0x99 or curly == 0x9D


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
    kind, width = _class(data, start, end)
    if kind == _DIGIT:
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
        kind, width = _class(data, i, end)
        if kind == _LETTER:
            letters = True
            i += width
            continue
        if not letters or kind == _DIGIT:
            return -1
        curly = _curly(data, i, end)
        width = 3 if curly == 0x99 else 1 if data[i] == 0x27 else 0
        if width:  # an apostrophe between letters belongs to the word
            if i + width >= end or _class(data, i + width, end)[0] != _LETTER:
                return -1
            i += width
            continue
        width = _separator(data, i, end)
        if not width or i + width >= end or _class(data, i + width, end)[0] != _LETTER or words + 3 >= MOST_WORDS:
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
def split_plain(data: Array, starts: Array, ends: Array, slots: Array, keys: Array, stored: Array,
                places: Array) -> tuple[Array, Array]:  # fmt: skip
    """Cut the English chunks of simple build into words.

    Simple: opening marks, then letters joined by hyphens and the like, with `'s` or not, or a number; then closing
    marks. spaCy's English rules cut these at every such mark, unless a special case (the table `slots, keys, stored,
    places`) is among the pieces. Returns the bounds of the words, one row of `MOST_WORDS + 1` a chunk, and the
    number of words, 0 for a chunk that needs the rules.
    """
    bounds = np.empty((starts.shape[0], MOST_WORDS + 1), np.int64)
    counts = np.zeros(starts.shape[0], np.int64)
    closing = np.empty(MOST_WORDS, np.int64)
    for c in range(starts.shape[0]):
        row = bounds[c]
        start, end = starts[c], ends[c]
        row[0] = start
        words = 0
        while words < 3 and start < end:
            width = _opening(data, start, end)
            if not width:
                break
            start += width
            words += 1
            row[words] = start
        opened = words
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
            continue
        for k in range(marks - 1, -1, -1):
            words += 1
            row[words] = closing[k]
        special = False
        for first in range(words):
            for last in range(first + 1, words + 1):
                if (last > first + 1 or opened <= first < words - marks) and contains(
                    data, row[first], row[last], slots, keys, stored, places
                ):
                    special = True
        if not special:
            counts[c] = words
    return bounds, counts


@njit(cache=True)  # type: ignore[untyped-decorator]
def word_spans(bounds: Array, plain: Array, hard_counts: Array, hard_starts: Array,
               hard_ends: Array) -> tuple[Array, Array, Array]:  # fmt: skip
    """The words of all chunks in order: where each begins and ends, and how many each chunk has."""
    total = hard_starts.shape[0] + plain.sum()
    begins = np.empty(total, np.int64)
    stops = np.empty(total, np.int64)
    counts = plain.copy()
    at = 0
    hard = 0
    hard_word = 0
    for i in range(plain.shape[0]):
        if plain[i]:
            for k in range(plain[i]):
                begins[at], stops[at] = bounds[i, k], bounds[i, k + 1]
                at += 1
            continue
        counts[i] = hard_counts[hard]
        for _ in range(hard_counts[hard]):
            begins[at], stops[at] = hard_starts[hard_word], hard_ends[hard_word]
            at += 1
            hard_word += 1
        hard += 1
    return begins, stops, counts


@njit(cache=True)  # type: ignore[untyped-decorator]
def word_facts(data: Array, begins: Array, stops: Array, facts: Array, known: int) -> Array:
    """Rows of new words from row `known`; named are those that are neither letters nor digits, to be done otherwise."""
    others = np.empty(begins.shape[0], np.int64)
    count = 0
    for i in range(begins.shape[0]):
        letters = True
        digits = True
        length = 0
        at = begins[i]
        while at < stops[i]:
            kind, width = _class(data, at, stops[i])
            letters = letters and kind == _LETTER
            digits = digits and kind == _DIGIT
            length += 1
            at += width
        row = facts[known + i]
        row[LENGTH] = length
        row[BYTES] = stops[i] - begins[i]
        row[HAS_WORD] = 1
        row[HAS_LETTER] = 1 if letters else 0
        row[STOP_BIT] = 0
        row[KIND] = WORD
        if not letters and not digits:
            others[count] = i
            count += 1
    return others[:count]


@njit(cache=True)  # type: ignore[untyped-decorator]
def chunk_rows(table: Array, known: int, listed: int, words: Array, counts: Array, facts: Array, data: Array,
               starts: Array, ends: Array) -> None:  # fmt: skip
    """Rows of new chunks from row `known`."""
    at = 0
    for i in range(counts.shape[0]):
        row = table[known + i]
        row[:] = 0
        row[FIRST_WORD] = listed + at
        row[WORDS] = counts[i]
        row[HINTS] = _hints(data, starts[i], ends[i])
        for k in range(at, at + counts[i]):
            fact = facts[words[k]]
            row[CHARACTERS] += fact[LENGTH]
            if fact[HAS_WORD]:
                row[WORDED] += 1
                row[WORDED_CHARACTERS] += fact[LENGTH]
            row[ALPHABETIC] += fact[HAS_LETTER]
            row[STOP_WORDS] |= fact[STOP_BIT]
            if fact[KIND] == STOP_MARK:
                row[SENTENCE_OPEN] = 1
                if row[SENTENCE_ENTRY] == 0:
                    row[SENTENCE_ENTRY] = 2
            elif fact[KIND] == WORD:
                row[SENTENCE_STARTS] += row[SENTENCE_OPEN]
                row[SENTENCE_OPEN] = 0
                if row[SENTENCE_ENTRY] == 0:
                    row[SENTENCE_ENTRY] = 1
        at += counts[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _hints(data: Array, start: int, end: int) -> int:
    """What personal data a chunk could hold; a rule that looks for it then reads the text."""
    digits = points = colons = at_signs = 0
    for i in range(start, end):
        byte = data[i]
        digits += 0x30 <= byte <= 0x39
        points += byte == 0x2E
        colons += byte == 0x3A
        at_signs += byte == 0x40
    hints = HINT_EMAIL if at_signs else 0
    if digits:
        hints |= HINT_DIGITS
        if points >= 3:
            hints |= HINT_IPV4
    if colons >= 2:
        hints |= HINT_IPV6
    return hints
