"""Columns of a batch with some of their values replaced, without a Python object for each of the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa


def replace_texts(texts: pa.LargeBinaryArray, new: Mapping[int, bytes]) -> pa.LargeStringArray:
    """Texts (UTF-8, no nulls), those of the rows in `new` replaced."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    data = memoryview(texts.buffers()[2] or b"")
    pieces: list[bytes | memoryview] = []
    done = 0  # rows whose text is in `pieces`
    for row in sorted(new):
        pieces += [data[offsets[done] : offsets[row]], new[row]]
        lengths[row] = len(new[row])
        done = row + 1
    pieces.append(data[offsets[done] : offsets[-1]])
    places = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    buffers = [None, pa.py_buffer(places), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), buffers)


def with_entries(column: pa.MapArray, new: Mapping[int, Mapping[str, str]]) -> pa.MapArray:
    """Maps with entries added at the end of those of some rows, which must not be null."""
    old = np.asarray(column.offsets).astype(np.int64)
    counts = np.diff(old)
    added = np.zeros(len(column), np.int64)
    added[list(new)] = [len(new[row]) for row in new]
    ends = np.cumsum(counts + added)
    starts = ends - counts - added
    # Where each entry comes from: the old ones first, the new ones behind them.
    source = np.empty(int(ends[-1]) if len(ends) else 0, np.int64)
    rows = np.repeat(np.arange(len(column)), counts)
    total = int(old[-1] - old[0])
    source[starts[rows] + np.arange(total) - (old[rows] - old[0])] = np.arange(total)
    keys: list[str] = []
    values: list[str] = []
    for row, entries in new.items():
        for number, (key, value) in enumerate(entries.items()):
            source[starts[row] + counts[row] + number] = total + len(keys)
            keys.append(key)
            values.append(value)
    take = pa.array(source)
    children = [
        pa.concat_arrays([each.slice(old[0], total), pa.array(fresh, each.type)]).take(take)
        for each, fresh in ((column.keys, keys), (column.items, values))
    ]
    offsets = pa.array(
        np.concatenate([starts, ends[-1:]]).astype(np.int32),
        mask=np.concatenate([np.asarray(column.is_null()), [False]]),
    )
    return pa.MapArray.from_arrays(offsets, *children)
