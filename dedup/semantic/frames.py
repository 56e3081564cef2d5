"""The frame of a page: the words that pages of one template share, beside the values that differ.

A model of meaning sees two pages of one template as unlike as their values (towns, names, amounts), so vectors do not
find them. Their words do: without numbers, pairs of neighbouring words (shingles of two) are mostly the template's, while
pages written apart share next to none. What goes must also hold no long passage of its own: pages with the same menu and
another article in it share many words, and are not made from values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.folding import without_numbers
from dedup.shingles import shingle
from dedup.signatures import band_keys

if TYPE_CHECKING:
    import pyarrow as pa

Longs = npt.NDArray[np.int64]
WORDS = 2  # of a shingle: each value spoils two of them; with one, any two pages of a language would be alike
LONGEST = 1 << 15  # shingles of a page that are looked at, from its beginning
ENDS = 2  # shared shingles in a row that end a passage of its own; one alone ("of the") is met by chance
SHORT = 64  # shingles in common below which a page needs more: 1 - common / SHORT of them (a word weighs more there)
BANDS, ROWS = 64, 3  # a pair of similarity s is looked at with chance 1 - (1 - s^3)^64: 0.985 at 0.4, 0.9998 at 0.5
BUCKET = 64  # survivors of one bucket that are looked at, the newest; a family meets in many buckets
_CHUNK = 1 << 15  # pages that are signed at once
_S32 = np.uint64(32)


class Frames(NamedTuple):
    """Shingles of all pages: page i owns `starts[i]` … `starts[i + 1]` of both columns, ascending by hash."""

    hashes: npt.NDArray[np.uint32]
    places: npt.NDArray[np.uint16]  # where in the page the shingle stands
    starts: Longs

    def take(self, rows: Longs) -> Frames:
        """Some of the pages, in that order."""
        return Frames(*_taken(*self, rows))

    @classmethod
    def joined(cls, pieces: Iterable[Frames]) -> Frames:
        """The pages of all pieces, one piece after another."""
        held = list(pieces) or [cls(np.empty(0, np.uint32), np.empty(0, np.uint16), np.zeros(1, np.int64))]
        ends = np.cumsum([0, *(piece.starts[-1] for piece in held)])
        starts = [np.zeros(1, np.int64), *(p.starts[1:] + e for p, e in zip(held, ends, strict=False))]
        return cls(
            np.concatenate([p.hashes for p in held]), np.concatenate([p.places for p in held]), np.concatenate(starts)
        )


def frames(texts: pa.Array) -> Frames:
    """The shingles of a column of texts."""
    found = shingle(texts, WORDS, without_numbers())
    hashes = (found.hashes >> _S32).astype(np.uint32)
    return Frames(*_ordered(hashes, found.starts))


@njit(cache=True)
def _taken(hashes, places, starts, rows):  # type: ignore[no-untyped-def]
    ends = np.zeros(rows.size + 1, np.int64)
    for at in range(rows.size):
        ends[at + 1] = ends[at] + starts[rows[at] + 1] - starts[rows[at]]
    values, where = np.empty(ends[-1], np.uint32), np.empty(ends[-1], np.uint16)
    for at in range(rows.size):
        low, high = starts[rows[at]], starts[rows[at] + 1]
        values[ends[at] : ends[at + 1]] = hashes[low:high]
        where[ends[at] : ends[at + 1]] = places[low:high]
    return values, where, ends


@njit(cache=True)
def _ordered(hashes, starts):  # type: ignore[no-untyped-def]
    rows = starts.size - 1
    ends = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        ends[row + 1] = ends[row] + min(starts[row + 1] - starts[row], LONGEST)
    values, places = np.empty(ends[rows], np.uint32), np.empty(ends[rows], np.uint16)
    for row in range(rows):
        size = ends[row + 1] - ends[row]
        page = hashes[starts[row] : starts[row] + size]
        # The place in the lower half makes the order whole, and comes out with it.
        both = np.empty(size, np.uint64)
        for i in range(size):
            both[i] = (np.uint64(page[i]) << _S32) | np.uint64(i)
        both.sort()
        for i in range(size):
            values[ends[row] + i] = np.uint32(both[i] >> _S32)
            places[ends[row] + i] = np.uint16(both[i] & np.uint64(0xFFFF))
    return values, places, ends


@njit(cache=True)
def _likeness(hashes, places, starts, a, b, seen):  # type: ignore[no-untyped-def]
    """(shingles in common, similarity, most shingles that a has not in a passage of b). `seen` is scratch."""
    i, i_end = starts[a], starts[a + 1]
    j, j_end = starts[b], starts[b + 1]
    size = j_end - j
    total = i_end - i + size
    seen[:size] = False
    common = 0
    while i < i_end and j < j_end:
        x, y = hashes[i], hashes[j]
        if x == y:
            common += 1
            seen[places[j]] = True
            i += 1
            j += 1
        elif x < y:
            i += 1
        else:
            # One more of what a has fewer times: no part of the intersection, and no passage of its own either.
            seen[places[j]] = i > starts[a] and hashes[i - 1] == y
            j += 1
    while j < j_end and i > starts[a] and hashes[j] == hashes[i - 1]:
        seen[places[j]] = True
        j += 1
    longest = run = shared = 0
    for at in range(size):
        if seen[at]:
            shared += 1
            if shared == ENDS:
                run = 0
        else:
            shared = 0
            run += 1
            longest = max(longest, run)
    return common, common / (total - common) if total > common else 1.0, longest


@njit(cache=True)
def _sweep(rows, hashes, places, starts, buckets, head, after, looked, seen, least, words, passage, into):  # type: ignore[no-untyped-def]
    full = 0
    for row in rows:
        size = starts[row + 1] - starts[row]
        best = -1
        if size < words:
            continue
        for band in range(buckets.shape[1]):
            other, count = head[buckets[row, band]], 0
            while other >= 0 and count < BUCKET:
                count += 1
                if looked[other] != row and (best < 0 or other < best):
                    looked[other] = row
                    little, much = size, starts[other + 1] - starts[other]
                    if little > much:
                        little, much = much, little
                    if little >= least * much:
                        common, similarity, longest = _likeness(hashes, places, starts, other, row, seen)
                        needed = max(least, 1 - common / SHORT)
                        if common >= words and similarity >= needed and longest <= passage:
                            best = other
                other = after[other, band]
            full += other >= 0
        into[row] = best
        if best < 0:
            for band in range(buckets.shape[1]):
                bucket = buckets[row, band]
                after[row, band] = head[bucket]
                head[bucket] = row
    return full


class Evidence(NamedTuple):
    """Of a pair: shingles in common, their share (Jaccard index of the multisets), the longest passage of the page's own."""

    common: int
    similarity: float
    passage: int


class Sweep:
    """Pages in rank order, each compared with the survivors before it. Rows of `pages` are ranks: 0 is the best."""

    def __init__(self, pages: Frames, least: float, words: int, passage: int) -> None:
        self.pages, self.limits = pages, (least, words, passage)
        rows = len(pages.starts) - 1
        keys = np.empty((rows, BANDS), np.int64)
        for low in range(0, rows, _CHUNK):
            starts = pages.starts[low : low + _CHUNK + 1]
            wide = pages.hashes[starts[0] : starts[-1]].astype(np.uint64) << _S32
            keys[low : low + _CHUNK] = band_keys(wide, starts - starts[0], BANDS, ROWS, 1)
        kind = np.int32 if keys.size < 1 << 31 else np.int64
        self.buckets = np.empty(keys.shape, kind)
        first = 0
        for band in range(BANDS):
            values, self.buckets[:, band] = np.unique(keys[:, band], return_inverse=True)
            self.buckets[:, band] += first
            first += len(values)
        self.head = np.full(first, -1, kind)
        self.after = np.full((rows, BANDS), -1, kind)
        self.looked = np.full(rows, -1, np.int64)
        self.seen = np.zeros(int(np.diff(pages.starts).max(initial=0)) + 1, np.bool_)
        self.into = np.full(rows, -1, np.int64)
        self.full = 0

    def run(self, rows: Longs) -> Longs:
        """For each of the rows (ascending) the best survivor of its template, -1 where it survives itself."""
        self.full += int(_sweep(
            rows, *self.pages, self.buckets, self.head, self.after, self.looked, self.seen, *self.limits, self.into,
        ))  # fmt: skip
        return self.into[rows]

    def evidence(self, a: int, b: int) -> Evidence:
        """Why b goes into a."""
        return Evidence(*_likeness(*self.pages, a, b, self.seen))
