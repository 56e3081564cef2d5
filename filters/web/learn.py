"""Compiled filling of the chunk and word tables from the words of new chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.web.columns import (
    ALPHABETIC,
    BYTES,
    CHARACTERS,
    FIRST_WORD,
    HAS_LETTER,
    HAS_WORD,
    HINT_DIGITS,
    HINT_EMAIL,
    HINT_IPV4,
    HINT_IPV6,
    HINTS,
    IS_LETTER,
    IS_PUNCTUATION,
    IS_STOP,
    IS_WORD,
    KIND,
    LENGTH,
    MARK,
    SENTENCE_ENTRY,
    SENTENCE_OPEN,
    SENTENCE_STARTS,
    STOP_BIT,
    STOP_MARK,
    STOP_WORDS,
    WORD,
    WORDED,
    WORDED_CHARACTERS,
    WORDS,
)
from filters.web.plain_words import LETTER, character

Array = np.ndarray[Any, Any]


@njit(cache=True)  # type: ignore[untyped-decorator]
def word_spans(bounds: Array, plain: Array, hard_counts: Array, hard_starts: Array,
               hard_ends: Array) -> tuple[Array, Array, Array]:  # fmt: skip
    """The words of all chunks in order: where each begins and ends, and how many each chunk has."""
    total = hard_starts.shape[0]
    for i in range(plain.shape[0]):
        total += plain[i]
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
def word_facts(data: Array, begins: Array, stops: Array, facts: Array, known: int, ascii_flags: Array) -> Array:
    """Rows of new words from row `known`; named are those with other than ASCII and Latin letters, to be done
    otherwise. `ascii_flags`: the `IS_...` of each ASCII character."""
    others = np.empty(begins.shape[0], np.int64)
    count = 0
    for i in range(begins.shape[0]):
        some = 0
        every = 0xFF
        length = 0
        at = begins[i]
        other = False
        while at < stops[i]:
            kind, width = character(data, at, stops[i])
            other = other or (data[at] >= 0x80 and kind != LETTER)
            flags = ascii_flags[data[at]] if data[at] < 0x80 else IS_LETTER | IS_WORD
            some |= flags
            every &= flags
            length += 1
            at += width
        row = facts[known + i]
        row[LENGTH] = length
        row[BYTES] = stops[i] - begins[i]
        row[HAS_WORD] = 1 if some & IS_WORD else 0
        row[HAS_LETTER] = 1 if some & IS_LETTER else 0
        row[STOP_BIT] = 0
        row[KIND] = STOP_MARK if length == 1 and some & IS_STOP else MARK if every & IS_PUNCTUATION else WORD
        if other:
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
        for column in range(row.shape[0]):
            row[column] = 0
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
