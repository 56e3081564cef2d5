"""An HTTP response as a web archive stores it: status, headers, body; transfer and content encodings undone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.content_encoding import decode_content

STATUS_LINE = re.compile(rb"^HTTP/\d(?:\.\d)?\s+(\d{3})")
HEADER_END = re.compile(rb"\r?\n\r?\n")
CHUNK_SIZE = re.compile(rb"^[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,200})?\r?\n")
MAX_ENCODINGS = 3  # encodings laid over one another; more is an attack


@dataclass(slots=True)
class Response:
    status: int
    headers: dict[str, str]  # names in lower case; the first value of a name that repeats
    body: bytes


def parse_response(block: bytes) -> Response | None:
    """Split a stored response; None if it does not begin like one. A header without an end has no body."""
    status = STATUS_LINE.match(block)
    if not status:
        return None
    end = HEADER_END.search(block)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    headers: dict[str, str] = {}
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return Response(int(status[1]), headers, body)


def decode_body(response: Response, limit: int) -> tuple[bytes, bool]:
    """The body without transfer and content encodings, at most `limit` bytes; whether it was complete.

    Raises TooMuch, CorruptStream, LookupError as `content_encoding.decode_content`.
    """
    body, complete = response.body, True
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body, complete = dechunk(body)
    names = [name.strip() for name in response.headers.get("content-encoding", "").lower().split(",")]
    names = [name for name in names if name not in ("", "identity", "none", "utf-8", "binary", "8bit")]
    if len(names) > MAX_ENCODINGS:
        raise LookupError(f"{len(names)} content encodings over one another")
    for name in reversed(names):
        body, whole = decode_content(body, name, limit)
        complete = complete and whole
    return body, complete


def dechunk(body: bytes) -> tuple[bytes, bool]:
    """Undo chunked transfer (RFC 9112, 7.1). Archives store bodies dechunked under the old header: left as is."""
    out: list[bytes] = []
    at, first = 0, True
    while True:
        size = CHUNK_SIZE.match(body[at : at + 256])
        if not size:
            # What follows a wrong chunk cannot be told from page text; what came before it stands.
            return (body, True) if first else (b"".join(out), False)
        at += size.end()
        length = int(size[1], 16)
        if length == 0:
            return b"".join(out), True
        out.append(body[at : at + length])
        at += length
        if at > len(body):
            # One size line that promises more than there is may be page text such as "2008\n".
            return (b"".join(out), False) if not first or length < 1 << 24 else (body, True)
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
        first = False
