"""Web archives, plain and packed, with the HTTP messages in them, as ingest-web reads a file."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from ..harness import Harness, told

PAGE = (
    b"<html><body><article><p>"
    + b"The ferry leaves at eight and comes back in the evening, if the wind allows. " * 4
    + b"</p></article></body></html>"
)
FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")


def _http(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n" + more + b"\r\n" + body


def _warc(block: bytes, kind: bytes = b"response") -> bytes:
    head = b"WARC/1.0\r\nWARC-Type: %b\r\nWARC-Target-URI: http://a.example/%d\r\nWARC-Date: 2024-05-06T07:08:09Z\r\nWARC-Record-ID: <urn:x:%d>\r\n"
    return head % (
        kind,
        len(block),
        len(block),
    ) + b"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n%b\r\n\r\n" % (
        len(block),
        block,
    )


def seeds() -> list[bytes]:
    import zstandard

    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE)
    records = [
        _warc(b"software: x\r\n", b"warcinfo"), _warc(_http(PAGE)), _warc(_http(chunked, b"Transfer-Encoding: chunked\r\n")),
        _warc(_http(gzip.compress(PAGE, mtime=0), b"Content-Encoding: gzip\r\n")), _warc(PAGE, b"resource"), _warc(b"plain words", b"conversion"),
    ]  # fmt: skip
    version = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    arc = b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain %d\n%b\n" % (len(version), version)
    arc += b"http://a.example/x 127.0.0.1 20080430204826 text/html %d\n%b\n" % (len(_http(PAGE)), _http(PAGE))
    packed = b"".join(gzip.compress(record, mtime=0) for record in records)
    squeezed = b"".join(zstandard.ZstdCompressor().compress(record) for record in records)
    table = zstandard.ZstdCompressor().compress(b"a dictionary of words " * 20)
    framed = b"\x5d\x2a\x4d\x18" + len(table).to_bytes(4, "little") + table + squeezed
    return [
        b"".join(records),
        packed,
        squeezed,
        framed,
        arc,
        gzip.compress(arc, mtime=0),
        PAGE,
        gzip.compress(PAGE, mtime=0),
    ]


def run(data: bytes) -> str:
    from arcmill.stage import SourceFile
    from ingest.web import IngestWeb
    from ingest.web_files import read_file

    path = Path(FOLDER.name, "a.html")
    path.write_bytes(data)
    config = IngestWeb(max_page_bytes=1 << 20, max_decompressed_bytes=1 << 20)
    rows = []
    for row in read_file(SourceFile(str(path), "a.html", len(data)), config):
        rows.append(row)
        if len(rows) > len(data) + 10:
            raise AssertionError("more rows than bytes")
    return told(rows)


TOKENS = ("WARC/1.0\r\n", "Content-Length: ", "HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n", "Content-Encoding: br\r\n",
          "Content-Encoding: zstd\r\n", "Content-Encoding: deflate\r\n", "filedesc://", "\x1f\x8b\x08", "WARC-Type: response\r\n")  # fmt: skip
HARNESS = Harness("warc", seeds, run, tokens=TOKENS)
