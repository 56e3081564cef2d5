"""Members of a tar archive (POSIX ustar, pax, GNU), streamed with bounds on what headers may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ingest.compression import ByteReader

BLOCK = 512
MAX_NAME = 1 << 16  # bytes of a pax or GNU long-name header


class TooMuch(Exception):
    """The archive declares more bytes than it may hold."""


class Member(NamedTuple):
    """A regular file of the archive; `data` holds at most `keep` bytes and one. `kind` is the header's type flag."""

    name: str
    size: int
    data: bytes
    kind: bytes = b"0"


def is_tar(head: bytes) -> bool:
    """Whether the first 512 bytes are a tar header: the magic, and the right checksum."""
    return len(head) >= BLOCK and head[257:262] == b"ustar" and _checksum(head)


def _checksum(head: bytes) -> bool:
    total = sum(head[:148]) + 8 * 32 + sum(head[156:BLOCK])
    return _number(head[148:156]) == total


def _number(field: bytes) -> int | None:
    """None for what is no number, or a negative one: a reader that trusts that goes backwards, for ever."""
    if field[:1] == b"\x80":  # GNU base 256; \xff would be negative
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        return None
    return int(digits, 8) if digits else 0


def read_members(reader: ByteReader, keep: int, others: bool = False, most: int | None = None) -> Iterator[Member]:
    """Regular files in order; with `others` also links, folders and devices, without data.

    Raises EOFError where the archive is cut, ValueError for a broken header, and TooMuch before a member with which the
    archive would come to more than `most` bytes is passed over.
    """
    long_name: str | None = None
    while True:
        head = reader.read(BLOCK)
        if not head.strip(b"\0"):
            return
        if len(head) < BLOCK:
            raise EOFError("the archive ends within a member header")
        size = _number(head[124:136])
        if size is None or not _checksum(head):
            raise ValueError("broken tar header")
        if most is not None and reader.position + size > most:
            raise TooMuch(f"a member of {size:,} bytes, of an archive that may hold {most:,}")
        kind = head[156:157]
        padding = -size % BLOCK
        if kind in b"xgLK":
            if size > MAX_NAME:
                raise ValueError(f"tar header of {size} bytes")
            data = reader.read(size)
            reader.skip(padding)
            if kind == b"L":
                long_name = data.rstrip(b"\0").decode("utf-8", "replace")
            elif kind == b"x":
                long_name = _pax_path(data) or long_name
            continue
        name, long_name = long_name or _name(head), None
        if kind not in (b"0", b"\0", b"7"):
            reader.skip(size + padding)
            if others:
                yield Member(name, size, b"", kind)
            continue
        data = reader.read(min(size, keep + 1))
        passed = len(data) + reader.skip(size - len(data))
        if passed < size:
            raise EOFError(f"the archive ends within {name}")
        reader.skip(padding)
        yield Member(name, size, data)


def _name(head: bytes) -> str:
    prefix, name = head[345:500].split(b"\0")[0], head[:100].split(b"\0")[0]
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "replace")


def _pax_path(data: bytes) -> str | None:
    while data:
        digits, space, _ = data.partition(b" ")
        if not (space and digits.isdigit() and 0 < int(digits[:9]) <= len(data)):
            return None
        entry, data = data[: int(digits)], data[int(digits) :]
        key, _, value = entry[len(digits) + 1 :].rstrip(b"\n").partition(b"=")
        if key == b"path":
            return value.decode("utf-8", "replace")
    return None
