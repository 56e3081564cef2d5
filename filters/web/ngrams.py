"""Compiled counts over word numbers: one pass each, no strings.

Every equality that decides something is exact: n-grams are chained pairs of numbers, and where a hash finds a
repeat, its characters are compared. All hash tables are open addressed with linear probing, at most half full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.web.columns import (
    ALPHABETIC,
    BYTES,
    CHARACTERS,
    FIRST_WORD,
    HINTS,
    LENGTH,
    SENTENCE_ENTRY,
    SENTENCE_OPEN,
    SENTENCE_STARTS,
    STOP_WORDS,
    WORDED,
    WORDED_CHARACTERS,
    WORDS,
)  # fmt: skip

Array = np.ndarray[Any, Any]

_BASE = np.uint64(0x5851F42D4C957F2D)  # odd, so it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(0x5851F42D4C957F2D, -1, 1 << 64))
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)  # the finaliser of MurmurHash3
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_HALF = np.uint64(32)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _slots(entries: int) -> int:
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mix(key: Any) -> Any:
    key ^= key >> _SHIFT
    key *= _MIX_1
    key ^= key >> _SHIFT
    key *= _MIX_2
    return key ^ (key >> _SHIFT)


@njit(cache=True)  # type: ignore[untyped-decorator]
def totals(chunks: Array, table: Array) -> Array:
    """Column sums of `table` over the chunks of a text; stop words and hints are OR-ed."""
    out = np.zeros(table.shape[1], np.int64)
    for i in range(chunks.shape[0]):
        row = table[chunks[i]]
        out[WORDS] += row[WORDS]
        out[CHARACTERS] += row[CHARACTERS]
        out[WORDED] += row[WORDED]
        out[WORDED_CHARACTERS] += row[WORDED_CHARACTERS]
        out[ALPHABETIC] += row[ALPHABETIC]
        out[STOP_WORDS] |= row[STOP_WORDS]
        out[HINTS] |= row[HINTS]
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def expand(chunks: Array, table: Array, word_numbers: Array, words: int) -> Array:
    """The word numbers of a text, from its chunk numbers."""
    out = np.empty(words, np.int64)
    k = 0
    for i in range(chunks.shape[0]):
        first = table[chunks[i], FIRST_WORD]
        for j in range(first, first + table[chunks[i], WORDS]):
            out[k] = word_numbers[j]
            k += 1
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def line_facts(chunks: Array, gaps: Array, line_ends: Array, table: Array) -> tuple[Array, Array, Array]:
    """Of each line, stripped: its sentences, its longest chunk, and 1 where it ends with a stop mark.

    White space other than one space counts as a word, as in spaCy: after a stop mark it begins a sentence.
    """
    sentences = np.zeros(line_ends.shape[0], np.int64)
    longest = np.zeros(line_ends.shape[0], np.int64)
    stopped = np.zeros(line_ends.shape[0], np.int64)
    start = 0
    for line in range(line_ends.shape[0]):
        count = 0
        after_stop = False
        widest = 0
        for i in range(start, line_ends[line]):
            row = table[chunks[i]]
            widest = max(widest, row[CHARACTERS])
            if gaps[i] and i > start and after_stop:
                count += 1
                after_stop = False
            if row[SENTENCE_ENTRY] == 0:
                continue
            if after_stop and row[SENTENCE_ENTRY] == 1:
                count += 1
            count += row[SENTENCE_STARTS]
            after_stop = row[SENTENCE_OPEN] == 1
        sentences[line] = count + (1 if line_ends[line] > start else 0)
        longest[line] = widest
        stopped[line] = 1 if after_stop else 0
        start = line_ends[line]
    return sentences, longest, stopped


@njit(cache=True)  # type: ignore[untyped-decorator]
def lengthen(shorter: Array, words: Array, n: int) -> tuple[Array, Array, Array]:
    """Number the distinct n-grams in order of appearance, from the numbers of the (n-1)-grams.

    Returns the number at each position, and of each number its count and its first position.
    """
    positions = words.shape[0] - n + 1
    numbers = np.empty(positions, np.int64)
    counts = np.zeros(positions, np.int64)
    firsts = np.empty(positions, np.int64)
    mask = _slots(positions) - 1
    slots = np.zeros(mask + 1, np.int32)  # small tables stay in the first cache
    keys = np.empty(mask + 1, np.int64)
    distinct = 0
    for i in range(positions):
        key = (shorter[i] << 32) | words[i + n - 1]
        slot = np.int64(_mix(np.uint64(key)) & np.uint64(mask))
        while slots[slot] != 0 and keys[slot] != key:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            keys[slot] = key
            firsts[distinct] = i
            distinct += 1
            slots[slot] = distinct
        number = slots[slot] - 1
        numbers[i] = number
        counts[number] += 1
    return numbers, counts[:distinct], firsts[:distinct]


@njit(cache=True)  # type: ignore[untyped-decorator]
def boundaries(data: Array, words: Array, word_table: Array) -> tuple[Array, Array, Array, Array]:
    """Where each word begins in `data`, the text without white space: byte, code point, a hash of all before it,
    and the unit to scale hashes by. One entry more for the end."""
    count = words.shape[0]
    starts = np.empty(count + 1, np.int64)
    points = np.empty(count + 1, np.int64)
    hashes = np.empty(count + 1, np.uint64)
    units = np.empty(count + 1, np.uint64)
    position = 0
    point = 0
    total = np.uint64(0)
    power = np.uint64(1)
    inverse = np.uint64(1)
    for i in range(count):
        starts[i], points[i], hashes[i], units[i] = position, point, total, inverse
        point += word_table[words[i], LENGTH]
        for _ in range(word_table[words[i], BYTES]):
            total += (np.uint64(data[position]) + np.uint64(1)) * power
            power *= _BASE
            inverse *= _INVERSE
            position += 1
    starts[count], points[count], hashes[count], units[count] = position, point, total, inverse
    return starts, points, hashes, units


@njit(cache=True)  # type: ignore[untyped-decorator]
def repeated_characters(n: int, data: Array, starts: Array, points: Array, hashes: Array, units: Array) -> int:
    """Characters in n-grams seen before, read left to right without overlap; spaces do not count.

    Two n-grams are the same when their words run together are, as in the published counts.
    """
    words = starts.shape[0] - 1
    mask = _slots(max(words - n + 1, 0)) - 1
    slots = np.zeros(mask + 1, np.int32)
    seen = np.empty(mask + 1, np.uint32)  # the upper half of the hash
    repeated = 0
    i = 0
    while i + n <= words:
        value = (hashes[i + n] - hashes[i]) * units[i]
        size = starts[i + n] - starts[i]
        mixed = _mix(value)
        slot = np.int64(mixed & np.uint64(mask))
        tag = np.uint32(mixed >> _HALF)
        found = False
        while slots[slot] != 0:
            if seen[slot] == tag:
                j = slots[slot] - 1
                if starts[j + n] - starts[j] == size:
                    a, b = starts[i], starts[j]
                    same = 0
                    while same < size and data[a + same] == data[b + same]:
                        same += 1
                    if same == size:
                        found = True
                        break
            slot = (slot + 1) & mask
        if found:
            repeated += points[i + n] - points[i]
            i += n
        else:
            slots[slot] = i + 1
            seen[slot] = tag
            i += 1
    return repeated
