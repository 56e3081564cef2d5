"""Compiled features of the tokens of a file: shapes of names, keywords, marks, and pairs of them.

A name is seen by its length and style alone, never by its letters, and a comment or string by its length: a model cannot
learn the vocabulary of the packages that it was trained on, nor what a comment at the top says about who wrote the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.code.columns import COMMENT, FROM, KIND, MARK, NUMBER, STRING, TO, WORD

Array = np.ndarray[Any, Any]

BUCKETS = 1 << 13
STATISTICS = 18
RESERVED = frozenset(
    """
abstract as assert async await auto bool boolean break byte case catch chan char class const constexpr continue crate
debugger def default defer del delete do double dyn elif else enum except explicit export extends extern fallthrough false
final finally float fn for friend from func function global go goto if impl implements import in inline instanceof int
interface is lambda let long loop map match mod module move mut namespace native new nil None nonlocal not noexcept null
nullptr of operator or and override package pass private protected public pub raise range readonly ref register return
self Self select short signed sizeof static struct super switch synchronized template this throw throws trait transient
True False true try type typedef typename typeof undefined union unsafe unsigned use using var virtual void volatile where
while with yield
""".split()
)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _hash(data: Array, start: int, end: int) -> Any:
    value = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    return value


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mix(value: Any) -> Any:
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    return value ^ (value >> np.uint64(33))


def keyword_hashes() -> Array:
    """Sorted hashes of the words that many languages reserve."""
    found = [_hash(np.frombuffer(bytearray(word.encode()), np.uint8), 0, len(word)) for word in sorted(RESERVED)]
    return np.sort(np.array(found, np.uint64))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _length_class(length: int) -> int:
    if length <= 2:
        return length - 1
    if length <= 4:
        return 2
    if length <= 8:
        return 3
    if length <= 12:
        return 4
    if length <= 20:
        return 5
    if length <= 32:
        return 6
    return 7 if length <= 100 else 8


@njit(cache=True)  # type: ignore[untyped-decorator]
def _style(data: Array, start: int, end: int) -> int:
    """0 lower, 1 UPPER, 2 Pascal, 3 camel, 4 snake, 5 SNAKE; 6 more where a digit is in it."""
    lower = upper = digit = under = 0
    for i in range(start, end):
        byte = data[i]
        lower += 0x61 <= byte <= 0x7A or byte >= 0x80
        upper += 0x41 <= byte <= 0x5A
        digit += 0x30 <= byte <= 0x39
        under += byte == 0x5F and start < i < end - 1
    if under:
        style = 5 if upper and not lower else 4
    elif not upper:
        style = 0
    elif not lower:
        style = 1
    else:
        style = 2 if 0x41 <= data[start] <= 0x5A else 3
    return style + (6 if digit else 0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def token_features(data: Array, tokens: Array, keywords: Array) -> tuple[Array, Array]:
    """Counts of tokens and of pairs of them (`BUCKETS` each, hashed), and `STATISTICS` numbers.

    Comments before the first other token are left out: they are licences and marks.
    """
    counts = np.zeros((2, BUCKETS), np.int32)
    out = np.zeros(STATISTICS, np.float64)
    styles = np.zeros(12, np.int64)
    lengths = np.zeros(33, np.int64)
    kinds = np.zeros(5, np.int64)
    amount = np.zeros(5, np.int64)
    seen = np.zeros(4096, np.uint8)
    first = 0
    while first < tokens.shape[0] and tokens[first, KIND] == COMMENT:
        first += 1
    names = 0
    name_bytes = 0
    distinct = 0
    singles = 0
    keyword_count = 0
    before = np.uint64(0)
    for i in range(first, tokens.shape[0]):
        kind, start, end = tokens[i, KIND], tokens[i, FROM], tokens[i, TO]
        length = end - start
        kinds[kind] += 1
        amount[kind] += length
        if kind == MARK:
            value = np.uint64(1000) + np.uint64(data[start])
        elif kind == WORD:
            value = _hash(data, start, end)
            place = np.searchsorted(keywords, value)
            if place < keywords.shape[0] and keywords[place] == value:
                keyword_count += 1
            else:
                names += 1
                name_bytes += length
                singles += length <= 2
                lengths[min(length, 32)] += 1
                slot = np.int64(_mix(value) & np.uint64(4095))
                if names <= 2000 and not seen[slot]:
                    seen[slot] = 1
                    distinct += 1
                style = _style(data, start, end)
                styles[style] += 1
                value = np.uint64(2000 + 16 * _length_class(length) + style)
        elif kind == NUMBER:
            value = np.uint64(3000 + 2 * _length_class(length) + (length > 2 and data[start + 1] | 0x20 == 0x78))
        elif kind == STRING:
            value = np.uint64(4000 + _length_class(length))
        else:
            value = np.uint64(5000 + _length_class(length))
        counts[0, np.int64(_mix(value) & np.uint64(BUCKETS - 1))] += 1
        pair = _mix(before * np.uint64(0x9E3779B97F4A7C15) + value)
        counts[1, np.int64(_mix(pair) & np.uint64(BUCKETS - 1))] += 1
        before = value
    total = max(1, tokens.shape[0] - first)
    every = max(1, amount.sum())
    words = max(1, names)
    out[0] = amount[COMMENT] / every
    out[1] = amount[STRING] / every
    out[2] = amount[NUMBER] / every
    out[3] = amount[MARK] / every
    out[4] = kinds[NUMBER] / total
    out[5] = kinds[STRING] / total
    out[6] = keyword_count / total
    out[7] = name_bytes / words / 32
    out[8] = singles / words
    out[9] = distinct / min(words, 2000)
    entropy = 0.0
    for i in range(33):
        if lengths[i]:
            share = lengths[i] / words
            entropy -= share * np.log2(share)
    out[10] = entropy / 5
    out[11] = styles[6:].sum() / words
    out[12] = (styles[4] + styles[10]) / words
    out[13] = (styles[3] + styles[9]) / words
    out[14] = (styles[1] + styles[5] + styles[7] + styles[11]) / words
    out[15] = np.log2(1 + amount[COMMENT] / max(1, kinds[COMMENT])) / 12
    out[16] = np.log2(1 + amount[STRING] / max(1, kinds[STRING])) / 12
    out[17] = kinds[COMMENT] / total
    return counts, out
