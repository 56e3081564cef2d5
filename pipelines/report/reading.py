"""Bounded reading of datasets for the report: row groups, parts spread evenly, damage noted and passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arcmill.dataset import Dataset

Part = Mapping[str, Any]


@dataclass
class Group:
    """One row group of a part; columns are read when they are asked for."""

    _parquet: Any
    _number: int
    _path: str
    _notes: list[str]

    def read(self, columns: Sequence[str]) -> pa.Table | None:
        """The columns, or None where the part is damaged, which is noted once."""
        try:
            return self._parquet.read_row_group(self._number, columns=list(columns), use_threads=False)
        except (OSError, KeyError, pa.ArrowException) as error:
            _note(self._notes, self._path, error)
            return None


def groups(
    dataset: Dataset, parts: Sequence[Part], notes: list[str], max_rows: int | None = None, encoded: Sequence[str] = ()
) -> Iterator[Group]:
    """The row groups of some parts in order, up to about `max_rows` rows; columns `encoded` come as dictionaries."""
    rows = 0
    for part in parts:
        path = str(part["path"])
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(dataset.filesystem.open(dataset.file(path), "rb"))
                parquet = pq.ParquetFile(stream, read_dictionary=list(encoded), page_checksum_verification=True)
            except (OSError, KeyError, pa.ArrowException) as error:
                _note(notes, path, error)
                continue
            for number in range(parquet.num_row_groups):
                if max_rows is not None and rows >= max_rows:
                    return
                rows += parquet.metadata.row_group(number).num_rows
                yield Group(parquet, number, path, notes)


def spread(parts: Sequence[Part], max_rows: int, max_bytes: int) -> list[Part]:
    """All parts, or every n-th where they hold more than may be read, so that no corner of the data is favoured."""
    parts = list(parts)
    rows = sum(int(part["rows"]) for part in parts)
    size = sum(int(part["bytes"]) for part in parts)
    every = max(-(-rows // max_rows), -(-size // max_bytes), 1)
    return parts[::every]


def column_bytes(dataset: Dataset, column: str, max_parts: int = 400) -> int | None:
    """About how many bytes a string column holds uncompressed, from the Parquet footers alone; None if unknown."""
    parts = [part for part in dataset.parts if part["rows"]]
    chosen = parts[:: max(1, -(-len(parts) // max_parts))]
    size = rows = 0
    for part in chosen:
        try:
            with dataset.filesystem.open(dataset.file(part["path"]), "rb") as stream:
                metadata = pq.ParquetFile(stream).metadata
        except (OSError, pa.ArrowException):
            continue
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for place in range(group.num_columns):
                chunk = group.column(place)
                if chunk.path_in_schema == column:
                    # Plain encoding: four bytes of length before each value.
                    size += max(0, chunk.total_uncompressed_size - 4 * group.num_rows)
            rows += group.num_rows
    if not parts:
        return 0
    return size * sum(int(part["rows"]) for part in parts) // rows if rows else None


def _note(notes: list[str], path: str, error: BaseException) -> None:
    reason = "missing" if isinstance(error, FileNotFoundError) else "damaged"
    note = f"{path} is {reason}; its rows are not in the figures below"
    if note not in notes:
        notes.append(note)
