"""Columns of lists out of Parquet pages, without building the lists: several times as fast as a general reader.

Parquet writes for each value of a list two levels (Dremel; Melnik et al. 2010): does it begin a new row, and is it there
at all. Rows of a Sequence dataset have neither nulls nor empty lists, so the levels say where rows begin, and the values
lie as they are in memory. `list_column` decodes exactly that (data pages of version 1, values written plainly) and checks
every level; for anything else it says None, and a general reader must be asked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

_DATA_PAGE, _PLAIN, _RLE = 0, 0, 3


class _Foreign(Exception):
    """Not what this module decodes."""


def list_column(
    data: memoryview, chunk: Any, levels: tuple[int, int], dtype: npt.DTypeLike = np.int32
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]] | None:
    """Values of a column chunk of int32 lists, and the places where rows begin; None where it is written otherwise.

    `data`: the bytes of the chunk. `dtype`: of the values that come out. `chunk`: pyarrow's ColumnChunkMetaData. `levels`: the column's most repetition and
    definition levels.
    """
    if levels[0] != 1 or chunk.physical_type != "INT32" or chunk.has_dictionary_page:
        return None
    try:
        return _decode(data, chunk, levels[1], dtype)
    except (_Foreign, IndexError, ValueError, OSError):
        return None  # a damaged file, too: the general reader will say what is wrong with it


def _decode(
    data: memoryview, chunk: Any, most: int, dtype: npt.DTypeLike
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    import pyarrow as pa

    codec = None if chunk.compression == "UNCOMPRESSED" else pa.Codec(chunk.compression.lower())
    values = np.empty(chunk.num_values, dtype)
    begins: list[npt.NDArray[np.int64]] = []
    place = filled = 0
    while filled < chunk.num_values:
        header, place = _struct(data, place)
        kind, raw, stored, details = header[1], header[2], header[3], header.get(5)
        if kind != _DATA_PAGE or details is None or (details[2], details[3], details[4]) != (_PLAIN, _RLE, _RLE):
            raise _Foreign
        body = data[place : place + stored]
        place += stored
        if 4 in header and zlib.crc32(body) != header[4] & 0xFFFFFFFF:
            raise _Foreign  # damaged: the general reader says so
        page = memoryview(body if codec is None else codec.decompress(body, raw)).cast("B")  # Arrow's bytes are signed
        count = details[1]
        repeated, at = _levels(page, 0)
        defined, at = _levels(page, at)
        if not _all_are(defined, count, most):
            raise _Foreign
        begins.append(_zeros(bytes(repeated), count) + filled)
        found = np.frombuffer(page[at:], "<i4")
        if len(found) != count or filled + count > len(values):
            raise _Foreign
        values[filled : filled + count] = found
        filled += count
    return values, np.concatenate(begins) if begins else np.zeros(0, np.int64)


def _levels(page: memoryview, at: int) -> tuple[memoryview, int]:
    size = int.from_bytes(page[at : at + 4], "little")
    return page[at + 4 : at + 4 + size], at + 4 + size


def _all_are(levels: memoryview, count: int, value: int) -> bool:
    """Whether all of `count` levels are the most that there is."""
    width = value.bit_length()
    for packed, first, _, held in _runs(levels, count, width):
        if packed is None:
            if held != value:
                return False
        else:
            bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little").reshape(-1, width)
            numbers = bits @ (1 << np.arange(width))
            if (numbers[: count - first] != value).any():
                return False
    return True


@lru_cache(maxsize=256)  # the pages of columns with rows of one length have few patterns
def _zeros(levels: bytes, count: int) -> npt.NDArray[np.int64]:
    """Where `count` levels of one bit are 0."""
    found: list[npt.NDArray[np.int64]] = []
    for packed, first, last, held in _runs(memoryview(levels), count, 1):
        if packed is not None:
            bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: count - first]
            found.append(np.flatnonzero(bits == 0) + first)
        elif held == 0:
            found.append(np.arange(first, min(last, count)))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _runs(levels: memoryview, count: int, width: int) -> Iterator[tuple[memoryview | None, int, int, int]]:
    """Runs of Parquet's hybrid of run lengths and packed bits: (packed bits or None, first, last, value)."""
    place = done = 0
    while done < count:
        header, place = _varint(levels, place)
        if header & 1:
            size = (header >> 1) * width
            if place + size > len(levels):
                raise _Foreign
            last = done + (header >> 1) * 8
            yield levels[place : place + size], done, last, 0
        else:
            if not header:
                raise _Foreign
            size = (width + 7) // 8
            last = done + (header >> 1)
            yield None, done, last, int.from_bytes(levels[place : place + size], "little")
        place, done = place + size, last


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[place]
        place += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, place
        shift += 7


def _struct(data: memoryview, place: int) -> tuple[dict[int, Any], int]:
    """A struct of Thrift's compact protocol, as far as page headers use it: field number -> value."""
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head = data[place]
        place += 1
        if not head:
            return fields, place
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            value, place = _varint(data, place)
            number = (value >> 1) ^ -(value & 1)
        if kind in (1, 2):
            fields[number] = kind == 1
        elif kind in (4, 5, 6):
            value, place = _varint(data, place)
            fields[number] = (value >> 1) ^ -(value & 1)
        elif kind == 8:
            size, place = _varint(data, place)
            fields[number] = None  # bytes (bounds of a page), which nobody asks for
            place += size
        elif kind == 12:
            fields[number], place = _struct(data, place)
        else:
            raise _Foreign
