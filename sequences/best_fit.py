"""Best-fit decreasing for token sequences, compiled: ten million documents in a second or two.

Ding et al. 2024 (arXiv 2404.10830), section 3.2. The longest items come first, each goes into the row where it leaves the
least room; ties go to the row that came to that room last. Lengths are whole numbers up to `capacity`, so items are sorted by
counting, rows hang in a list for each room, and a tree of bits, 64 to a word, tells the least room that is large enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
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
def _pack(lengths: Any, capacity: int, levels: Any, starts: Any) -> Any:
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


def best_fit(lengths: npt.ArrayLike, capacity: int) -> tuple[npt.NDArray[np.int32], int]:
    """(row of each item, number of rows); no row holds more than `capacity`. ValueError for a length that is not from 1 to it."""
    held = np.ascontiguousarray(lengths, np.int32)
    if len(held) and not 1 <= held.min() <= held.max() <= capacity:
        raise ValueError(f"lengths are from {held.min()} to {held.max()}, not from 1 to {capacity}")
    sizes = [capacity // WORD + 1]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] - 1) // WORD + 1)
    starts = np.cumsum([0, *sizes[:-1]])
    row_of, rows = _pack(held, capacity, np.zeros(sum(sizes), np.uint64), starts)
    return row_of, int(rows)
