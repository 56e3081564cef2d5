"""A compiled set of byte strings that numbers its members in order of arrival. Membership is exact: bytes are
compared, hashes only find the place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]

_OFFSET = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
_PRIME = np.uint64(0x100000001B3)
_SHIFT = np.uint64(32)


class ByteTable:
    """Numbers for byte strings, from 0."""

    def __init__(self) -> None:
        self.members = 0
        self.stored_bytes = 0
        self._slots: Array = np.zeros(1 << 16, np.int64)  # open addressing, at most half full
        self._keys: Array = np.zeros(1 << 16, np.uint64)
        self._stored: Array = np.zeros(1 << 18, np.uint8)  # the bytes of all members
        self._places: Array = np.zeros(1 << 12, np.int64)  # where each begins

    @property
    def capacity(self) -> int:
        """Members that fit without growing."""
        return len(self._slots) // 2

    def find(self, data: Array, starts: Array, ends: Array, hashes: Array) -> tuple[Array, Array]:
        """The number of each span of `data`, and the positions of those that were new."""
        most = self.members + len(starts)
        if most > self.capacity:
            size = 1 << (2 * most).bit_length()
            slots, keys = np.zeros(size, np.int64), np.zeros(size, np.uint64)
            _spread(self._slots, self._keys, slots, keys)
            self._slots, self._keys = slots, keys
        self._places = room(self._places, most + 1)
        self._stored = room(self._stored, self.stored_bytes + int((ends - starts).sum()))
        numbers, new, self.stored_bytes = _find(
            data, starts, ends, hashes, self._slots, self._keys, self._stored, self._places, self.members,
            self.stored_bytes,
        )  # fmt: skip
        self.members += len(new)
        return numbers, new

    def add(self, strings: list[bytes]) -> Array:
        """The numbers of some byte strings."""
        data, starts, ends = spans(strings)
        return self.find(data, starts, ends, span_hashes(data, starts, ends))[0]

    def member(self, number: int) -> bytes:
        """The bytes of a member."""
        return self._stored[self._places[number] : self._places[number + 1]].tobytes()

    @property
    def frozen(self) -> tuple[Array, Array, Array, Array]:
        """The arrays that `contains` reads."""
        return self._slots, self._keys, self._stored, self._places


def spans(strings: list[bytes]) -> tuple[Array, Array, Array]:
    """The strings run together, where each begins, and where each ends."""
    ends = np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)))
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    return writable(strings), starts, ends


def writable(strings: list[bytes]) -> Array:
    """The strings run together. Compiled code is made anew for arrays that cannot be written: here all can."""
    return np.frombuffer(bytearray().join(strings), np.uint8)


def room(array: Array, size: int) -> Array:
    """The array, or a larger one that begins with it."""
    if size <= len(array):
        return array
    grown = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


@njit(cache=True)  # type: ignore[untyped-decorator]
def span_hash(data: Array, start: int, end: int) -> Any:
    """FNV-1a of some bytes, folded."""
    value = _OFFSET
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * _PRIME
    return value ^ (value >> _SHIFT)


@njit(cache=True)  # type: ignore[untyped-decorator]
def span_hashes(data: Array, starts: Array, ends: Array) -> Array:
    """The hash of each span."""
    out = np.empty(starts.shape[0], np.uint64)
    for i in range(starts.shape[0]):
        out[i] = span_hash(data, starts[i], ends[i])
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _same(data: Array, start: int, end: int, stored: Array, place: int, stop: int) -> bool:
    if end - start != stop - place:
        return False
    for i in range(end - start):  # noqa: SIM110  (compiled: a generator would not be)
        if data[start + i] != stored[place + i]:
            return False
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def contains(data: Array, start: int, end: int, slots: Array, keys: Array, stored: Array, places: Array) -> bool:
    """Whether a span is a member of a table."""
    value = span_hash(data, start, end)
    mask = slots.shape[0] - 1
    slot = np.int64(value) & mask
    while slots[slot]:
        member = slots[slot] - 1
        if keys[slot] == value and _same(data, start, end, stored, places[member], places[member + 1]):
            return True
        slot = (slot + 1) & mask
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _find(data: Array, starts: Array, ends: Array, hashes: Array, slots: Array, keys: Array, stored: Array,
          places: Array, members: int, used: int) -> tuple[Array, Array, int]:  # fmt: skip
    numbers = np.empty(starts.shape[0], np.int64)
    new = np.empty(starts.shape[0], np.int64)
    fresh = 0
    mask = slots.shape[0] - 1
    for i in range(starts.shape[0]):
        value = hashes[i]
        slot = np.int64(value) & mask
        while True:
            entry = slots[slot]
            if entry == 0:
                number = members + fresh
                slots[slot] = number + 1
                keys[slot] = value
                places[number] = used
                size = ends[i] - starts[i]
                for k in range(size):  # assigning a slice takes a second longer to compile
                    stored[used + k] = data[starts[i] + k]
                used += size
                places[number + 1] = used
                new[fresh] = i
                fresh += 1
                break
            number = entry - 1
            if keys[slot] == value and _same(data, starts[i], ends[i], stored, places[number], places[number + 1]):
                break
            slot = (slot + 1) & mask
        numbers[i] = number
    return numbers, new[:fresh], used


@njit(cache=True)  # type: ignore[untyped-decorator]
def _spread(slots: Array, keys: Array, larger: Array, larger_keys: Array) -> None:
    mask = larger.shape[0] - 1
    for i in range(slots.shape[0]):
        if slots[i]:
            slot = np.int64(keys[i]) & mask
            while larger[slot]:
                slot = (slot + 1) & mask
            larger[slot] = slots[i]
            larger_keys[slot] = keys[i]
