"""A compiled lexer for any language: words, numbers, strings, comments, and single marks."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from filters.code.columns import COMMENT, FROM, KIND, MARK, NUMBER, STRING, TO, WORD
from filters.code.languages import syntax

Array = np.ndarray[Any, Any]


@cache
def rules(language: str) -> Array:
    """The syntax of a language as the lexer reads it: line comments (4 bytes), block comment (8), quotes (3), flags (2)."""
    how = syntax(language)
    out = np.zeros(17, np.uint8)
    for number, mark in enumerate(how.line):
        out[2 * number : 2 * number + len(mark)] = np.frombuffer(mark, np.uint8)
    for number, mark in enumerate(how.block or ()):
        out[4 + 4 * number : 4 + 4 * number + len(mark)] = np.frombuffer(mark, np.uint8)
    out[12 : 12 + len(how.quotes)] = np.frombuffer(how.quotes, np.uint8)
    out[15], out[16] = how.triple, how.lifetimes
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _begins(data: Array, at: int, mark: Array) -> bool:
    if mark[0] == 0:
        return False
    for i in range(mark.shape[0]):
        if mark[i] == 0:
            break
        if at + i >= data.shape[0] or data[at + i] != mark[i]:
            return False
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _word(byte: int) -> bool:
    return (
        0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A or 0x30 <= byte <= 0x39
        or byte == 0x5F or byte == 0x24 or byte >= 0x80
    )  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def lex(data: Array, how: Array) -> Array:
    """The tokens of a text in UTF-8: a row of kind, first byte and end for each. White space is no token.

    A string in one quote ends at the end of its line unless a backslash stands before it; a backtick's, and a triple
    quote's, does not. What is not closed runs to the end of the text.
    """
    size = data.shape[0]
    out = np.empty((size, 3), np.int32)
    count = 0
    at = 0
    while at < size:
        byte = data[at]
        if byte == 0x20 or byte < 0x20 or byte == 0x7F:
            at += 1
            continue
        start = at
        kind = MARK
        # The first bytes are compared here: to cut a mark out of `how` at every byte takes most of the time.
        if (byte == how[0] and _begins(data, at, how[0:2])) or (byte == how[2] and _begins(data, at, how[2:4])):
            kind = COMMENT
            while at < size and data[at] != 0x0A:
                at += 1
        elif byte == how[4] and _begins(data, at, how[4:8]):
            kind = COMMENT
            at += 2
            while at < size and (data[at] != how[8] or not _begins(data, at, how[8:12])):
                at += 1
            at = min(size, at + np.count_nonzero(how[8:12]))
        elif byte != 0 and (byte == how[12] or byte == how[13] or byte == how[14]):
            kind = STRING
            at = _string(data, at, how[15] == 1, how[16] == 1)
            if at == start:
                kind = MARK
                at += 1
            elif how[15] == 1 and at - start >= 6 and data[start + 1] == byte and _leads(data, start):
                kind = COMMENT  # documentation: three quotes that begin a line
        elif _word(byte):
            kind = NUMBER if 0x30 <= byte <= 0x39 else WORD
            while at < size and (_word(data[at]) or (kind == NUMBER and data[at] == 0x2E)):
                at += 1
        else:
            at += 1
        out[count, KIND], out[count, FROM], out[count, TO] = kind, start, at
        count += 1
    return out[:count]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _leads(data: Array, at: int) -> bool:
    """Whether only spaces and tabs stand before a byte on its line."""
    at -= 1
    while at >= 0 and (data[at] == 0x20 or data[at] == 0x09):
        at -= 1
    return at < 0 or data[at] == 0x0A


@njit(cache=True)  # type: ignore[untyped-decorator]
def _string(data: Array, start: int, triple: bool, lifetimes: bool) -> Any:
    """The end of the string that begins at `start`; `start` itself where the quote opens none."""
    size = data.shape[0]
    quote = data[start]
    if lifetimes and quote == 0x27 and start + 2 < size and data[start + 1] != 0x5C:
        # Rust: a character, or the name of a lifetime
        stop = start + 2
        while stop < size and stop < start + 6 and data[stop] & 0xC0 == 0x80:
            stop += 1
        return stop + 1 if stop < size and data[stop] == 0x27 else start
    if triple and start + 2 < size and data[start + 1] == quote and data[start + 2] == quote:
        at = start + 3
        while at < size:
            if data[at] == 0x5C:
                at += 2
                continue
            if data[at] == quote and at + 2 < size and data[at + 1] == quote and data[at + 2] == quote:
                return at + 3
            at += 1
        return size
    at = start + 1
    while at < size:
        if data[at] == 0x5C:
            at += 2
            continue
        if data[at] == quote:
            return at + 1
        if data[at] == 0x0A and quote != 0x60:
            return at
        at += 1
    return size


@njit(cache=True)  # type: ignore[untyped-decorator]
def window_keys(data: Array, tokens: Array, length: int) -> Array:
    """A hash of each run of `length` tokens that are no comments; empty where there are fewer."""
    hashes = np.empty(tokens.shape[0], np.uint64)
    count = 0
    for i in range(tokens.shape[0]):
        if tokens[i, KIND] == COMMENT:
            continue
        value = np.uint64(0xCBF29CE484222325)
        for at in range(tokens[i, FROM], tokens[i, TO]):
            value = (value ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
        hashes[count] = value
        count += 1
    windows = max(0, count - length + 1)
    out = np.empty(windows, np.uint64)
    for i in range(windows):
        value = np.uint64(0)
        for k in range(length):
            value = value * np.uint64(0x5851F42D4C957F2D) + hashes[i + k]
            value ^= value >> np.uint64(29)
        out[i] = value
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def covered(keys: Array, length: int) -> Any:
    """How many tokens lie in a run of `length` tokens that has stood before."""
    total = keys.shape[0]
    if total == 0:
        return 0
    order = np.argsort(keys, kind="mergesort")  # stable: of equal runs the first one comes first
    again = np.zeros(total, np.uint8)
    for i in range(1, total):
        if keys[order[i]] == keys[order[i - 1]]:
            again[order[i]] = 1
    count = 0
    until = 0
    for i in range(total):
        if again[i]:
            count += i + length - max(until, i)
            until = i + length
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def kind_bytes(tokens: Array) -> Array:
    """Bytes in tokens of each kind."""
    out = np.zeros(5, np.int64)
    for i in range(tokens.shape[0]):
        out[tokens[i, KIND]] += tokens[i, TO] - tokens[i, FROM]
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def long_strings(data: Array, tokens: Array, length: int) -> Any:
    """Lines that hold a string of at least `length` bytes."""
    count = 0
    line_end = -1
    for i in range(tokens.shape[0]):
        if tokens[i, KIND] == STRING and tokens[i, TO] - tokens[i, FROM] >= length:
            if tokens[i, FROM] > line_end:
                count += 1
            line_end = tokens[i, TO] - 1
            while line_end < data.shape[0] and data[line_end] != 0x0A:
                line_end += 1
    return count
