"""Web archive records: WARC 1.0/1.1 (ISO 28500) and Internet Archive ARC 1/2, streamed, with damage contained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.compression import ByteReader, CorruptStream

MAX_HEADER = 1 << 16  # bytes of a record's header block
MAX_GAP = 1 << 30  # bytes that are searched for the next record after damage
# URL (may hold spaces), address, date, media type, and in ARC 2 further fields; the length is the last. Three patterns
# that are each linear: as one, a line of 64 KiB that nearly fits took seconds.
_ARC_URL = re.compile(rb"[a-z][a-z0-9+.-]{1,20}:\S")
_ARC_FIELDS = re.compile(rb" ([0-9A-Fa-f.:]+|-) (\d{8,14}) (\S+) ")
_ARC_LENGTH = re.compile(rb"(?:.* )?(\d+)[ \t]*\r?\n\Z")
WARC_START = b"WARC/"


class ArcLine(NamedTuple):
    """The header line of an ARC record, its fields as they stand."""

    url: bytes
    address: bytes
    date: bytes
    mime: bytes
    length: bytes


def arc_line(line: bytes) -> ArcLine | None:
    """The fields of a line, its end included; None where it is no header of ARC."""
    begin = _ARC_URL.match(line)
    found = _ARC_FIELDS.search(line, begin.end()) if begin else None
    length = _ARC_LENGTH.match(line, found.end()) if found else None
    if found is None or length is None:
        return None
    return ArcLine(line[: found.start()], found[1], found[2], found[3], length[1])


@dataclass(slots=True)
class Record:
    """One archived response (or resource, conversion); `block` holds its bytes, at most `keep` of them."""

    kind: str  # response | resource | conversion
    record_id: str | None
    url: str | None
    date: str | None  # as the archive writes it
    content_type: str
    length: int  # bytes that the record declares
    block: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Damage:
    """A place where records could not be read."""

    rule: str  # truncated-record | corrupt-member | malformed-record
    record_id: str | None
    position: int  # decompressed offset in the file
    detail: str


KINDS = {"response", "resource", "conversion"}


def read_archive(reader: ByteReader, keep: int, arc: bool) -> Iterator[Record | Damage]:
    """Records that hold pages, in file order. Others (warcinfo, request, metadata, revisit) are passed over.

    Of a record longer than `keep` bytes only the first 64 KiB are held.
    """
    read = _read_arc if arc else _read_warc
    state = _State(first=True)
    while True:
        state.start, state.record_id = reader.position, None
        try:
            item = read(reader, keep, state)
        except CorruptStream as error:
            yield Damage("corrupt-member", state.record_id, state.start, str(error))
            if not reader.resync():
                return
            continue
        except EOFError as error:
            if str(error):
                yield Damage("truncated-record", state.record_id, state.start, str(error))
            return
        if isinstance(item, Damage):
            yield item
            if not _find_next(reader, arc):
                return
        elif item is not None:
            yield item


@dataclass(slots=True)
class _State:
    first: bool
    start: int = 0
    record_id: str | None = None


def _find_next(reader: ByteReader, arc: bool) -> bool:
    """Go to the next record header after damage in readable bytes."""
    while True:
        try:
            if arc:
                while line := reader.readline(MAX_HEADER):
                    if arc_line(line):
                        reader.push_back(line)
                        return True
                return False
            if not reader.find(b"\n" + WARC_START, MAX_GAP):
                return False
            reader.skip(1)
            return True
        except CorruptStream:
            if not reader.resync():
                return False
            if reader.peek(len(WARC_START)) == WARC_START or arc:
                return True


def _first_line(reader: ByteReader) -> bytes:
    """The next line that is not blank; EOFError without a message at the end of the file."""
    while True:
        line = reader.readline(MAX_HEADER)
        if not line:
            raise EOFError("the file ends within a compressed member" if reader.cut else "")
        if line.strip(b"\r\n \t\0"):
            return line


def _read_block(reader: ByteReader, length: int, keep: int) -> bytes:
    if length <= keep:
        block = reader.read(length)
        if len(block) < length:
            raise EOFError(f"the file ends after {len(block)} of {length} bytes")
        return block
    block = reader.read(min(length, MAX_HEADER))
    passed = len(block) + reader.skip(length - len(block))
    if passed < length:
        raise EOFError(f"the file ends after {passed} of {length} bytes")
    return block


def _read_warc(reader: ByteReader, keep: int, state: _State) -> Record | Damage | None:
    line = _first_line(reader)
    if not line.startswith(WARC_START):
        return Damage("malformed-record", None, state.start, f"no WARC version line but {line[:40]!r}")
    headers: dict[str, str] = {}
    size, name = len(line), ""
    while True:
        line = reader.readline(MAX_HEADER)
        size += len(line)
        if not line.endswith(b"\n") and len(line) < MAX_HEADER:
            raise EOFError("the file ends within a record header")
        if size > MAX_HEADER:
            return Damage("malformed-record", state.record_id, state.start, f"header over {MAX_HEADER} bytes")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text.strip():
            break
        if text[0] in " \t" and name:  # a folded line
            headers[name] += " " + text.strip()
            continue
        name, _, value = text.partition(":")
        name = name.strip().lower()
        headers.setdefault(name, value.strip())
        if name == "warc-record-id":
            state.record_id = headers[name].strip("<> ") or None
    declared = headers.get("content-length", "")
    if not (declared.isascii() and declared.isdigit() and len(declared) < 16):
        return Damage("malformed-record", state.record_id, state.start, f"Content-Length {declared[:40]!r}")
    length, kind = int(declared), headers.get("warc-type", "").lower()
    if kind in KINDS:
        block = _read_block(reader, length, keep)
    else:
        block = b""
        if (passed := reader.skip(length)) < length:
            raise EOFError(f"the file ends after {passed} of {length} bytes")
    if wrong := _check_end(reader, block, state):
        return wrong
    if kind not in KINDS:
        return None
    url = headers.get("warc-target-uri", "").strip("<> ") or None
    content_type = headers.get("content-type", "")
    return Record(kind, state.record_id, url, headers.get("warc-date"), content_type, length, block, headers)


def _check_end(reader: ByteReader, block: bytes, state: _State) -> Damage | None:
    """A record ends in blank lines; anything else says that its Content-Length is wrong."""
    tail = reader.peek(16)
    if not tail or tail.startswith((b"\r\n", b"\n", WARC_START)):
        return None
    # Too long a length swallowed the records that follow: give them back.
    inside = block.find(b"\r\n\r\n" + WARC_START)
    if inside >= 0:
        reader.push_back(block[inside + 2 :])
    return Damage("malformed-record", state.record_id, state.start, f"wrong Content-Length: {tail!r} follows")


def _read_arc(reader: ByteReader, keep: int, state: _State) -> Record | Damage | None:
    line = _first_line(reader)
    found = arc_line(line)
    if found is None:
        if not line.endswith(b"\n"):
            raise EOFError("the file ends within a record header")
        return Damage("malformed-record", None, state.start, f"no ARC header line but {line[:40]!r}")
    url, _, date, mime, size = (part.decode("utf-8", "replace") for part in found)
    if len(size) > 15:
        return Damage("malformed-record", None, state.start, f"length {size[:40]!r}")
    block = _read_block(reader, int(size), keep)
    if url.startswith("filedesc:"):
        return None
    tail = reader.peek(1)
    if tail and tail not in b"\r\n" and not arc_line(reader.peek(MAX_HEADER).split(b"\n", 1)[0] + b"\n"):
        return Damage("malformed-record", None, state.start, "wrong length in the ARC header line")
    http = block.startswith(b"HTTP/")
    return Record("response" if http else "resource", None, url, date, mime, int(size), block)
