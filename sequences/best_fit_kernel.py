"""The compiled loops of `best_fit`. Importing this imports numba, so only the function that packs does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

WORD = 64
# de Bruijn's way to the place of the lowest bit of a word
_MAGIC = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, np.int64)
for _bit in range(64):
    _PLACES[((int(_MAGIC) << _bit) & (2**64 - 1)) >> 58] = _bit


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _lowest(word: Any) -> Any:
    """The place of the lowest bit that is set."""
    return _PLACES[((word & (~word + np.uint64(1))) * _MAGIC) >> np.uint64(58)]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _next(levels: Any, starts: Any, room: int) -> Any:
    """The least room from `room` on that some row has; -1 where none has."""
    depth, place = 0, room
    while depth < len(starts):
        word = place >> 6
        if starts[depth] + word >= (starts[depth + 1] if depth + 1 < len(starts) else len(levels)):
            return -1
        held = levels[starts[depth] + word] >> np.uint64(place & 63)
        if held != 0:
            place += _lowest(held)
            while depth > 0:
                depth -= 1
                place = (place << 6) + _lowest(levels[starts[depth] + place])
            return place
        depth, place = depth + 1, word + 1
    return -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _set(levels: Any, starts: Any, room: int) -> None:
    for start in starts:
        levels[start + (room >> 6)] |= np.uint64(1) << np.uint64(room & 63)
        room >>= 6


@njit(cache=True)  # type: ignore[untyped-decorator]
def _clear(levels: Any, starts: Any, room: int) -> None:
    for start in starts:
        levels[start + (room >> 6)] &= ~(np.uint64(1) << np.uint64(room & 63))
        if levels[start + (room >> 6)] != 0:
            return
        room >>= 6


@njit(cache=True)  # type: ignore[untyped-decorator]
def pack(lengths: Any, capacity: int, levels: Any, starts: Any) -> Any:
    begins = np.zeros(capacity + 2, np.int64)  # of each length, the longest first
    for length in lengths:
        begins[capacity - length + 1] += 1
    for length in range(1, capacity + 2):
        begins[length] += begins[length - 1]
    order = np.empty(len(lengths), np.int32)
    for item in range(len(lengths)):
        place = capacity - lengths[item]
        order[begins[place]] = item
        begins[place] += 1
    row_of = np.empty(len(lengths), np.int32)
    heads = np.full(capacity + 1, -1, np.int32)  # the last row of each room
    before = np.empty(len(lengths), np.int32)  # of each row: the one that came to its room before
    rows = 0
    for number in range(len(order)):
        item = order[number]
        length = lengths[item]
        room = _next(levels, starts, length)
        if room < 0:
            row, room = rows, capacity
            rows += 1
        else:
            row = heads[room]
            heads[room] = before[row]
            if heads[room] < 0:
                _clear(levels, starts, room)
        row_of[item] = row
        room -= length
        if room > 0:
            before[row] = heads[room]
            if heads[room] < 0:
                _set(levels, starts, room)
            heads[room] = row
    return row_of, rows
