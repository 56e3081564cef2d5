"""Compiled counts over the bytes of a source file: characters by class, lines, and runs of encoded data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.code.columns import (
    ALPHABETIC,
    CHARACTERS,
    DIGITS,
    END,
    FIRST,
    HASH,
    HEX_WORD,
    LONG_WORD,
    REPLACEMENT,
    START,
    WHITE,
    WIDTH,
    WORDS,
)  # fmt: skip

Array = np.ndarray[Any, Any]

_OFFSET = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
_PRIME = np.uint64(0x100000001B3)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_word(byte: int) -> bool:
    return 0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A or 0x30 <= byte <= 0x39 or byte == 0x5F or byte >= 0x80


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_hex(byte: int) -> bool:
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66


@njit(cache=True)  # type: ignore[untyped-decorator]
def totals(data: Array, long_word: int) -> Array:
    """Counts over a text in UTF-8. A character outside ASCII counts as a letter, U+FFFD as a replacement.

    `LONG_WORD`: characters in words of more than `long_word`; `HEX_WORD`: characters in words of 0x and hex digits.
    """
    out = np.zeros(8, np.int64)
    size = data.shape[0]
    start = -1
    for i in range(size + 1):
        byte = data[i] if i < size else 0x20
        if i < size and byte & 0xC0 != 0x80:
            out[CHARACTERS] += 1
            lower = byte | 0x20
            if 0x61 <= lower <= 0x7A and byte < 0x80:
                out[ALPHABETIC] += 1
            elif 0x30 <= byte <= 0x39:
                out[DIGITS] += 1
            elif byte == 0x20 or 0x09 <= byte <= 0x0D:
                out[WHITE] += 1
            elif byte == 0xEF and i + 2 < size and data[i + 1] == 0xBF and data[i + 2] == 0xBD:
                out[REPLACEMENT] += 1
            elif byte >= 0x80:
                out[ALPHABETIC] += 1
        if _is_word(byte):
            if start < 0:
                start = i
        elif start >= 0:
            length = i - start
            out[WORDS] += 1
            if length > long_word:
                out[LONG_WORD] += length
            if length > 2 and data[start] == 0x30 and data[start + 1] | 0x20 == 0x78:
                out[HEX_WORD] += length
            start = -1
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def lines(data: Array) -> Array:
    """A row for each line: first byte, end, characters, first byte that is no white space (= end: blank), and the
    hash of what stands between the white space at both ends."""
    size = data.shape[0]
    count = 0
    for i in range(size):
        count += data[i] == 0x0A
    if size and data[size - 1] != 0x0A:
        count += 1
    out = np.zeros((count, 5), np.int64)
    start = 0
    for line in range(count):
        width = 0
        first = -1
        last = start
        end = start
        while end < size and data[end] != 0x0A:
            byte = data[end]
            width += byte & 0xC0 != 0x80
            if not (byte == 0x20 or 0x09 <= byte <= 0x0D):
                if first < 0:
                    first = end
                last = end + 1
            end += 1
        value = _OFFSET
        if first < 0:
            first = end
        else:
            for i in range(first, last):
                value = (value ^ np.uint64(data[i])) * _PRIME
        row = out[line]
        row[START], row[END], row[WIDTH], row[FIRST], row[HASH] = start, end, width, first, np.int64(value)
        start = end + 1
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def repeated(keys: Array) -> int:
    """How many of the keys have stood before."""
    if keys.shape[0] < 2:
        return 0
    ordered = np.sort(keys)
    count = 0
    for i in range(1, ordered.shape[0]):
        count += ordered[i] == ordered[i - 1]
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def encoded(data: Array) -> Array:
    """Of base64, of hex pairs, and of unicode escapes: bytes in all runs, and bytes in the longest run.

    A run of base64 has at least 64 of its characters (line feeds included) with a digit, a capital and a small letter
    among them; a run of hex or of escapes has at least 8 items. Hex items are two digits, with 0x or \\x or without,
    between commas and white space.
    """
    out = np.zeros(6, np.int64)
    size = data.shape[0]
    start, kinds = 0, 0
    for i in range(size + 1):
        byte = data[i] if i < size else 0x20
        if 0x61 <= byte <= 0x7A:
            kinds |= 1
        elif 0x41 <= byte <= 0x5A:
            kinds |= 2
        elif 0x30 <= byte <= 0x39:
            kinds |= 4
        elif byte != 0x2B and byte != 0x2F and byte != 0x3D and byte != 0x0A:
            if i - start >= 64 and kinds == 7:
                out[0] += i - start
                out[1] = max(out[1], i - start)
            start, kinds = i + 1, 0
    i = 0
    while i < size:
        if not _is_hex(data[i]) and data[i] != 0x5C:  # no item begins here
            i += 1
            while i < size and _is_word(data[i]) and _is_word(data[i - 1]):
                i += 1
            continue
        stop, items = _hex_run(data, i)
        if items >= 8:
            out[2] += stop - i
            out[3] = max(out[3], stop - i)
        i = max(stop, i + 1)
        while items == 0 and i < size and _is_word(data[i]) and _is_word(data[i - 1]):
            i += 1
    i = 0
    while i + 5 < size:
        if data[i] != 0x5C:
            i += 1
            continue
        stop = i
        while (
            stop + 5 < size and data[stop] == 0x5C and data[stop + 1] | 0x20 == 0x75 and _is_hex(data[stop + 2])
            and _is_hex(data[stop + 3]) and _is_hex(data[stop + 4]) and _is_hex(data[stop + 5])
        ):  # fmt: skip
            stop += 6
        if stop - i >= 48:
            out[4] += stop - i
            out[5] = max(out[5], stop - i)
        i = max(stop, i + 1)
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _hex_run(data: Array, start: int) -> tuple[int, int]:
    """Where the hex items that begin at `start` end, and how many there are."""
    size = data.shape[0]
    at, items = start, 0
    while at < size:
        here = at
        if here + 1 < size and (data[here] == 0x30 or data[here] == 0x5C) and data[here + 1] | 0x20 == 0x78:
            here += 2
        if here + 1 >= size or not (_is_hex(data[here]) and _is_hex(data[here + 1])):
            break
        here += 2
        if here < size and _is_word(data[here]) and not _is_hex(data[here]):
            break
        items += 1
        while here < size and (data[here] == 0x2C or data[here] == 0x20 or 0x09 <= data[here] <= 0x0D):
            here += 1
        at = here
    return at, items
