"""Lines of a raw file in bounded memory: decompressed as a stream, over-long lines passed by, breaks told.

The compression is read from the first bytes, not from the name: servers and users rename files. What came
before a break (a truncated or damaged stream) is delivered whole before `Broken` is raised.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from isal import isal_zlib

_READ = 1 << 20
# How much compressed input is given to a decompressor at once. Deflate makes at most 1032 bytes of one, zstd some 30,000,
# so it gets little at a time and a bomb stays under 128 MB. bzip2 makes a million of one: what it puts out is bounded.
_GZIP_INPUT, _DENSE_INPUT = 1 << 16, 1 << 11
_XZ_MEMORY = 256 << 20  # a header may ask for 4 GiB of dictionary; `xz -9` needs 65 MiB


class Broken(Exception):
    """A stream ends or is damaged before its end; `rule` is what the ledger says."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


class TooLong(NamedTuple):
    """Stands for a line that was passed by. `bytes` is its length in the file."""

    bytes: int


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The decompressed bytes of a plain, gzip, zstd, bzip2 or xz stream, piece by piece. Raises Broken."""
    head = stream.read(6)
    found = _decompressor(head)
    if found is None:
        if head:
            yield head
        while data := stream.read(_READ):
            yield data
        return
    name, make, step = found
    waiting, decoder, begun = head, make(), False
    while True:
        if not waiting:
            waiting = stream.read(step)
            if not waiting:
                if begun:
                    raise Broken("truncated", f"the {name} data ends before its end mark")
                return
        if not begun and not waiting.strip(b"\0"):
            waiting = b""  # tapes and some tools pad with zeros after the last member
            continue
        data, waiting, begun = waiting[:step], waiting[step:], True
        made = _made(decoder, data)
        while True:
            try:
                piece = next(made, None)
            except _damage() as error:
                raise Broken("corrupt", f"the {name} data is damaged: {error}") from None
            if piece is None:
                break
            if piece:
                yield piece
        if decoder.eof:
            waiting, decoder, begun = decoder.unused_data + waiting, make(), False


def _made(decoder: Any, data: bytes) -> Iterator[bytes]:
    """What a decoder makes of some input: at once, or piece by piece where it can bound its output (bzip2, xz)."""
    if not hasattr(decoder, "needs_input"):
        yield decoder.decompress(data)
        return
    yield decoder.decompress(data, _READ)
    while not decoder.eof and not decoder.needs_input:
        yield decoder.decompress(b"", _READ)


def _damage() -> tuple[type[Exception], ...]:
    import zstandard

    found: tuple[Any, ...] = (OSError, EOFError, ValueError, isal_zlib.error, zstandard.ZstdError, lzma.LZMAError)
    return found


def _decompressor(head: bytes) -> tuple[str, Callable[[], Any], int] | None:
    if head.startswith(b"\x1f\x8b"):
        return "gzip", lambda: isal_zlib.decompressobj(wbits=31), _GZIP_INPUT
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        import zstandard

        return "zstd", lambda: zstandard.ZstdDecompressor().decompressobj(), _DENSE_INPUT
    if head.startswith(b"BZh"):
        return "bzip2", bz2.BZ2Decompressor, _DENSE_INPUT
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), _DENSE_INPUT
    return None


def lines(pieces: Iterator[bytes], limit: int) -> Iterator[bytes | TooLong]:
    """Lines without their newline. Of a line longer than `limit` bytes only the length is kept.

    When `pieces` raises Broken, the complete lines before it have been yielded; the cut one is not.
    """
    held: list[bytes] = []
    size = 0
    first = True
    for piece in pieces:
        if first:
            piece, first = piece.removeprefix(b"\xef\xbb\xbf"), False
        head, *rest = piece.split(b"\n")
        size += len(head)
        if size <= limit:
            held.append(head)
        else:
            held.clear()
        if not rest:
            continue
        yield b"".join(held) if size <= limit else TooLong(size)
        last = rest.pop()
        for line in rest:
            yield line if len(line) <= limit else TooLong(len(line))
        size = len(last)
        held = [last] if size <= limit else []
    if size:
        yield b"".join(held) if size <= limit else TooLong(size)
