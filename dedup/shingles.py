"""Shingles of a text as 64-bit hashes: straight from the UTF-8 bytes of an Arrow column.

A token is a run of letters, digits and marks, folded by `dedup.folding`; in scripts without spaces it is one
character. A shingle is n tokens in a row. Tokens are hashed character by character (xor, multiply, shift) and
finished with the 64-bit mixer of MurmurHash3; a shingle is the polynomial of its token hashes modulo 2^64,
rolled from one position to the next and mixed again. With 64 bits, two shingles of a pair of 10,000-word
documents collide with probability below 1e-11, so the Jaccard index of the hash sets is that of the shingle
sets.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.folding import ALONE, SIZE, SKIP, fold_table

if TYPE_CHECKING:
    import pyarrow as pa

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0xD6E8FEB86659FD93)  # odd: rolling a token out and in again gives the same shingle
_ALONE = np.uint32(ALONE)
_S32, _S33 = np.uint64(32), np.uint64(33)
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


class Shingles(NamedTuple):
    """Hashes of all documents of a batch, one after another: document i owns `hashes[starts[i]:starts[i + 1]]`."""

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    short: npt.NDArray[np.bool_]  # fewer than n tokens: its one hash stands for the whole token sequence


@njit(cache=True, inline="always")
def mix64(h):  # type: ignore[no-untyped-def]
    """The finaliser of MurmurHash3: a bijection on 64 bits in which every input bit moves every output bit."""
    h = (h ^ (h >> _S33)) * _M1
    h = (h ^ (h >> _S33)) * _M2
    return h ^ (h >> _S33)


@njit(cache=True)
def _shingle(data, offsets, table, n, hashes, starts, short):  # type: ignore[no-untyped-def]
    window = np.zeros(n, np.uint64)
    leave = np.uint64(1)
    for _ in range(n):
        leave = leave * _BASE
    used = 0
    for document in range(offsets.size - 1):
        at, end = offsets[document], offsets[document + 1]
        tokens = 0
        rolled = np.uint64(0)
        word = np.uint64(0)
        inside = False
        starts[document] = used
        while at <= end:
            # One step past the end closes the last word.
            code = np.uint32(0)
            if at < end:
                byte = np.uint32(data[at])
                if byte < 0x80:
                    code = byte
                    at += 1
                elif byte < 0xE0:
                    code = ((byte & np.uint32(0x1F)) << np.uint32(6)) | (np.uint32(data[at + 1]) & np.uint32(0x3F))
                    at += 2
                elif byte < 0xF0:
                    code = (
                        ((byte & np.uint32(0x0F)) << np.uint32(12))
                        | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(6))
                        | (np.uint32(data[at + 2]) & np.uint32(0x3F))
                    )
                    at += 3
                else:
                    code = (
                        ((byte & np.uint32(0x07)) << np.uint32(18))
                        | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(12))
                        | ((np.uint32(data[at + 2]) & np.uint32(0x3F)) << np.uint32(6))
                        | (np.uint32(data[at + 3]) & np.uint32(0x3F))
                    )
                    at += 4
                if code < SIZE:  # noqa: SIM108
                    folded = table[code]
                else:
                    folded = (code | _ALONE) if code < 0x40000 else np.uint32(0)
            else:
                folded = np.uint32(0)
                at += 1
            if folded == SKIP:
                continue
            alone = folded >= _ALONE
            if folded != 0 and not alone:
                word = (word ^ np.uint64(folded)) * _GOLDEN
                word ^= word >> _S32
                inside = True
                continue
            for kind in range(2):  # a separator ends a word; a character that stands alone ends one and is one
                if kind == 0:
                    if not inside:
                        continue
                    token = mix64(word)
                    word = np.uint64(0)
                    inside = False
                else:
                    if not alone:
                        continue
                    token = mix64(np.uint64(folded) * _GOLDEN)
                slot = tokens % n
                rolled = rolled * _BASE + token
                if tokens >= n:
                    rolled -= window[slot] * leave
                window[slot] = token
                tokens += 1
                if tokens >= n:
                    hashes[used] = mix64(rolled)
                    used += 1
        short[document] = tokens < n
        if 0 < tokens < n:
            hashes[used] = mix64(rolled + np.uint64(tokens))
            used += 1
    starts[offsets.size - 1] = used
    return used


def byte_buffers(column: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes and offsets of an Arrow string or binary column. Raises ValueError where a value is null."""
    import pyarrow as pa

    if column.null_count:
        raise ValueError("a value is null")
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    _, offsets, data = column.buffers()
    kind = np.int64 if wide else np.int32
    bounds = np.frombuffer(offsets, kind)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8), bounds


def shingle(column: pa.Array, n: int, table: npt.NDArray[np.uint32] | None = None) -> Shingles:
    """The shingle hashes of a string column, in text order, repeats included. `table` folds, `fold_table()` by default.

    A text without a single token (empty, only symbols) has one hash too: that of its exact bytes.
    """
    data, offsets = byte_buffers(column)
    rows = len(column)
    # A token takes at least two bytes (a letter and what ends it), or three where it stands alone.
    size = int(offsets[-1] - offsets[0]) // 2 + 2 * rows + 1
    hashes, starts, short = np.empty(size, np.uint64), np.empty(rows + 1, np.int64), np.empty(rows, np.bool_)
    used = _shingle(data, offsets, fold_table() if table is None else table, n, hashes, starts, short)
    hashes = hashes[:used]
    empty = np.flatnonzero(starts[1:] == starts[:-1])
    if empty.size:
        raw = [
            int.from_bytes(blake2b(data[offsets[i] : offsets[i + 1]].tobytes(), digest_size=8).digest(), "little")
            for i in empty
        ]
        hashes = np.insert(hashes, starts[empty], np.array(raw, np.uint64))
        starts = starts + np.searchsorted(empty, np.arange(rows + 1), side="left")
    return Shingles(hashes, starts, short)
