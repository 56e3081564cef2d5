"""MinHash signatures and band keys (Broder 1997; Leskovec et al., Mining of Massive Datasets, 3.4).

The permutations are x -> a*x + b modulo 2^32 with odd a, on the upper half of the 64-bit shingle hash: each
is a bijection, and one vector instruction serves 8 or 16 shingles. That family is only 2-universal; it stands
for random permutations because its input is the output of a strong mixer, not the text (Mitzenmacher and
Vadhan, 2008). Candidates are verified afterwards, so a poor hash could cost recall, never precision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.shingles import Shingles, mix64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S32 = np.uint64(32)
_STEP = 0x9E3779B97F4A7C15


def _draws(count: int, seed: int) -> list[int]:
    """32-bit numbers from SplitMix64: the same on every machine and numpy version."""
    draws: list[int] = []
    state = seed & 0xFFFFFFFFFFFFFFFF
    for _ in range(count):
        state = (state + _STEP) & 0xFFFFFFFFFFFFFFFF
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        draws.append((z ^ (z >> 31)) >> 32)
    return draws


def permutations(count: int, seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """`count` multipliers (odd) and offsets."""
    draws = _draws(2 * count, seed)
    return np.array([d | 1 for d in draws[:count]], np.uint32), np.array(draws[count:], np.uint32)


def groups(bands: int, rows: int, groupings: int, seed: int) -> npt.NDArray[np.int64]:
    """int64[groupings * bands, rows]: which values of a signature each band holds.

    The first grouping takes them as they come, each further one in another order. A pair that agrees in many values but
    by bad luck in no band of one grouping has a fresh chance in the next, for the price of its keys alone.
    """
    count = bands * rows
    orders = [list(range(count))]
    for grouping in range(1, groupings):
        draws = _draws(count, seed + (grouping << 32))
        orders.append(sorted(range(count), key=lambda value, draws=draws: (draws[value], value)))  # type: ignore[misc]
    return np.array(orders, np.int64).reshape(groupings * bands, rows)


@njit(cache=True)
def _minima(values, a, b, out):  # type: ignore[no-untyped-def]
    for p in range(a.size):
        multiplier, offset = a[p], b[p]
        least = np.uint32(0xFFFFFFFF)
        for j in range(values.size):
            least = min(least, np.uint32(np.uint32(values[j] * multiplier) + offset))
        out[p] = least


@njit(cache=True)
def _band_keys(hashes, starts, a, b, members, scratch, keys):  # type: ignore[no-untyped-def]
    signature = np.empty(a.size, np.uint32)
    for document in range(starts.size - 1):
        first, size = starts[document], starts[document + 1] - starts[document]
        for j in range(size):
            scratch[j] = np.uint32(hashes[first + j] >> _S32)
        _minima(scratch[:size], a, b, signature)
        for band in range(members.shape[0]):
            key = np.uint64(band + 1)
            for row in range(members.shape[1]):
                key = (key ^ np.uint64(signature[members[band, row]])) * _GOLDEN
                key ^= key >> _S32
            keys[document, band] = np.int64(mix64(key))


def band_keys(
    hashes: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64], bands: int, rows: int, seed: int, groupings: int = 1
) -> npt.NDArray[np.int64]:
    """int64[documents, groupings * bands]: equal in a column exactly where (but for hash collisions) that band's rows agree."""
    a, b = permutations(bands * rows, seed)
    documents = starts.size - 1
    members = groups(bands, rows, groupings, seed)
    keys = np.empty((documents, len(members)), np.int64)
    longest = int(np.max(np.diff(starts))) if documents else 0
    _band_keys(hashes, starts, a, b, members, np.empty(longest, np.uint32), keys)
    return keys


def document_keys(
    shingles: Shingles, bands: int, rows: int, seed: int, groupings: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The band keys of all documents in a row, and how many each has: `bands`, times `groupings`, or one where it is short.

    A short document has one hash: one band says all that is to say of it.
    """
    keys = band_keys(shingles.hashes, shingles.starts, bands, rows, seed, groupings)
    counts = np.where(shingles.short, 1, keys.shape[1])
    return keys[np.arange(keys.shape[1])[None, :] < counts[:, None]], counts
