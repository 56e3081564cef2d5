"""Source archives as items: tar in any compression, and zip (see `zip_archive`). Nothing is ever unpacked to disk.

A member is bounded in bytes, an archive in members, decompressed bytes and their ratio to the stored ones. Members that are kept
come in the archive's order; of two of one name the last counts, as it would for tar and unzip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from arcmill.tables.lines import Broken, chunks
from ingest.code.items import Item, Limits, dropped, errored, too_large, unsafe
from ingest.compression import ByteReader, CorruptStream
from ingest.tar import BLOCK, TooMuch, is_tar, read_members

HELD = 32 << 20  # bytes of members that are kept between the two passes over an archive
_KINDS = {b"1": ("hard-link", "hard links are not followed"), b"2": ("symlink", "links are not followed"),
          b"3": ("not-a-file", "a device"), b"4": ("not-a-file", "a device"), b"6": ("not-a-file", "a pipe")}  # fmt: skip
_NESTED = (b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\x00")


class NotAnArchive(Exception):
    """The bytes are none of the formats that are read."""


class Stored:
    """A stream that counts what was read of it, for the ratio."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.bytes = stream, 0

    def read(self, size: int = -1) -> bytes:
        """As the stream reads."""
        data = self._stream.read(size)
        self.bytes += len(data)
        return data


class _Pieces:
    """Pieces of any size as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")


def raw_members(opened: Callable[[], BinaryIO], limits: Limits) -> Iterator[Item]:
    """The members of an archive. Raises NotAnArchive before the first."""
    with opened() as stream:
        head = stream.read(6)
        most = min(limits.total_bytes, (1 << 20) + limits.ratio * max(stream.seek(0, 2), 1))
        stream.seek(0)
        if head.startswith(b"PK"):
            from ingest.code.zip_archive import zip_members

            yield from zip_members(stream, limits)
            return
        counted: Any = Stored(stream)
        packed = head.startswith((b"BZh", b"\xfd7zXZ"))
        pieces: Any = _Pieces(chunks(counted)) if packed else counted
        try:
            reader = ByteReader(pieces)
        except Broken as error:
            yield Item("", b"", errored(error.rule, f"before the first member: {error}"))
            return
        yield from _tar_members(reader, counted, limits, most)


def _tar_members(reader: ByteReader, stored: Stored, limits: Limits, most: int) -> Iterator[Item]:
    try:
        if not is_tar(reader.peek(BLOCK)):
            raise NotAnArchive("neither tar nor zip")
    except Broken as error:
        raise NotAnArchive(str(error)) from None
    members = read_members(reader, limits.file_bytes, others=True, most=most)
    number = 0
    while True:
        try:
            member = next(members, None)
        except EOFError as error:
            yield Item("", b"", errored("truncated", f"after {number:,} members: {error}"))
            return
        except Broken as error:
            yield Item("", b"", errored(error.rule, f"after {number:,} members: {error}"))
            return
        except TooMuch as error:
            yield Item("", b"", errored("bomb", f"after {number:,} members: {error} (max_total_bytes, max_ratio)"))
            return
        except (CorruptStream, ValueError) as error:
            yield Item("", b"", errored("corrupt", f"after {number:,} members: {error}"))
            return
        if member is None:
            if reader.cut:
                yield Item("", b"", errored("truncated", f"after {number:,} members: the compressed data ends early"))
            return
        if member.kind == b"5":
            continue
        number += 1
        if bomb := bomb_outcome(number, reader.position, stored.bytes, limits):
            yield Item("", b"", errored(*bomb))
            return
        name = member.name.removeprefix("./")
        if why := unsafe(name):
            yield Item(name, b"", dropped("unsafe-path", f"{name!r}: {why}"))
        elif member.kind in _KINDS:
            rule, detail = _KINDS[member.kind]
            yield Item(name, b"", dropped(rule, f"{name}: {detail}"))
        elif member.kind not in (b"0", b"\0", b"7"):
            yield Item(name, b"", dropped("not-a-file", f"{name}: a tar member of type {member.kind!r}"))
        elif member.size > limits.file_bytes:
            yield Item(name, b"", too_large(member.size, limits))
        else:
            yield Item(name, member.data)


def bomb_outcome(number: int, made: int, stored: int, limits: Limits) -> tuple[str, str] | None:
    """(rule, detail) where an archive asks for more than the limits allow."""
    if number > limits.files:
        return "too-many-files", f"more than {limits.files:,} members (max_files); the rest is not read"
    if made > limits.total_bytes:
        return "bomb", f"{made:,} bytes decompressed (max_total_bytes {limits.total_bytes:,}); the rest is not read"
    if made > (1 << 20) + limits.ratio * max(stored, 1):
        return "bomb", f"{made:,} bytes from {stored:,} (max_ratio {limits.ratio}); the rest is not read"
    return None


class Archive:
    """An archive, read twice: names and licences first, then the files; small ones are held in between instead."""

    def __init__(self, opened: Callable[[], BinaryIO], limits: Limits) -> None:
        self._opened, self._limits = opened, limits
        self._held: list[Item] | None = []
        self._last: dict[str, int] = {}
        self.root = ""  # the one folder that everything lies in, with "/"

    def context(self, wanted: Callable[[str], bool]) -> tuple[dict[str, bytes], list[str]]:
        """See `items.Source`. Raises NotAnArchive."""
        found: dict[str, bytes] = {}
        held = 0
        for number, item in enumerate(raw_members(self._opened, self._limits)):
            if item.path and (item.outcome is None or item.outcome.rule not in ("unsafe-path",)):
                self._last[item.path] = number
            held += len(item.data) + 200
            if self._held is not None:
                self._held.append(item)
                if held > HELD:
                    self._held = None
            if item.outcome is None and len(item.data) <= 1 << 18 and wanted(item.path):
                found[item.path] = item.data
        tops = {path.split("/", 1)[0] for path in self._last}
        if len(tops) == 1 and all("/" in path for path in self._last):
            self.root = tops.pop() + "/"
        cut = len(self.root)
        return {path[cut:]: data for path, data in found.items()}, [path[cut:] for path in self._last]

    def items(self) -> Iterator[Item]:
        """See `items.Source`. To be called after `context`."""
        source = iter(self._held) if self._held is not None else raw_members(self._opened, self._limits)
        cut = len(self.root)
        for number, item in enumerate(source):
            last = self._last.get(item.path)
            if last is None:
                yield item
            elif last != number:
                detail = f"{item.path}: a later member has the same name"
                yield Item(f"{item.path[cut:]}#{number}", b"", dropped("replaced", detail))
            elif item.outcome is None and item.data.startswith(_NESTED):
                yield Item(
                    item.path[cut:], b"", dropped("binary", f"{item.path}: an archive in the archive, not opened")
                )
            else:
                yield item._replace(path=item.path[cut:])
