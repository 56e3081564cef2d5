"""Zip archives (wheels, crates' sources, GitHub's downloads) as items, by their directory or, where it is cut, in order."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from ingest.code.items import Item, Limits, dropped, errored, too_large, unsafe

_LOCAL = b"PK\x03\x04"
_DIRECTORY_BYTES = 64 << 20  # of the central directory, which is read whole
_STEP = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BAD = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError, KeyError,
        IndexError, OverflowError)  # fmt: skip


def zip_members(stream: BinaryIO, limits: Limits) -> Iterator[Item]:
    """The members of a zip. One without its directory is read from the front, as far as it goes."""
    if not _directory_fits(stream, limits):
        yield Item("", b"", errored("too-many-files", f"a directory of more than {limits.files:,} members (max_files)"))
        return
    try:
        archive = zipfile.ZipFile(stream)
    except _BAD as error:
        stream.seek(0)
        if stream.read(4) != _LOCAL:
            yield Item("", b"", errored("corrupt", f"no zip directory: {error}"))
            return
        stream.seek(0)
        yield from _in_order(stream, limits)
        return
    with archive:
        total = 0
        stored = _size(stream)
        for number, info in enumerate(archive.infolist(), 1):
            if info.filename.endswith("/"):  # is_dir of Python 3.11 fails on an empty name
                continue
            name = info.filename.removeprefix("./")
            if number > limits.files:
                yield Item("", b"", errored("too-many-files", f"more than {limits.files:,} members (max_files)"))
                return
            if why := unsafe(info.orig_filename.removeprefix("./")):
                yield Item(name, b"", dropped("unsafe-path", f"{info.orig_filename!r}: {why}"))
            elif stat.S_ISLNK(info.external_attr >> 16):
                yield Item(name, b"", dropped("symlink", f"{name}: links are not followed"))
            elif info.file_size > limits.file_bytes:
                yield Item(name, b"", too_large(info.file_size, limits))
            else:
                # Members may share stored bytes, so each is set against the archive as it was said, and all against it.
                if info.file_size > (1 << 20) + limits.ratio * max(info.compress_size, 1):
                    detail = f"{name}: {info.file_size:,} bytes from {info.compress_size:,} (max_ratio {limits.ratio})"
                    yield Item(name, b"", errored("bomb", detail))
                    continue
                item = _member(archive, info, name, limits)
                total += len(item.data)
                if total > limits.total_bytes or total > (1 << 20) + limits.ratio * stored:
                    detail = f"{total:,} bytes of {stored:,} stored; the rest is not read"
                    yield Item("", b"", errored("bomb", detail))
                    return
                yield item


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limits: Limits) -> Item:
    if info.flag_bits & 1:
        return Item(name, b"", errored("encrypted", f"{name}: needs a password"))
    if info.compress_type not in _METHODS:
        # zipfile unpacks bzip2 and LZMA without a bound: 400 bytes give 400 MB, whatever the member says of its size.
        detail = f"{name}: packed by method {info.compress_type}; stored and deflated members are read"
        return Item(name, b"", errored("unsupported", detail))
    try:
        with archive.open(info) as member:
            data = member.read(limits.file_bytes + 1)
    except _BAD as error:
        return Item(name, b"", errored("corrupt", f"{name}: {type(error).__name__}: {error}"))
    if len(data) > limits.file_bytes:
        return Item(name, b"", too_large(len(data), limits))
    return Item(name, data)


def _size(stream: BinaryIO) -> int:
    stream.seek(0, 2)
    return stream.tell()


def _directory_fits(stream: BinaryIO, limits: Limits) -> bool:
    """Whether the directory, as the end record tells, is small enough to be read whole. True where there is no record."""
    size = _size(stream)
    stream.seek(max(0, size - (1 << 16) - 22))
    tail = stream.read()
    stream.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return True
    members, length = (
        int.from_bytes(tail[at + 10 : at + 12], "little"),
        int.from_bytes(tail[at + 12 : at + 16], "little"),
    )
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) >= wide + 48:
        members = max(members, int.from_bytes(tail[wide + 32 : wide + 40], "little"))
        length = max(length if length < 0xFFFFFFFF else 0, int.from_bytes(tail[wide + 40 : wide + 48], "little"))
    # Some tools write 65,535 for "more": the length tells then.
    return length <= min(_DIRECTORY_BYTES, limits.files * 400) and (members <= 2 * limits.files or members == 0xFFFF)


def _in_order(stream: BinaryIO, limits: Limits) -> Iterator[Item]:
    """Members by their local headers (APPNOTE 4.3.7), up to where the file is cut."""
    number = total = 0
    while True:
        head = stream.read(30)
        if len(head) < 30 or head[:4] != _LOCAL:
            # The directory was not readable, or this would not be asked: so the end is missing, wherever it stops.
            yield Item("", b"", errored("truncated", f"after {number:,} members: the zip ends without its directory"))
            return
        number += 1
        flags, method = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        stored, size = int.from_bytes(head[18:22], "little"), int.from_bytes(head[22:26], "little")
        raw = stream.read(int.from_bytes(head[26:28], "little"))
        stream.read(int.from_bytes(head[28:30], "little"))
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace").removeprefix("./")
        if (
            number > limits.files
            or flags & 1
            or method not in _METHODS
            or (flags & 8 and method == 0)
            or stored == 0xFFFFFFFF
        ):
            yield Item("", b"", errored("truncated", f"after {number - 1:,} members: a zip without its directory, whose "
                                        f"next member ({name}) cannot be passed over"))  # fmt: skip
            return
        data = (
            _inflated(stream, stored, limits.file_bytes, flags & 8 != 0)
            if method == 8
            else _plain(stream, stored, limits)
        )
        if data is None:
            yield Item(name, b"", errored("truncated", f"{name}: the zip ends or is damaged within it"))
            return
        total += len(data)
        if total > limits.total_bytes:
            yield Item("", b"", errored("bomb", f"{total:,} bytes decompressed; the rest is not read"))
            return
        if name.endswith("/"):
            continue
        if why := unsafe(name):
            yield Item(name, b"", dropped("unsafe-path", f"{name!r}: {why}"))
        elif len(data) > limits.file_bytes:
            yield Item(name, b"", too_large(max(size, len(data)), limits))
        elif not flags & 8 and zlib.crc32(data) != int.from_bytes(head[14:18], "little"):
            yield Item(name, b"", errored("corrupt", f"{name}: its checksum differs"))
        else:
            yield Item(name, data)


def _plain(stream: BinaryIO, stored: int, limits: Limits) -> bytes | None:
    data = stream.read(min(stored, limits.file_bytes + 1))
    left = stored - len(data)
    while left > 0:
        piece = stream.read(min(left, _STEP))
        if not piece:
            return None
        left -= len(piece)
    return data if len(data) == min(stored, limits.file_bytes + 1) else None


def _inflated(stream: BinaryIO, stored: int, most: int, described: bool) -> bytes | None:
    """A deflated member, at most one byte more than `most`; None where it ends early. `described`: sizes come after it."""
    decoder: Any = zlib.decompressobj(-15)
    kept = bytearray()
    left = stored
    try:
        while not decoder.eof:
            waiting = decoder.unconsumed_tail
            if not waiting:
                waiting = stream.read(_STEP if described else min(left, _STEP))
                left -= len(waiting)
                if not waiting:
                    return None
            piece = decoder.decompress(waiting, _STEP)
            kept += piece[: most + 1 - len(kept)]
    except zlib.error:
        return None
    if described:
        stream.seek(-len(decoder.unused_data), 1)
        mark = stream.read(4)
        stream.read(12 if mark == b"PK\x07\x08" else 8)
    elif left > 0:
        stream.seek(left, 1)
    return bytes(kept)
