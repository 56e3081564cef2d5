"""Which token of which document goes where: the two layouts of `pack`.

A layout takes in documents up to a window of bounded size, so that its memory does not grow with a part. The row that a
window does not fill (with best fit: its emptiest few) is not padded but left, and `sequences.pack_gather` lays out anew
what all windows of all tasks left: otherwise every window would pay for half a row of padding.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO

import numpy as np
import numpy.typing as npt

from sequences.best_fit import best_fit
from sequences.fim.context import ROOM, RunArranger
from sequences.pack_documents import Origin
from sequences.pack_encode import Ids
from sequences.pack_rows import Made, SequenceRows

WINDOW_TOKENS = 1 << 26  # of a window, in a temporary file of four bytes each
WINDOW_DOCUMENTS = 1 << 18  # of a window: a document costs some 400 bytes of memory, however short
LEFT = 8  # most rows that a window of best fit leaves
SCARCE = 0.999  # rows that are less full may be left


class Spool:
    """Runs of tokens of a window's documents, in a temporary file: a layout needs all before it can place the first."""

    def __init__(self, length: int) -> None:
        self.origins: list[Origin] = []
        self.lengths, self.offsets, self.totals = array("q"), array("q"), array("q")
        self._places = array("q")
        self._end = 0
        # Short sequences make many pieces.
        self._most = 4 * min(WINDOW_TOKENS, length * (WINDOW_DOCUMENTS // 2))
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="arcmill-pack-")  # noqa: SIM115  closed by the layout

    @property
    def full(self) -> bool:
        """Whether the window ends here."""
        return self._end >= self._most or len(self.origins) >= WINDOW_DOCUMENTS

    def add(self, origin: Origin, tokens: Ids, offset: int = 0, total: int | None = None) -> None:
        """A run of a document of `total` tokens, from its token `offset` on; by default all of it."""
        self.origins.append(origin)
        self.lengths.append(len(tokens))
        self.offsets.append(offset)
        self.totals.append(len(tokens) if total is None else total)
        self._places.append(self._end)
        self._end += self._file.write(tokens.data)

    def read(self, run: int, begin: int, length: int) -> Ids:
        """`length` tokens of a run, from its token `begin` on."""
        self._file.seek(self._places[run] + 4 * begin)
        return np.frombuffer(self._file.read(4 * length), dtype=np.int32)

    def order(self, seed: int, shuffle: bool) -> list[int]:
        """The documents in shuffled order: by hash of seed, id and epoch, so that no position decides."""
        if not shuffle:
            return list(range(len(self.origins)))
        keys = [(_hash(seed, origin), origin.id, origin.epoch) for origin in self.origins]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def close(self) -> None:
        self._file.close()


class Layout:
    """What both layouts share: a spool of the window's documents, and the rows that they fill."""

    def __init__(self, length: int, pad_id: int, seed: int, shuffle: bool, arranger: RunArranger | None) -> None:
        self.rows = SequenceRows(length, pad_id, arranger)
        self._length, self._pad_id, self._arranger = length, pad_id, arranger
        self._seed, self._shuffle = seed, shuffle
        self._spool = Spool(length)

    def __enter__(self) -> Layout:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    @property
    def full(self) -> bool:
        """Whether the documents that come next are another window's."""
        return self._spool.full

    def add(self, origin: Origin, tokens: Ids) -> Iterator[Made]:
        """Take in a document; the rows that are full now."""
        self._spool.add(origin, tokens)
        yield from ()

    def finish(self) -> Iterator[Made]:
        """All rows of the window, and what it leaves."""
        raise NotImplementedError


class Concat(Layout):
    """One ring of tokens, opened at a random place and cut every `length` tokens.

    The ring is opened within its first `length` tokens, by a hash of the seed and its first document. Those
    before the opening come last; what does not fill a sequence then is left.
    """

    def __init__(self, length: int, pad_id: int, seed: int, shuffle: bool, arranger: RunArranger | None) -> None:
        super().__init__(length, pad_id, seed, shuffle, arranger)
        self._before: list[tuple[Origin, Ids, int]] = []
        self._left: int | None = None  # tokens before the opening that are still to come

    def add(self, origin: Origin, tokens: Ids) -> Iterator[Made]:
        if self._shuffle:
            yield from super().add(origin, tokens)
        else:
            yield from self._place(origin, tokens)

    def finish(self) -> Iterator[Made]:
        for document in self._spool.order(self._seed, self._shuffle):
            tokens = self._spool.read(document, 0, self._spool.lengths[document])
            yield from self._place(self._spool.origins[document], tokens)
        for origin, tokens, total in self._before:
            yield from self.rows.add(origin, tokens, 0, total)
        yield from self.rows.leave()

    def _place(self, origin: Origin, tokens: Ids) -> Iterator[Made]:
        if self._left is None:
            self._left = _hash(self._seed, origin, b"cut") % self._length
        held = min(self._left, len(tokens))
        if held:
            self._before.append((origin, tokens[:held].copy(), len(tokens)))
            self._left -= held
        yield from self.rows.add(origin, tokens[held:], held, len(tokens))


class BestFit(Layout):
    """Best-fit decreasing: pieces of at most `length` tokens, each put where it leaves the least room."""

    def finish(self) -> Iterator[Made]:
        order = self._spool.order(self._seed, self._shuffle)
        pieces = [(document, *piece) for document in order for piece in self._pieces(document)]
        sizes = np.array([length + added for *_, length, added in pieces], np.int64)
        row_of, count = best_fit(sizes, self._length)
        left = emptiest(np.bincount(row_of, sizes, count).astype(np.float64), self._length)
        rests = SequenceRows(self._length, self._pad_id, self._arranger, rests=True)
        for row in rows_in_order(row_of, count):
            rows = rests if left[row_of[row[0]]] else self.rows
            for number in row:
                document, offset, length, _ = pieces[number]
                origin, tokens = self._spool.origins[document], self._spool.read(document, offset, length)
                yield from rows.add(origin, tokens, offset, self._spool.totals[document])
            yield from rows.end_row()
        yield from self.rows.finish()
        yield from rests.finish()

    def _pieces(self, document: int) -> Iterator[tuple[int, int, int]]:
        """Offset, length, and room for sentinels of the pieces of a document, which fill a sequence but for the last."""
        offset, total = 0, self._spool.lengths[document]
        while offset < total:
            rest, length, added = total - offset, 0, ROOM
            if self._arranger is not None:
                length = self._arranger.fits(self._spool.origins[document], offset, rest, self._length)
            if not length:
                length, added = min(rest, self._length), 0
            yield offset, length, added
            offset += length


def emptiest(loads: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.bool_]:
    """Of rows that hold so many tokens: those that a window leaves, to be filled with what others leave."""
    chosen = np.zeros(len(loads), np.bool_)
    chosen[np.argsort(loads, kind="stable")[:LEFT]] = True
    return chosen & (loads < SCARCE * length)


def rows_in_order(row_of: npt.NDArray[np.int32], count: int) -> Iterator[npt.NDArray[np.int64]]:
    """The items of each row, in order; rows as their first items are ordered, not by length."""
    firsts = np.full(count, len(row_of))
    np.minimum.at(firsts, row_of, np.arange(len(row_of)))
    order = np.argsort(firsts[row_of], kind="stable")
    ends = np.flatnonzero(np.diff(row_of[order])) + 1
    yield from np.split(order, ends) if len(order) else ()


def _hash(seed: int, origin: Origin, purpose: bytes = b"order") -> int:
    digest = blake2b(
        f"{seed}\0{origin.epoch}\0{origin.id}".encode("utf-8", "surrogatepass"), digest_size=8, person=purpose
    )
    return int.from_bytes(digest.digest(), "little")
