"""Compiled reading of UTF-8 text: one pass cuts it into lines and chunks. White space and line ends are those of
`str.split` and `str.splitlines`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _space(data: Array, i: int) -> tuple[int, bool]:
    """Bytes of the white-space character at `i` (0: none), and whether it ends a line."""
    byte = data[i]
    if byte < 0x80:
        if byte == 0x20 or byte == 0x09 or byte == 0x1F:
            return 1, False
        if 0x0A <= byte <= 0x0D or 0x1C <= byte <= 0x1E:
            return 1, True
        return 0, False
    left = data.shape[0] - i
    if byte == 0xC2 and left > 1:
        if data[i + 1] == 0x85:
            return 2, True
        return (2, False) if data[i + 1] == 0xA0 else (0, False)
    if left < 3:
        return 0, False
    second, third = data[i + 1], data[i + 2]
    if byte == 0xE2:
        if second == 0x80:
            if third == 0xA8 or third == 0xA9:
                return 3, True
            return (3, False) if third <= 0x8A or third == 0xAF else (0, False)
        return (3, False) if second == 0x81 and third == 0x9F else (0, False)
    if (byte == 0xE1 and second == 0x9A and third == 0x80) or (byte == 0xE3 and second == 0x80 and third == 0x80):
        return 3, False
    return 0, False


@njit(cache=True)  # type: ignore[untyped-decorator]
def cut(data: Array, offset: int) -> tuple[Array, Array, Array, Array, Array]:
    """Lines and chunks of a text; `offset` is added to the positions.

    Of each chunk: first byte, byte after the last, and whether more than one space stands before it in its line;
    of each line: the number of chunks up to its end, and whether white space other than one space ends it.
    """
    most = data.shape[0] // 2 + 1
    starts = np.empty(most, np.int64)
    ends = np.empty(most, np.int64)
    gaps = np.empty(most, np.bool_)
    line_count = 0
    for i in range(data.shape[0]):
        byte = data[i]
        if byte < 0x20 or byte == 0xC2 or byte == 0xE2:
            line_count += 1
    line_ends = np.empty(line_count + 1, np.int64)
    tails = np.empty(line_count + 1, np.bool_)
    chunks = 0
    lines = 0
    i = 0
    size = data.shape[0]
    open_line = False  # something of the line was read
    run = 0  # bytes of white space read since the last chunk or line end
    plain = True  # that run is of spaces only
    while i < size:
        width, ends_line = _space(data, i)
        if width == 0:
            starts[chunks] = i + offset
            gaps[chunks] = run > 1 or not plain
            while i < size:
                byte = data[i]
                if byte <= 0x20 or byte == 0xC2 or (0xE1 <= byte <= 0xE3):
                    width, ends_line = _space(data, i)
                    if width:
                        break
                i += 1
            ends[chunks] = i + offset
            chunks += 1
            open_line = True
            run = 0
            plain = True
        elif ends_line:
            line_ends[lines] = chunks
            tails[lines] = run > 1 or not plain
            lines += 1
            if data[i] == 0x0D and i + 1 < size and data[i + 1] == 0x0A:
                i += 1
            i += width
            open_line = False
            run = 0
            plain = True
        else:
            plain = plain and data[i] == 0x20
            run += width
            i += width
            open_line = True
    if open_line:
        line_ends[lines] = chunks
        tails[lines] = run > 1 or not plain
        lines += 1
    return starts[:chunks], ends[:chunks], gaps[:chunks], line_ends[:lines], tails[:lines]


@njit(cache=True)  # type: ignore[untyped-decorator]
def compact(data: Array, starts: Array, ends: Array) -> Array:
    """The bytes of the chunks, run together."""
    at = 0
    for i in range(starts.shape[0]):
        at += ends[i] - starts[i]
    out = np.empty(at, np.uint8)
    at = 0
    for i in range(starts.shape[0]):
        for k in range(starts[i], ends[i]):  # assigning a slice takes a second longer to compile
            out[at] = data[k]
            at += 1
    return out
