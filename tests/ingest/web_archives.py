"""Web archives made by hand, so that every byte of a broken one is known."""

from __future__ import annotations

import gzip

PARAGRAPH = (
    "The river rose by two metres during the night, and the people of the lower town carried their chairs upstairs. "
    "In the morning the mayor, who had slept in his office, asked for boats; the neighbouring villages sent eleven."
)


def page(body: str = f"<p>{PARAGRAPH}</p>", title: str = "A page", head: str = "") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head><body><article>{body}</article></body></html>"
    )


def http(
    body: bytes, content_type: str | None = "text/html; charset=utf-8", status: str = "200 OK", **more: str
) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def record(
    block: bytes, number: int = 1, kind: str = "response", length: int | str | None = None,
    content_type: str = "application/http; msgtype=response", with_id: bool = True,
) -> bytes:  # fmt: skip
    head = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: http://example.org/{number}",
        "WARC-Date: 2024-05-06T07:08:09Z",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block) if length is None else length}",
    ]
    if with_id:
        head.append(f"WARC-Record-ID: <urn:uuid:{number:032d}>")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def pages(count: int) -> list[bytes]:
    return [record(http(page(f"<p>Page {n}. {PARAGRAPH}</p>").encode()), n) for n in range(1, count + 1)]


def arc(*entries: tuple[str, bytes], mime: str = "text/html") -> bytes:
    version = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    out = b"filedesc://test.arc 0.0.0.0 20080430204825 text/plain %d\n%b\n" % (len(version), version)
    for url, block in entries:
        out += f"{url} 127.0.0.1 20080430204826 {mime} {len(block)}\n".encode() + block + b"\n"
    return out


def gzip_members(parts: list[bytes]) -> bytes:
    return b"".join(gzip.compress(part, mtime=0) for part in parts)
