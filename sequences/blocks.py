"""Row groups of Sequence datasets, decoded to arrays: what a reader of training jobs keeps in memory.

Only files that the manifest lists are read. A part is checked against the manifest when it is first opened, and each row
group as it is decoded; what is wrong is an InputError that names the file.
"""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.storage import file_sha256, locate
from sequences.boundaries import cu_seqlens_of
from sequences.compact import Compact
from sequences.pages import list_column

Verify = Literal["none", "size", "sha256"]
VERIFY = ("none", "size", "sha256")
_NEEDED = ("input_ids.list.element", "loss_mask.list.element", "segments.list.element.start",
           "segments.list.element.length")  # fmt: skip
_PARTS_KEPT = 256  # footers in memory
_TAIL = 1 << 16  # bytes of a part's end that are read for its footer


class Part(NamedTuple):
    """A part of one of the datasets, as its manifest lists it."""

    dataset: str
    path: str
    rows: int
    bytes: int
    sha256: str


class Block(NamedTuple):
    """A decoded row group. Where the runs of row r end, padding's too, is at splits[r] to splits[r + 1] of `ends`."""

    tokens: Compact
    ends: npt.NDArray[np.int32]
    splits: list[int]
    segments: pa.ListArray | None  # whole, where they were asked for


class Footer(NamedTuple):
    """What a part says of itself: rows of its row groups, levels of its columns, and where these lie."""

    rows: list[int]
    columns: dict[str, int]
    levels: list[tuple[int, int]]
    metadata: pq.FileMetaData


class Store:
    """The parts of one or several Sequence datasets of one length, in the order in which they are named.

    Raises UsageError where they do not belong together: other lengths of a row, or another tokenizer.
    """

    def __init__(self, urls: Sequence[str], verify: Verify = "size", segments: bool = False) -> None:
        if verify not in VERIFY:
            raise UsageError(f"verify '{verify}': one of {', '.join(VERIFY)}")
        if not urls:
            raise UsageError("no dataset to read")
        self.verify, self.segments = verify, segments
        datasets = [Dataset.open(url) for url in urls]
        for url, dataset in zip(urls, datasets, strict=True):
            if dataset.record != "Sequence":
                raise UsageError(
                    f"{url}: a dataset of {dataset.record}; a reader wants Sequence (`arcmill pack` makes it)"
                )
        self.fingerprints = [dataset.fingerprint for dataset in datasets]
        self.parts = [
            Part(url, file["path"], file["rows"], file["bytes"], file["sha256"])
            for url, dataset in zip(urls, datasets, strict=True)
            for file in dataset.parts
        ]
        if not any(part.rows for part in self.parts):
            raise InputError(f"{', '.join(urls)}: no sequences to read")
        _agree(urls, [_tokenizer(dataset) for dataset in datasets], "was packed with another tokenizer")
        self._footers: OrderedDict[int, Footer] = OrderedDict()
        self._lock = threading.Lock()
        lengths = [self._length(number) for number in self._first_parts(urls)]
        _agree(urls, lengths, "has sequences of another length")
        self.length: int = next(length for length in lengths if length is not None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_footers": OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _first_parts(self, urls: Sequence[str]) -> list[int | None]:
        """Of each dataset the first part that holds rows."""
        return [
            next((n for n, part in enumerate(self.parts) if part.dataset == url and part.rows), None) for url in urls
        ]

    def _length(self, part: int | None) -> int | None:
        if part is None:
            return None
        footer = self.footer(part)
        group = next(number for number, rows in enumerate(footer.rows) if rows)
        values = footer.metadata.row_group(group).column(footer.columns[_NEEDED[0]]).num_values
        return int(values // footer.rows[group])

    def name(self, part: int) -> str:
        """The full name of a part, as a person looks it up."""
        return f"{self.parts[part].dataset.rstrip('/')}/{self.parts[part].path}"

    def footer(self, part: int) -> Footer:
        """What a part says of itself; kept for the parts asked for last."""
        with self._lock:
            if part in self._footers:
                self._footers.move_to_end(part)
                return self._footers[part]
        footer = self._open(part)
        with self._lock:
            self._footers[part] = footer
            while len(self._footers) > _PARTS_KEPT:
                self._footers.popitem(last=False)
        return footer

    def _open(self, part: int) -> Footer:
        told, name = self.parts[part], self.name(part)
        filesystem, path = locate(name)
        try:
            if self.verify != "none":
                size = filesystem.size(path)
                if size != told.bytes:
                    raise InputError(f"{name}: {size} bytes, the manifest says {told.bytes}")
                if self.verify == "sha256" and file_sha256(filesystem, path) != told.sha256:
                    raise InputError(f"{name}: checksum differs from the manifest")
            tail = _bytes(filesystem, path, max(0, told.bytes - _TAIL), told.bytes)
            if tail[-4:] != b"PAR1":
                raise InputError(f"{name}: a damaged part (its end is not that of a Parquet file)")
            needed = int.from_bytes(tail[-8:-4], "little") + 8
            if needed > len(tail):
                tail = _bytes(filesystem, path, max(0, told.bytes - needed), told.bytes)
            metadata = pq.read_metadata(pa.BufferReader(tail))
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{name}: a damaged or missing part ({_short(error)})") from None
        if metadata.num_rows != told.rows:
            raise InputError(f"{name}: {metadata.num_rows} rows, the manifest says {told.rows}")
        leaves = [metadata.schema.column(number) for number in range(metadata.num_columns)]
        columns = {leaf.path: number for number, leaf in enumerate(leaves)}
        if missing := [column for column in _NEEDED if column not in columns]:
            raise InputError(f"{name}: has no column {missing[0]}")
        return Footer(
            [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)], columns,
            [(leaf.max_repetition_level, leaf.max_definition_level) for leaf in leaves], metadata,
        )  # fmt: skip

    def read(self, part: int, group: int) -> Block:
        """Decode one row group."""
        footer, name = self.footer(part), self.name(part)
        about = footer.metadata.row_group(group)
        numbers = range(about.num_columns) if self.segments else [footer.columns[column] for column in _NEEDED]
        chunks = {number: about.column(number) for number in numbers}
        begins = {number: _begin(chunk) for number, chunk in chunks.items()}
        first = min(begins.values())
        last = max(begins[number] + chunk.total_compressed_size for number, chunk in chunks.items())
        try:
            filesystem, path = locate(name)
            data = memoryview(_bytes(filesystem, path, first, last))
            window = _Window(data, first, self.parts[part].bytes)
            columns = []
            for column in _NEEDED:
                number = footer.columns[column]
                place, size = begins[number] - first, chunks[number].total_compressed_size
                kind = np.uint8 if column == _NEEDED[1] else np.int32
                found = list_column(data[place : place + size], chunks[number], footer.levels[number], kind)
                columns.append(found or _general(window, footer, group, column))
            segments = None
            if self.segments:
                read = pq.ParquetFile(
                    pa.PythonFile(window, "r"), metadata=footer.metadata, page_checksum_verification=True
                )
                segments = (
                    read.read_row_group(group, columns=["segments"], use_threads=False).column(0).combine_chunks()
                )
        except (OSError, ValueError, pa.ArrowException) as error:
            raise InputError(f"{name}: a damaged part (row group {group}: {_short(error)})") from None
        return self._block(name, group, footer.rows[group], columns, segments)

    def _block(
        self, name: str, group: int, rows: int, columns: Sequence[tuple[Any, Any]], segments: pa.ListArray | None
    ) -> Block:
        (ids, id_rows), (mask, mask_rows), (starts, start_rows), (lengths, length_rows) = columns
        whole = np.arange(rows, dtype=np.int64) * self.length
        for label, values, begins in (("input_ids", ids, id_rows), ("loss_mask", mask, mask_rows)):
            if len(values) != rows * self.length or not np.array_equal(begins, whole):
                raise InputError(f"{name}: row group {group} has {label} that are not of {self.length} tokens a row")
        if len(start_rows) != rows or not np.array_equal(start_rows, length_rows) or len(starts) != len(lengths):
            raise InputError(f"{name}: row group {group} has rows without segments")
        try:
            boundaries = cu_seqlens_of(starts, lengths, np.concatenate((start_rows, [len(starts)])), self.length)[1:]
        except InputError as error:
            raise InputError(f"{name}: row group {group}: {error}") from None
        in_row = (boundaries - 1) // self.length
        splits: list[int] = np.searchsorted(in_row, np.arange(rows + 1)).tolist()
        shape = (rows, self.length)
        return Block(
            Compact(ids.reshape(shape), mask.astype(np.uint8, copy=False).reshape(shape)),
            boundaries - in_row * np.int32(self.length), splits, segments,
        )  # fmt: skip


class _Window(io.RawIOBase):
    """Some bytes of a file, at their places in it, for a reader that wants to seek."""

    def __init__(self, data: memoryview, first: int, size: int) -> None:
        self._data, self._first, self._size, self._at = data, first, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        place = self._at - self._first
        size = self._size - self._at if size < 0 else size
        if place < 0 or place + size > len(self._data):
            raise OSError(f"bytes {self._at} to {self._at + size} lie outside of the row group")
        self._at += size
        return bytes(self._data[place : place + size])


def _general(window: _Window, footer: Footer, group: int, column: str) -> tuple[Any, npt.NDArray[np.int64]]:
    """A column of lists by pyarrow: for parts that another writer made."""
    file = pq.ParquetFile(pa.PythonFile(window, "r"), metadata=footer.metadata, page_checksum_verification=True)
    lists = file.read_row_group(group, columns=[column], use_threads=False).column(0).combine_chunks()
    if lists.null_count:
        raise ValueError(f"{column} holds nulls")
    values = lists.flatten()
    if pa.types.is_struct(values.type):
        values = values.field(0)
    if values.null_count or (len(lists) and lists.value_lengths().to_numpy().min() < 1):
        raise ValueError(f"{column} holds nulls or empty lists")
    begins = lists.offsets.to_numpy()[:-1].astype(np.int64)
    return values.to_numpy().astype(np.int32), begins - (begins[0] if len(begins) else 0)


def _begin(chunk: Any) -> int:
    return int(chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset)


def _bytes(filesystem: Any, path: str, first: int, last: int) -> bytes:
    data: bytes = filesystem.cat_file(path, start=first, end=last)
    if len(data) != last - first:
        raise OSError(f"{len(data)} bytes where {last - first} should be")
    return data


def _tokenizer(dataset: Dataset) -> str | None:
    # Where documents were removed, the manifest names what was packed, and its statistics how that was.
    inputs = [*dataset.manifest.get("inputs", []), *dataset.statistics.get("packed", {}).get("inputs", [])]
    return next((entry["fingerprint"] for entry in inputs if entry["name"] == "tokenizer"), None)


def _agree(urls: Sequence[str], facts: Sequence[Any], complaint: str) -> None:
    known = [(url, fact) for url, fact in zip(urls, facts, strict=True) if fact is not None]
    for url, fact in known[1:]:
        if fact != known[0][1]:
            raise UsageError(f"{url} {complaint} ({str(fact)[:16]}) than {known[0][0]} ({str(known[0][1])[:16]})")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
