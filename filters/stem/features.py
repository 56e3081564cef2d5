"""What the classifier sees of a text: the set of its tokens and pairs of neighbouring tokens, hashed.

Formulas count as much as words: a LaTeX command is one token in its own case, every operator, bracket and mathematical
symbol is one, numbers are told by their shape, and a pair of tokens holds `number kg` or `\\frac {`. Names of code
(`a_name`, `a.name`, `aName`) are all one token, so that a package's own vocabulary is not learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BITS", "FEATURES", "Bags", "excerpt"]

FEATURES = 1  # version, written into the card; raised when the same text would give other features
BITS = 17  # a feature is one of 2^17 slots

WINDOW = 2000  # characters
WINDOWS = 3  # of a long text: its beginning, middle and end

_SPACE, _LETTER, _DIGIT, _MARK, _TWO, _THREE, _FOUR = range(7)  # _TWO and so on: a character of so many bytes, a token
_NAME, _INTEGER, _DIGITS, _DECIMAL, _POWER = 1, 2, 3, 4, 5  # tokens that stand for many


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, _MARK, np.uint8)
    kinds[:33] = _SPACE
    for byte in range(128):
        if chr(byte).isalpha():
            kinds[byte] = _LETTER
        elif chr(byte).isdigit():
            kinds[byte] = _DIGIT
    kinds[0x80:0xE3] = _LETTER
    kinds[0xC2] = _TWO  # degree sign, superscripts, middle dot
    kinds[0xE2] = _THREE  # arrows, mathematical operators, punctuation
    kinds[0xE3:0xF0] = _THREE  # kana, Han, Hangul
    kinds[0xF0:] = _FOUR  # mathematical alphanumerics
    return kinds


_KINDS = _kinds()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mix(value: np.uint64) -> np.uint64:
    """The finaliser of MurmurHash3: every bit of the input changes half of the output's."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True)
def _bag(data, kinds, seen, stamp, out):  # type: ignore[no-untyped-def]
    """Write the distinct slots of the text `data` into `out`; returns how many. `seen[slot] == stamp`: had already."""
    size, at, found = data.size, 0, 0
    before = np.uint64(0)
    shift = np.uint64(64 - BITS)
    while at < size:
        byte = data[at]
        kind = kinds[byte]
        if kind == _SPACE:
            at += 1
            continue
        token = np.uint64(0xCBF29CE484222325)  # FNV-1a
        prime = np.uint64(0x100000001B3)
        if kind == _LETTER:
            start, name, upper = at, False, False
            while at < size:
                byte = data[at]
                kind = kinds[byte]
                if kind == _LETTER:
                    capital = byte >= 65 and byte <= 90
                    if capital and at > start and not upper and data[at - 1] < 128:
                        name = True
                    upper = capital
                    token = (token ^ np.uint64(byte | 32 if capital else byte)) * prime
                elif (
                    (byte == 95 or byte == 46)  # _ and . within a name; x_i is a subscript
                    and at - start > 1
                    and at + 1 < size
                    and kinds[data[at + 1]] == _LETTER
                ):
                    name, upper = True, True
                elif not (kind == _DIGIT and name):
                    break
                at += 1
            if name:
                token = np.uint64(_NAME)
        elif kind == _DIGIT:
            start, dots = at, 0
            while at < size and (
                kinds[data[at]] == _DIGIT or (data[at] == 46 and at + 1 < size and kinds[data[at + 1]] == _DIGIT)
            ):
                dots += data[at] == 46
                at += 1
            token = np.uint64(_DECIMAL if dots else _INTEGER if at - start == 1 else _DIGITS)
            if (  # 1.5e-3
                at + 2 < size
                and (data[at] | 32) == 101
                and (data[at + 1] == 45 or data[at + 1] == 43)
                and kinds[data[at + 2]] == _DIGIT
            ):
                at += 2
                while at < size and kinds[data[at]] == _DIGIT:
                    at += 1
                token = np.uint64(_POWER)
        elif kind == _MARK:
            token = (token ^ np.uint64(byte)) * prime
            at += 1
            if byte == 92:  # a LaTeX command
                while at < size and kinds[data[at]] == _LETTER and data[at] < 128:
                    token = (token ^ np.uint64(data[at])) * prime
                    at += 1
        else:
            end = min(size, at + (2 if kind == _TWO else 3 if kind == _THREE else 4))
            while at < end:
                token = (token ^ np.uint64(data[at])) * prime
                at += 1
        slot = _mix(token) >> shift
        if seen[slot] != stamp:
            seen[slot] = stamp
            out[found] = slot
            found += 1
        if before:
            slot = _mix(before * np.uint64(0x9E3779B97F4A7C15) + token) >> shift
            if seen[slot] != stamp:
                seen[slot] = stamp
                out[found] = slot
                found += 1
        before = token
    return found


@njit(cache=True)
def _sum(data, kinds, seen, stamp, out, weights):  # type: ignore[no-untyped-def]
    found = _bag(data, kinds, seen, stamp, out)
    total = np.int64(0)
    for number in range(found):
        total += weights[out[number]]
    return total, found


def excerpt(text: str) -> bytes:
    """The part of a text that is read, as UTF-8: all of it, or its beginning, middle and end."""
    if len(text) > WINDOW * WINDOWS:
        middle = (len(text) - WINDOW) // 2
        text = f"{text[:WINDOW]} {text[middle : middle + WINDOW]} {text[-WINDOW:]}"
    return text.encode("utf-8", "replace")


class Bags:
    """Turns texts into slots. It keeps scratch memory between texts, so one belongs to one thread."""

    def __init__(self) -> None:
        self._seen = np.zeros(1 << BITS, np.uint32)
        self._out = np.empty(1 << BITS, np.int32)
        self._stamp = 0

    def _next(self) -> int:
        self._stamp += 1
        if self._stamp == 1 << 32:
            self._seen[:] = 0
            self._stamp = 1
        return self._stamp

    def slots(self, text: str) -> NDArray[np.int32]:
        """The distinct slots of a text, in the order in which they are first met."""
        data = np.frombuffer(excerpt(text), np.uint8)
        found = _bag(data, _KINDS, self._seen, np.uint32(self._next()), self._out)
        return self._out[:found].copy()

    def sums(self, texts: list[str], weights: NDArray[np.int16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each text the sum of its slots' weights, and how many slots it has."""
        totals, counts = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        for row, text in enumerate(texts):
            data = np.frombuffer(excerpt(text), np.uint8)
            stamp = np.uint32(self._next())
            totals[row], counts[row] = _sum(data, _KINDS, self._seen, stamp, self._out, weights)
        return totals, counts
