"""Which token of which document goes where: the two layouts of `pack`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO

import numpy as np
import pyarrow as pa

from sequences.best_fit import best_fit
from sequences.fim.context import ROOM, RunArranger
from sequences.pack_documents import Origin
from sequences.pack_encode import Ids
from sequences.pack_rows import SequenceRows


class Spool:
    """Tokens of a part's documents, in a temporary file: a layout needs all before it can place the first."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self.lengths: list[int] = []
        self._places: list[int] = []
        self._end = 0
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="arcmill-pack-")  # noqa: SIM115  closed by the layout

    def add(self, origin: Origin, tokens: Ids) -> None:
        self.origins.append(origin)
        self.lengths.append(len(tokens))
        self._places.append(self._end)
        self._end += self._file.write(tokens.data)

    def read(self, document: int, offset: int, length: int) -> Ids:
        """`length` tokens of a document, from `offset` on."""
        self._file.seek(self._places[document] + 4 * offset)
        return np.frombuffer(self._file.read(4 * length), dtype=np.int32)

    def order(self, seed: int, shuffle: bool) -> list[int]:
        """The documents in shuffled order: by hash of seed, id and epoch, so that no position decides."""
        if not shuffle:
            return list(range(len(self.origins)))
        keys = [(_hash(seed, origin), origin.id, origin.epoch) for origin in self.origins]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def close(self) -> None:
        self._file.close()


class _Layout:
    """What both layouts share: a spool of the part's documents, and the rows that they fill."""

    def __init__(self, length: int, pad_id: int, seed: int, shuffle: bool, arranger: RunArranger | None) -> None:
        self._rows = SequenceRows(length, pad_id, arranger)
        self._length, self._seed, self._shuffle, self._arranger = length, seed, shuffle, arranger
        self._spool = Spool()

    def __enter__(self) -> _Layout:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, origin: Origin, tokens: Ids) -> Iterator[pa.RecordBatch]:
        """Take in a document; the rows that are full now."""
        self._spool.add(origin, tokens)
        yield from ()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """All rows that are left."""
        raise NotImplementedError


class Concat(_Layout):
    """One ring of tokens, opened at a random place and cut every `length` tokens.

    The ring is opened within its first `length` tokens, by a hash of the seed and its first document. Those
    before the opening come last; so no more than one sequence of a part holds padding.
    """

    def __init__(self, length: int, pad_id: int, seed: int, shuffle: bool, arranger: RunArranger | None) -> None:
        super().__init__(length, pad_id, seed, shuffle, arranger)
        self._before: list[tuple[Origin, Ids]] = []
        self._left: int | None = None  # tokens before the opening that are still to come

    def add(self, origin: Origin, tokens: Ids) -> Iterator[pa.RecordBatch]:
        if self._shuffle:
            yield from super().add(origin, tokens)
        else:
            yield from self._place(origin, tokens)

    def finish(self) -> Iterator[pa.RecordBatch]:
        for document in self._spool.order(self._seed, self._shuffle):
            tokens = self._spool.read(document, 0, self._spool.lengths[document])
            yield from self._place(self._spool.origins[document], tokens)
        for origin, tokens in self._before:
            yield from self._rows.add(origin, tokens, 0)
        yield from self._rows.finish()

    def _place(self, origin: Origin, tokens: Ids) -> Iterator[pa.RecordBatch]:
        if self._left is None:
            self._left = _hash(self._seed, origin, b"cut") % self._length
        held = min(self._left, len(tokens))
        if held:
            self._before.append((origin, tokens[:held].copy()))
            self._left -= held
        yield from self._rows.add(origin, tokens[held:], held)


class BestFit(_Layout):
    """Best-fit decreasing: pieces of at most `length` tokens, each put where it leaves the least room."""

    def finish(self) -> Iterator[pa.RecordBatch]:
        order = self._spool.order(self._seed, self._shuffle)
        pieces = [(document, *piece) for document in order for piece in self._pieces(document)]
        row_of, count = best_fit([length + added for *_, length, added in pieces], self._length)
        firsts = np.full(count, len(pieces))
        np.minimum.at(firsts, row_of, np.arange(len(pieces)))
        row = -1
        for number in np.argsort(firsts[row_of], kind="stable"):  # rows as the documents are ordered, not by length
            if row not in (-1, row_of[number]):
                yield from self._rows.end_row()
            row = row_of[number]
            document, offset, length, _ = pieces[number]
            origin, tokens = self._spool.origins[document], self._spool.read(document, offset, length)
            yield from self._rows.add(origin, tokens, offset)
        if pieces:
            yield from self._rows.end_row()
        yield from self._rows.finish()

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


def _hash(seed: int, origin: Origin, purpose: bytes = b"order") -> int:
    digest = blake2b(
        f"{seed}\0{origin.epoch}\0{origin.id}".encode("utf-8", "surrogatepass"), digest_size=8, person=purpose
    )
    return int.from_bytes(digest.digest(), "little")
