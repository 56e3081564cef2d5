"""What the bytes of a payload are: HTML, or a media type that is none of this stage's business."""

from __future__ import annotations

import re

MAGIC = (
    (b"%PDF-", "application/pdf"), (b"\x89PNG\r\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"), (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"), (b"\x28\xb5\x2f\xfd", "application/zstd"), (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"), (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"), (b"ID3", "audio/mpeg"), (b"OggS", "application/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"), (b"\x7fELF", "application/x-executable"),
    (b"FWS", "application/x-shockwave-flash"), (b"CWS", "application/x-shockwave-flash"),
    (b"wOFF", "font/woff"), (b"wOF2", "font/woff2"),
    (b"\x00\x00\x01\x00", "image/x-icon"), (b"%!PS", "application/postscript"),
)  # fmt: skip
HTML_TYPES = {"text/html", "application/xhtml+xml", "application/xhtml", "text/xhtml", "html"}
VAGUE = {"", "unknown", "unk", "text/plain", "application/octet-stream", "binary/octet-stream", "application/unknown",
         "application/x-unknown", "no-type", "*/*", "text", "application/xml", "text/xml", "none"}  # fmt: skip
MARKUP = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|link|script|style|div|p|h[1-6]|table|article|section|main|pre|ul|ol"
    rb"|span|a|b|i|br|center|font|form|img|frameset|base|noscript|header|nav|iframe|dl|blockquote|hr)[\s>/]",
    re.IGNORECASE,
)
XHTML = re.compile(rb"<html[\s>]", re.IGNORECASE)


def media_type(body: bytes, declared: str) -> str:
    """`text/html`, or the media type by which a payload is routed elsewhere. The bytes outweigh the declaration."""
    name = declared.split(";")[0].strip().lower()
    for magic, found in MAGIC:
        if body.startswith(magic):
            return found
    if body[4:8] == b"ftyp":
        return "video/mp4"
    if body[:4] == b"RIFF" and body[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}[body[8:12]]
    if name in HTML_TYPES:
        return "text/html"
    if name not in VAGUE:
        return name
    head = body[:2048].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").replace(b"\0", b"")
    if name.endswith("xml") or head.startswith(b"<?xml"):
        return "text/html" if XHTML.search(head) else "application/xml"
    if (first := MARKUP.search(head)) and (head.startswith(b"<") or b"<html" in head.lower() or first.start() < 256):
        return "text/html"
    return name if name not in ("", "unknown", "unk", "none") else "application/octet-stream"
