"""Files read forward with a bound on memory: plain, gzip members, zstd frames."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any, BinaryIO

from isal import isal_zlib  # zlib's interface at three times its speed

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = (b"\x50\x2a\x4d\x18", b"\x5d\x2a\x4d\x18")  # zstd skippable frames; 5d holds a WARC dictionary
CHUNK = 1 << 16
ZSTD_PIECE = 256
MAX_DICTIONARY = 32 << 20
MAX_WINDOW = 1 << 27


class CorruptStream(Exception):
    """The compressed bytes are damaged; `ByteReader.resync` finds the next member, if there is one."""


class ByteReader:
    """A forward reader over plain, gzip or zstd bytes, with push-back. Holds a few chunks, whatever the file's size.

    What was decompressed before damage is handed out first; the read that needs more raises `CorruptStream`.
    At the end of the input reads come back short.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._raw = b""  # compressed bytes not yet eaten
        self._buffer = bytearray()  # decompressed bytes not yet handed out
        self._at = 0  # start of the live part of the buffer
        self._end = False
        self._error: str | None = None
        self._decoder: Any = None
        self._dictionary: Any = None
        self.cut = False  # the input ended within a member
        self.position = 0  # decompressed bytes handed out
        self._fill_raw()
        while len(self._raw) < 8 and self._fill_raw():
            pass
        self.kind = "plain"
        if self._raw.startswith(GZIP_MAGIC):
            self.kind = "gzip"
        elif self._raw.startswith((ZSTD_MAGIC, *SKIPPABLE)):
            self.kind = "zstd"
            self._read_dictionary()

    def _fill_raw(self) -> bool:
        chunk = self._stream.read(CHUNK)
        self._raw += chunk
        return bool(chunk)

    def _read_dictionary(self) -> None:
        """The skippable frame with which a .warc.zst may begin (specification of iipc/warc-specifications)."""
        import zstandard

        if not self._raw.startswith(SKIPPABLE[1]):
            return
        size = int.from_bytes(self._raw[4:8], "little")
        if size > MAX_DICTIONARY:
            self._error = "zstd dictionary over 32 MiB"
            return
        while len(self._raw) < 8 + size and self._fill_raw():
            pass
        data, self._raw = self._raw[8 : 8 + size], self._raw[8 + size :]
        try:
            if data.startswith(ZSTD_MAGIC):
                # Read as a stream: a frame says itself how much it holds, and that much would be allocated at once.
                unpacked = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(io.BytesIO(data))
                data = unpacked.read(MAX_DICTIONARY + 1)
            if len(data) > MAX_DICTIONARY:
                raise ValueError("over 32 MiB")
            self._dictionary = zstandard.ZstdCompressionDict(data)
        except (zstandard.ZstdError, ValueError) as error:
            self._error = f"zstd dictionary: {error}"

    def _new_decoder(self) -> Any:
        if self.kind == "gzip":
            return isal_zlib.decompressobj(wbits=31)
        import zstandard

        # Bounds the window, so that a frame cannot ask for gigabytes.
        return zstandard.ZstdDecompressor(dict_data=self._dictionary, max_window_size=MAX_WINDOW).decompressobj()

    def _more(self) -> bool:
        """Decompress one piece more into the buffer; False at the end or before damage."""
        if self._end or self._error:
            return False
        if self.kind == "plain":
            data, self._raw = self._raw or self._stream.read(CHUNK), b""
            self._end = not data
            self._buffer += data
            return bool(data)
        if not self._raw and not self._fill_raw():
            if self.kind == "gzip" and self._decoder is not None and (held := self._decoder.decompress(b"", CHUNK)):
                self._buffer += held  # ISA-L may have eaten all input before it has put all out
                self._decoder = None if self._decoder.eof else self._decoder
                return True
            self._end = True
            self.cut = self._decoder is not None
            return False
        if self._decoder is None:
            if self.kind == "gzip":
                self._raw = self._raw.lstrip(b"\0")  # padding between members is allowed
            if not self._raw:
                return True
            while len(self._raw) < 8 and self._fill_raw():
                pass
            if self.kind == "zstd" and self._raw[1:4] == b"\x2a\x4d\x18" and 0x50 <= self._raw[0] <= 0x5F:
                return self._skip_frame()
            if not self._raw.startswith(GZIP_MAGIC if self.kind == "gzip" else ZSTD_MAGIC):
                if len(self._raw) < 8:
                    self._end = True
                else:
                    self._error = f"no {self.kind} member where one should begin"
                return False
            self._decoder = self._new_decoder()
        try:
            if self.kind == "gzip":
                # max_length bounds what a bomb can put out at once.
                self._buffer += self._decoder.decompress(self._raw, CHUNK)
                rest, eof = self._decoder.unconsumed_tail, self._decoder.eof
            else:
                rest, eof = self._unzstd_piece()
        except Exception as error:  # isal_zlib.error, zstandard.ZstdError
            self._error = f"{type(error).__name__}: {error}"
            self._decoder = None
            return False
        if eof:
            rest = self._decoder.unused_data + (rest if self.kind == "zstd" else b"")
            self._decoder = None
        self._raw = rest
        return True

    def _unzstd_piece(self) -> tuple[bytes, bool]:
        """zstd bounds no call's output, so small inputs must: a block of 4 bytes can give 128 KiB."""
        view, at, goal = memoryview(self._raw), 0, len(self._buffer) + CHUNK
        while at < len(view) and len(self._buffer) < goal and not self._decoder.eof:
            self._buffer += self._decoder.decompress(view[at : at + ZSTD_PIECE])
            at += ZSTD_PIECE
        return self._raw[at:], self._decoder.eof

    def _skip_frame(self) -> bool:
        size = int.from_bytes(self._raw[4:8], "little") + 8
        while size > len(self._raw):
            size -= len(self._raw)
            self._raw = b""
            if not self._fill_raw():
                self._end = True
                return False
        self._raw = self._raw[size:]
        return True

    def _need(self, size: int) -> int:
        """Have up to `size` bytes in the buffer; how many there are."""
        while (have := len(self._buffer) - self._at) < size:
            if self._at > CHUNK:
                del self._buffer[: self._at]
                self._at = 0
            if not self._more():
                have = len(self._buffer) - self._at
                if self._error and have < size:
                    raise CorruptStream(self._error)
                return min(have, size)
        return size

    def peek(self, size: int) -> bytes:
        """The next bytes without taking them; fewer before the end or damage."""
        with suppress(CorruptStream):
            self._need(size)
        return bytes(self._buffer[self._at : self._at + size])

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end. Raises CorruptStream."""
        have = self._need(size)
        data = bytes(self._buffer[self._at : self._at + have])
        self._at += have
        self.position += have
        return data

    def skip(self, size: int) -> int:
        """Pass over bytes without holding them; how many were passed."""
        left = size
        while left and (have := self._need(min(left, CHUNK))):
            self._at += have
            self.position += have
            left -= have
        return size - left

    def readline(self, limit: int) -> bytes:
        """A line with its end, or `limit` bytes if it is longer. Raises CorruptStream."""
        want = 256
        while True:
            have = self._need(min(want, limit))
            end = self._buffer.find(b"\n", self._at, self._at + have)
            if end >= 0:
                return self.read(end + 1 - self._at)
            if have < want or have >= limit:
                return self.read(have)
            want *= 2

    def push_back(self, data: bytes) -> None:
        """Give bytes back, to be read again."""
        self._buffer[: self._at] = data
        self._at = 0
        self.position -= len(data)

    def find(self, marker: bytes, within: int) -> bool:
        """Pass over bytes up to `marker`, at most `within` of them; False if it was not met. Raises CorruptStream."""
        passed = 0
        while passed < within:
            have = self._need(CHUNK)
            at = self._buffer.find(marker, self._at, self._at + have)
            step = at - self._at if at >= 0 else have - len(marker) + 1
            if step > 0:
                self._at += step
                self.position += step
                passed += step
            if at >= 0:
                return True
            if have < CHUNK:
                return False
        return False

    def resync(self) -> bool:
        """After CorruptStream: drop what is buffered and go to the next compressed member. False if there is none."""
        self._buffer.clear()
        self._at = 0
        self._decoder = None
        self._error = None
        if self.kind == "plain":
            return False
        magic = GZIP_MAGIC if self.kind == "gzip" else ZSTD_MAGIC
        self._raw = self._raw[1:]  # not the member that has just failed
        while True:
            at = self._raw.find(magic)
            if at < 0:
                self._raw = self._raw[-3:]
                if not self._fill_raw():
                    self._end = True
                    return False
                continue
            self._raw = self._raw[at:]
            while len(self._raw) < 4096 and self._fill_raw():
                pass
            if self._plausible(self._raw[:4096]):
                return True
            self._raw = self._raw[1:]

    def _plausible(self, head: bytes) -> bool:
        """Compressed data holds the magic by chance; a member that decompresses a little is taken for real."""
        try:
            decoder = self._new_decoder()
            data = decoder.decompress(head, 512) if self.kind == "gzip" else decoder.decompress(head[:512])
            return bool(data) or decoder.eof
        except Exception:
            return False
