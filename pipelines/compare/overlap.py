"""How far two datasets hold the same rows, by id and by text, in bounded memory.

Each row is 24 bytes: 64-bit hashes of its id and its text, and its number. They are parted by hash into files of which
one pair at a time is read. Two of a thousand million different rows share a hash with a chance of about 3 %.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from hashlib import blake2b
from itertools import pairwise
from types import TracebackType
from typing import IO, Any

import numpy as np
import pyarrow as pa

HELD = 1 << 18  # rows of a side that wait in memory
PARTITION_ROWS = 1 << 21  # of a partition, about: 50 MB
MOST_PARTITIONS = 256
Words = np.ndarray[Any, np.dtype[np.uint64]]


def hashes(column: pa.Array) -> Words:
    """A 64-bit hash (BLAKE2b) of each string or binary value; null counts as empty."""
    kind = (
        pa.large_binary()
        if pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
        else pa.binary()
    )
    values = column.cast(kind)
    width = np.int64 if kind == pa.large_binary() else np.int32
    offsets = np.frombuffer(values.buffers()[1], width)[values.offset : values.offset + len(values) + 1].tolist()
    data = memoryview(values.buffers()[2] or b"")
    # Views into the buffer: no Python string is made of a text.
    digests = b"".join([blake2b(data[start:end], digest_size=8).digest() for start, end in pairwise(offsets)])
    return np.frombuffer(digests, dtype="<u8").copy()


def mixed(words: Words, seed: int) -> Words:
    """Another order of the hashes, for each seed (the last step of splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        held = words + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % (1 << 64))
        held = (held ^ (held >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        held = (held ^ (held >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return held ^ (held >> np.uint64(31))


class Spill:
    """Rows of fixed width (uint64 columns, the first decides the partition), in files by partition."""

    def __init__(self, folder: str, columns: int, partitions: int) -> None:
        self._columns, self._partitions = columns, partitions
        self._files: list[IO[bytes]] = [
            open(f"{folder}/{number:03d}", "w+b")  # noqa: SIM115  closed by `close`
            for number in range(partitions)
        ]
        self._waiting: list[Words] = []
        self._rows = 0

    def add(self, *columns: Words) -> None:
        self._waiting.append(np.stack(columns, axis=1))
        self._rows += len(columns[0])
        if self._rows >= HELD:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate(self._waiting)
        self._waiting, self._rows = [], 0
        places = (rows[:, 0] >> np.uint64(32)) % np.uint64(self._partitions)
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(self._partitions + 1))
        for number in range(self._partitions):
            if ends[number] < ends[number + 1]:
                self._files[number].write(rows[order[ends[number] : ends[number + 1]]].tobytes())

    def read(self, partition: int) -> Words:
        self._flush()
        self._files[partition].seek(0)
        return np.frombuffer(self._files[partition].read(), dtype=np.uint64).reshape(-1, self._columns)

    def close(self) -> None:
        for file in self._files:
            file.close()


class Overlap:
    """Two sides, 0 and 1: rows in by `add`, then `told`."""

    def __init__(self, rows: int) -> None:
        self._partitions = min(max(1, -(-rows // PARTITION_ROWS)), MOST_PARTITIONS)
        self._folder = tempfile.TemporaryDirectory(prefix="arcmill-compare-")
        self._ids: list[Spill] = []
        self._texts: list[Spill] = []
        for side in (0, 1):
            for kind, held, columns in (("ids", self._ids, 3), ("texts", self._texts, 1)):
                place = f"{self._folder.name}/{kind}{side}"
                os.mkdir(place)
                held.append(Spill(place, columns, self._partitions))

    def __enter__(self) -> Overlap:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        for spill in (*self._ids, *self._texts):
            spill.close()
        self._folder.cleanup()

    def add(self, side: int, ids: Words, texts: Words | None, numbers: Words) -> None:
        """Rows of a side: hashes of ids and of texts (None: they have none to compare), and their numbers."""
        self._ids[side].add(ids, texts if texts is not None else np.zeros_like(ids), numbers)
        if texts is not None:
            self._texts[side].add(texts)

    def add_texts(self, side: int, texts: Words) -> None:
        """Texts apart from ids, where a row of text holds several ids."""
        self._texts[side].add(texts)

    def told(self, samples: int, seed: int) -> tuple[dict[str, Any], tuple[list[int], list[int]]]:
        """The overlap by id and by text, and the numbers of `samples` rows whose id the other side has not, drawn by seed."""
        by_id, by_text = _nothing(), _nothing()
        changed = 0
        drawn: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for partition in range(self._partitions):
            a, b = (_firsts(spill.read(partition)) for spill in self._ids)
            shared = np.isin(a.keys, b.keys, assume_unique=True), np.isin(b.keys, a.keys, assume_unique=True)
            _count(by_id, a, b, *shared)
            changed += int(np.count_nonzero(a.rows[shared[0], 1] != b.rows[shared[1], 1]))
            for side, (held, both) in enumerate(((a, shared[0]), (b, shared[1]))):
                alone = held.rows[~both]
                order = mixed(alone[:, 0], seed)
                best = np.argsort(order, kind="stable")[:samples]
                drawn[side].extend(zip(order[best].tolist(), alone[best, 2].tolist(), strict=True))
                drawn[side].sort()
                del drawn[side][samples:]
            a, b = (_firsts(spill.read(partition)) for spill in self._texts)
            _count(
                by_text, a, b, np.isin(a.keys, b.keys, assume_unique=True), np.isin(b.keys, a.keys, assume_unique=True)
            )
        told = {"ids": _shares(by_id), "texts": _shares(by_text), "same_id_other_text": changed}
        return told, ([number for _, number in drawn[0]], [number for _, number in drawn[1]])


class _Firsts:
    """Rows by their first column, sorted, one each; `times`: how often each came."""

    def __init__(self, rows: Words) -> None:
        self.keys, index, self.times = np.unique(rows[:, 0], return_index=True, return_counts=True)
        self.rows = rows[index]


def _firsts(rows: Words) -> _Firsts:
    return _Firsts(rows)


def _nothing() -> dict[str, int]:
    return dict.fromkeys(("a", "b", "both", "rows_a", "rows_b", "rows_a_in_b", "rows_b_in_a"), 0)


def _count(into: dict[str, int], a: _Firsts, b: _Firsts, in_b: Any, in_a: Any) -> None:
    into["a"] += len(a.keys)
    into["b"] += len(b.keys)
    into["both"] += int(np.count_nonzero(in_b))
    into["rows_a"] += int(a.times.sum())
    into["rows_b"] += int(b.times.sum())
    into["rows_a_in_b"] += int(a.times[in_b].sum())
    into["rows_b_in_a"] += int(b.times[in_a].sum())


def _shares(found: dict[str, int]) -> dict[str, Any]:
    """Distinct values of each side, in both, in one alone, and both as a share of all (Jaccard)."""
    either = found["a"] + found["b"] - found["both"]
    return {
        **found, "only_a": found["a"] - found["both"], "only_b": found["b"] - found["both"],
        "jaccard": found["both"] / either if either else None,
    }  # fmt: skip


def cumulative(rows: Iterable[int]) -> list[int]:
    """Where each part's rows begin."""
    starts = [0]
    for number in rows:
        starts.append(starts[-1] + number)
    return starts
