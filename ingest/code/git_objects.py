"""Objects of a git repository, read with bounds and nothing else: no config, alternates, hooks, filters or promisors.

Only index files, deltas, trees and commits are left to dulwich. Packs are mapped and read here, because every size has to be
checked before a byte is inflated: a pack of kilobytes may declare objects of gigabytes (format: git's gitformat-pack).
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from isal import isal_zlib

COMMIT, TREE, BLOB, TAG, _OFS_DELTA, _REF_DELTA = 1, 2, 3, 4, 6, 7
KINDS = {b"commit": COMMIT, b"tree": TREE, b"blob": BLOB, b"tag": TAG}
NAMES = {number: name for name, number in KINDS.items()}
CEILING = 64 << 20  # bytes of any object, whatever is asked for: also of the bases that a delta is made of
_CACHE_BYTES = 16 << 20
_MAX_CHAIN = 4096  # deltas on deltas; git itself makes 50 at most
_MOST_MADE = 1 << 30  # bytes that are made on the way to one object: a chain of large ones would take minutes each
_CHUNK = 1 << 16
_DAMAGE: tuple[Any, ...] = (isal_zlib.error, zlib.error)


class Corrupt(Exception):
    """The repository is damaged."""


class Missing(Exception):
    """An object is not there: a shallow or partial clone, or a damaged one."""


class TooLarge(Exception):
    """An object is over the limit; `size` in bytes, as the repository declares it."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes")
        self.size = size


class Pack:
    """A pack that is mapped into memory, from byte `start` of a file on. `find` gives the offset of an object."""

    def __init__(self, stream: BinaryIO, start: int, find: Callable[[bytes], int | None], id_bytes: int) -> None:
        self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._view = memoryview(self._map)[start:]
        self._find, self._id_bytes = find, id_bytes
        self._cache: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._cached = 0
        if bytes(self._view[:4]) != b"PACK" or len(self._view) < 12 + id_bytes:
            raise Corrupt("not a pack")
        self.count = int.from_bytes(self._view[8:12], "big")

    def close(self) -> None:
        """Unmap the file."""
        self._view.release()
        self._map.close()

    def offset(self, name: bytes) -> int | None:
        """Where an object (by its binary id) begins, or None: it is not in this pack."""
        return self._find(name)

    def read(self, offset: int, limit: int) -> tuple[int, bytes]:
        """(kind, bytes) of the object at an offset, deltas applied. Raises TooLarge before it is made, Corrupt."""
        from dulwich.pack import apply_delta

        deltas: list[tuple[int, bytes]] = []
        seen: set[int] = set()
        held = 0
        allowed = limit
        while True:
            if offset in self._cache:
                self._cache.move_to_end(offset)
                kind, data = self._cache[offset]
                if not deltas and len(data) > limit:
                    raise TooLarge(len(data))
                break
            if offset in seen or len(seen) > _MAX_CHAIN:
                raise Corrupt("a chain of deltas that does not end")
            seen.add(offset)
            kind, size, base, at = self._header(offset)
            if kind in NAMES:
                if size > allowed:
                    raise TooLarge(size)
                data, _ = self._inflate(at, size)
                break
            if size > CEILING or held > 2 * CEILING:
                raise TooLarge(size)
            delta, _ = self._inflate(at, size)
            made = _delta_size(delta)
            if made > allowed:
                raise TooLarge(made)
            allowed = CEILING
            held += len(delta)
            deltas.append((offset, delta))
            offset = base
        total = 0
        for place, delta in reversed(deltas):
            try:
                chunks: Any = apply_delta(data, delta)
            except Exception as error:  # dulwich raises several, and its compiled part others
                raise Corrupt(f"a broken delta: {error}") from None
            data = b"".join(chunks)
            total += len(data)
            if total > _MOST_MADE:
                raise Corrupt("a chain of deltas that makes more than 1 GiB")
            self._keep(place, kind, data)
        if not deltas:
            self._keep(offset, kind, data)
        return kind, data

    def _keep(self, offset: int, kind: int, data: bytes) -> None:
        if len(data) > _CACHE_BYTES // 4 or offset in self._cache:
            return
        self._cache[offset] = kind, data
        self._cached += len(data) + 100
        while self._cached > _CACHE_BYTES:
            _, (_, gone) = self._cache.popitem(last=False)
            self._cached -= len(gone) + 100

    def _header(self, offset: int) -> tuple[int, int, int, int]:
        """(kind, declared size, offset of a delta's base, where the compressed bytes begin)."""
        view, at, end = self._view, offset, len(self._view) - self._id_bytes
        if not 12 <= offset < end:
            raise Corrupt("an offset outside of the pack")
        head = bytes(view[at : min(at + 64, end)])
        byte, step, base = head[0], 1, 0
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        try:
            while byte & 0x80:
                byte = head[step]
                size |= (byte & 0x7F) << shift
                shift += 7
                step += 1
            if kind == _OFS_DELTA:
                byte = head[step]
                back, step = byte & 0x7F, step + 1
                while byte & 0x80:
                    byte = head[step]
                    back = (back + 1 << 7) | (byte & 0x7F)
                    step += 1
                base = offset - back
            elif kind == _REF_DELTA:
                found = self._find(head[step : step + self._id_bytes])
                if found is None:
                    raise Missing("the base of a delta is not in the pack")
                base, step = found, step + self._id_bytes
            elif kind not in NAMES:
                raise Corrupt(f"an object of kind {kind}")
        except IndexError:
            raise Corrupt("a broken object header") from None
        return kind, size, base, at + step

    def _inflate(self, at: int, size: int) -> tuple[bytes, int]:
        """Exactly `size` bytes, and where the compressed ones end. Raises Corrupt where there are more or fewer."""
        decoder = isal_zlib.decompressobj()
        pieces: list[bytes] = []
        got, step = 0, size + (size >> 3) + 64
        try:
            while True:
                piece = decoder.decompress(self._view[at : at + step], size + 1 - got)
                at += step
                pieces.append(piece)
                got += len(piece)
                if decoder.eof:
                    break
                if got > size or at >= len(self._view) or decoder.unconsumed_tail:
                    raise Corrupt("an object is longer than it says, or cut")
                step = _CHUNK
        except _DAMAGE as error:
            raise Corrupt(f"damaged compressed data: {error}") from None
        if got != size:
            raise Corrupt("an object is shorter than it says")
        return b"".join(pieces) if len(pieces) > 1 else pieces[0], min(at, len(self._view)) - len(decoder.unused_data)

    def entries(self) -> Iterator[tuple[int, int, int, bytes]]:
        """(offset, kind, offset of the base of a delta, id if it is told) of each object in turn, without an index.

        An object over the ceiling is passed over without being held. Raises Corrupt where the pack is cut.
        """
        at = 12
        for _ in range(self.count):
            start = at
            kind, size, base, at = self._header(start)
            digest = hashlib.sha1(b"%s %d\0" % (NAMES[kind], size)) if kind in NAMES else None
            decoder = zlib.decompressobj()
            got = 0
            waiting: Any = b""
            try:
                while not decoder.eof:
                    if not waiting:
                        waiting = bytes(self._view[at : at + _CHUNK])
                        at += len(waiting)
                        if not waiting:
                            raise Corrupt("the pack is cut")
                    piece = decoder.decompress(waiting, _CHUNK)
                    waiting = decoder.unconsumed_tail
                    got += len(piece)
                    if got > size:
                        raise Corrupt("an object is longer than it says")
                    if digest:
                        digest.update(piece)
            except _DAMAGE as error:
                raise Corrupt(f"damaged compressed data: {error}") from None
            at -= len(decoder.unused_data)
            yield start, kind, base, digest.digest() if digest else b""


def _delta_size(delta: bytes) -> int:
    """Bytes of what a delta makes: the second of its two leading numbers."""
    number = at = 0
    for _ in range(2):
        number = shift = 0
        while True:
            if at >= len(delta) or shift > 63:
                raise Corrupt("a broken delta")
            byte = delta[at]
            number |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if not byte & 0x80:
                break
    return number


class Objects:
    """The objects of one repository: packs, and loose files in `folder` (None: there are none)."""

    def __init__(self, packs: list[Pack], folder: str | None, id_bytes: int) -> None:
        self._packs, self._folder = packs, folder
        self._hash = hashlib.sha1 if id_bytes == 20 else hashlib.sha256

    def close(self) -> None:
        """Unmap the packs."""
        for pack in self._packs:
            pack.close()

    def read(self, name: bytes, kind: int, limit: int) -> bytes:
        """The bytes of an object of a kind, by its binary id, checked against it. Raises Missing, TooLarge, Corrupt."""
        found = None
        for number, pack in enumerate(self._packs):
            offset = pack.offset(name)
            if offset is not None:
                found = pack.read(offset, min(limit, CEILING))
                if number:  # what is read next is likely beside it
                    self._packs.insert(0, self._packs.pop(number))
                break
        if found is None:
            found = self._loose(name, min(limit, CEILING))
        if found[0] != kind:
            raise Corrupt(f"{name.hex()[:12]} is no {NAMES[kind].decode()}")
        if self._hash(b"%s %d\0" % (NAMES[kind], len(found[1])) + found[1]).digest() != name:
            raise Corrupt(f"{name.hex()[:12]} holds other bytes than its name says")
        return found[1]

    def kind(self, name: bytes) -> tuple[int, bytes]:
        """(kind, bytes) of a small object of any kind."""
        for pack in self._packs:
            if (offset := pack.offset(name)) is not None:
                return pack.read(offset, 1 << 20)
        return self._loose(name, 1 << 20)

    def _loose(self, name: bytes, limit: int) -> tuple[int, bytes]:
        digits = name.hex()
        if self._folder is None:
            raise Missing(f"object {digits[:12]}")
        folder = f"{self._folder}/{digits[:2]}"
        try:
            if os.path.islink(folder):
                raise Missing(f"object {digits[:12]}: its folder is a link")
            handle = os.open(f"{folder}/{digits[2:]}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            raise Missing(f"object {digits[:12]}") from None
        with os.fdopen(handle, "rb") as stream:
            decoder = zlib.decompressobj()
            try:
                head = decoder.decompress(stream.read(_CHUNK), 4096)
                title, _, data = head.partition(b"\0")
                kind, _, digits_of_size = title.partition(b" ")
                if kind not in KINDS or not digits_of_size.isdigit() or len(digits_of_size) > 15:
                    raise Corrupt(f"object {digits[:12]} has a broken header")
                size = int(digits_of_size)
                if size > limit:
                    raise TooLarge(size)
                pieces, got = [data], len(data)
                while not decoder.eof and got <= size:
                    waiting = decoder.unconsumed_tail or stream.read(_CHUNK)
                    if not waiting:
                        break
                    piece = decoder.decompress(waiting, size + 1 - got)
                    pieces.append(piece)
                    got += len(piece)
            except _DAMAGE as error:
                raise Corrupt(f"object {digits[:12]}: damaged compressed data: {error}") from None
        if got != size or not decoder.eof:
            raise Corrupt(f"object {digits[:12]} is longer or shorter than it says")
        return KINDS[kind], b"".join(pieces)
