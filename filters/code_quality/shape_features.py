"""Compiled features of how often the shape of a file repeats itself: generators write the same lines and methods anew.

A shape is what is left of code once each name, number and string is one sign; only keywords and marks stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from filters.code.columns import COMMENT, FROM, KIND, MARK, STRING, TO, WORD
from filters.code_quality.token_features import _hash, _mix

Array = np.ndarray[Any, Any]

STATISTICS = 6
_READ = 1 << 14  # tokens of the start of a file
_SHORT = 64  # lines that a long and a short file are compared by
_RUN = 12  # tokens


@njit(cache=True)  # type: ignore[untyped-decorator]
def _repeated(shapes: Array, run: int) -> float:
    """Share of the runs of `run` shapes that have stood before."""
    count = shapes.shape[0] - run + 1
    if count < 2:
        return 0.0
    found = np.empty(count, np.uint64)
    for i in range(count):
        value = np.uint64(run)
        for k in range(i, i + run):
            value = _mix(value * np.uint64(0x9E3779B97F4A7C15) + shapes[k])
        found[i] = value
    found.sort()
    same = 0
    for i in range(1, count):
        same += found[i] == found[i - 1]
    return float(same / count)


@njit(cache=True)  # type: ignore[untyped-decorator]
def shape_features(data: Array, tokens: Array, keywords: Array) -> Array:
    """`STATISTICS` shares (0-1): lines whose shape has stood before, runs of two and of four lines, runs of `_RUN`
    tokens; lines and runs of two among the first `_SHORT` lines. Comments do not count."""
    most = min(tokens.shape[0], _READ)
    shapes = np.empty(most, np.uint64)
    lines = np.empty(most, np.uint64)
    size = number = 0
    line = np.uint64(0)
    at = 0
    for i in range(most):
        kind, start, end = tokens[i, KIND], tokens[i, FROM], tokens[i, TO]
        broken = False
        for k in range(at, start):
            broken |= data[k] == 0x0A
        at = end
        if broken and line:
            lines[number] = line
            number += 1
            line = np.uint64(0)
        if kind == COMMENT:
            continue
        shape = np.uint64(kind)
        if kind == MARK:
            shape = np.uint64(16) + np.uint64(data[start])
        elif kind == WORD:
            value = _hash(data, start, end)
            place = np.searchsorted(keywords, value)
            if place < keywords.shape[0] and keywords[place] == value:
                shape = value
        elif kind == STRING:
            for k in range(start, end):
                if data[k] == 0x0A:
                    shape = np.uint64(300)
                    break
        shapes[size] = shape
        size += 1
        line = _mix(line * np.uint64(0x9E3779B97F4A7C15) + shape + np.uint64(1))
    if line:
        lines[number] = line
        number += 1
    few = min(number, _SHORT)
    out = np.empty(STATISTICS, np.float64)
    out[0] = _repeated(lines[:number], 1)
    out[1] = _repeated(lines[:number], 2)
    out[2] = _repeated(lines[:number], 4)
    out[3] = _repeated(shapes[:size], _RUN)
    out[4] = _repeated(lines[:few], 1)
    out[5] = _repeated(lines[:few], 2)
    return out
