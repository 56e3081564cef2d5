"""HTTP content encodings undone, with a bound on what may come out."""

from __future__ import annotations

import zlib

from ingest.compression import CHUNK, GZIP_MAGIC, ZSTD_MAGIC, ZSTD_PIECE, CorruptStream


class TooMuch(Exception):
    """Decompression passed the bound."""


def decode_content(body: bytes, encoding: str, limit: int) -> tuple[bytes, bool]:
    """Undo one HTTP content encoding: (bytes, whether the body was complete).

    A cut body gives what it holds. Raises TooMuch over `limit` bytes, CorruptStream for damaged bytes and
    LookupError for an encoding that is not known here.
    """
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, 31, limit) if body.startswith(b"\x1f\x8b") else (body, True)
    if encoding == "deflate":
        if body.lstrip()[:1] == b"<":
            return body, True
        try:
            return _inflate(body, 15, limit)
        except CorruptStream:
            return _inflate(body, -15, limit)  # servers send both forms under this name
    if encoding == "zstd":
        return _unzstd(body, limit) if body.startswith(ZSTD_MAGIC) else (body, True)
    if encoding == "br":
        return _unbrotli(body, limit)
    raise LookupError(encoding)


def _inflate(body: bytes, wbits: int, limit: int) -> tuple[bytes, bool]:
    out = bytearray()
    while True:
        decoder = zlib.decompressobj(wbits=wbits)
        try:
            out += decoder.decompress(body, limit + 1 - len(out))
        except zlib.error as error:
            raise CorruptStream(str(error)) from None
        if len(out) > limit:
            raise TooMuch
        body = decoder.unused_data
        if not (decoder.eof and wbits == 31 and body.startswith(GZIP_MAGIC)):
            return bytes(out), decoder.eof


def _unzstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    out = bytearray()
    for start in range(0, len(body), ZSTD_PIECE):
        try:
            out += decoder.decompress(body[start : start + ZSTD_PIECE])
        except zstandard.ZstdError as error:
            raise CorruptStream(str(error)) from None
        if len(out) > limit:
            raise TooMuch
        if decoder.eof:
            return bytes(out), True
    return bytes(out), False


def _unbrotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        import brotli  # type: ignore[import-untyped]
    except ImportError:
        raise LookupError("br (the package brotli is not installed)") from None
    decoder = brotli.Decompressor()
    out = bytearray()
    try:
        out += decoder.process(body, output_buffer_limit=CHUNK)
        while not decoder.is_finished() and len(out) <= limit:
            piece = decoder.process(b"", output_buffer_limit=CHUNK)
            if not piece:
                break
            out += piece
    except brotli.error as error:
        if body.lstrip()[:1] == b"<":  # stored decoded, under its old header
            return body, True
        raise CorruptStream(str(error)) from None
    if len(out) > limit:
        raise TooMuch
    return bytes(out), decoder.is_finished()
