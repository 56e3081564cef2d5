"""The kinds of input that ingest-web reads, told by their first bytes, and the rows that each gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from ingest.compression import ByteReader, CorruptStream
from ingest.content_encoding import TooMuch, decode_content
from ingest.http_message import decode_body, parse_response
from ingest.page import Page, expands, plain_text, read_page, too_large
from ingest.tar import Member, is_tar, read_members
from ingest.warc import Damage, Record, arc_line, read_archive

if TYPE_CHECKING:
    from ingest.web import IngestWeb

LINK = re.compile(r"<link\b[^<>]{0,2000}>", re.IGNORECASE)
META = re.compile(r"<meta\b[^<>]{0,2000}>", re.IGNORECASE)
BASE = re.compile(r"<base\b[^<>]{0,2000}>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""([a-zA-Z:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")
DATE14 = re.compile(r"^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?$")
HTML_NAME = re.compile(r"\.(?:html?|xhtml|shtml)$", re.IGNORECASE)
PACKED_NAME = re.compile(r"\.(?:gz|zst)$", re.IGNORECASE)
Row = Document | Failure


def read_file(file: SourceFile, config: IngestWeb) -> Iterator[Row]:
    """Every row of a file. Damage is a row, never an exception; memory does not grow with the file."""
    with file.open() as stream:
        try:
            reader = ByteReader(stream)
        except Exception as error:  # a damaged zstd dictionary
            yield Failure(file.name, Outcome("unreadable", "errored", detail=_brief(error)))
            return
        head = reader.peek(4096)
        first = head.lstrip(b"\r\n \t")
        if first.startswith(b"WARC/"):
            yield from _archive(file, reader, config, arc=False)
        elif first.startswith(b"filedesc:") or arc_line(first.split(b"\n", 1)[0] + b"\n"):
            yield from _archive(file, reader, config, arc=True)
        elif is_tar(head):
            yield from _tar(file, reader, config)
        else:
            yield _single(file, reader, config)


def _archive(file: SourceFile, reader: ByteReader, config: IngestWeb, arc: bool) -> Iterator[Row]:
    for item in read_archive(reader, config.max_page_bytes, arc):
        if isinstance(item, Damage):
            row_id = item.record_id or f"{file.name}@{item.position}"
            yield Failure(row_id, Outcome(item.rule, "errored", detail=f"{item.detail} (at byte {item.position})"))
            continue
        row_id = item.record_id or stable_id(item.url or file.name, item.date or "")
        try:
            yield _record(item, row_id, config)
        except Exception as error:  # a record that breaks a parser must not end the file
            yield Failure(row_id, Outcome("unreadable", "errored", detail=_brief(error)))


def _record(record: Record, row_id: str, config: IngestWeb) -> Row:
    metadata: dict[str, str] = {}
    body, declared = record.block, record.content_type
    whole = len(record.block) == record.length
    if record.kind == "conversion":
        if not whole:
            return Failure(row_id, too_large(record.length, config))
        found = plain_text(body, declared) if "text/plain" in declared else Outcome("content-type", detail=declared)
        return _row(found, row_id, record.url, record.date, metadata, config)
    response = parse_response(record.block)
    if response is not None and (record.kind == "response" or "application/http" in declared):
        if not 200 <= response.status < 300:
            return Failure(row_id, Outcome("http-status", score=float(response.status), detail=str(response.status)))
        metadata["status"] = str(response.status)
        declared = response.headers.get("content-type", "")
        body = response.body
        if "content-encoding" in response.headers or "transfer-encoding" in response.headers:
            try:
                body, complete = decode_body(response, config.max_decompressed_bytes) if whole else (body, False)
            except TooMuch:
                return Failure(row_id, expands(config))
            except LookupError as error:
                return Failure(row_id, Outcome("content-encoding", "errored", detail=f"unknown: {error.args[0]}"))
            except CorruptStream as error:
                return Failure(row_id, Outcome("undecodable", "errored", detail=f"content encoding: {error}"))
            if not complete and whole:
                metadata["truncated"] = "true"
    if truncated := record.headers.get("warc-truncated"):
        metadata["truncated"] = truncated
    found = read_page(body, declared, config)
    if not whole and not (isinstance(found, Outcome) and found.rule == "content-type"):
        found = too_large(record.length, config)
    return _row(found, row_id, record.url, record.date, metadata, config)


def _tar(file: SourceFile, reader: ByteReader, config: IngestWeb) -> Iterator[Row]:
    members = read_members(reader, config.max_page_bytes)
    while True:
        try:
            member = next(members, None)
        except (EOFError, CorruptStream, ValueError) as error:
            rule = "truncated-record" if isinstance(error, EOFError) else "unreadable"
            yield Failure(f"{file.name}@{reader.position}", Outcome(rule, "errored", detail=_brief(error)))
            return
        if member is None:
            return
        row_id = f"{file.name}/{member.name}"
        try:
            yield _member(member, row_id, config)
        except Exception as error:
            yield Failure(row_id, Outcome("unreadable", "errored", detail=_brief(error)))


def _member(member: Member, row_id: str, config: IngestWeb) -> Row:
    data = member.data
    if member.size > config.max_page_bytes:
        return Failure(row_id, too_large(member.size, config))
    if packing := PACKED_NAME.search(member.name):
        try:
            data, _ = decode_content(
                data, "gzip" if packing[0].lower() == ".gz" else "zstd", config.max_decompressed_bytes
            )
        except TooMuch:
            return Failure(row_id, expands(config))
    is_html = HTML_NAME.search(PACKED_NAME.sub("", member.name)) is not None
    found = read_page(data, "", config, is_html=is_html)
    url = own_url(found.html) if isinstance(found, Page) else None
    return _row(found, row_id, url, None, {}, config)


def _single(file: SourceFile, reader: ByteReader, config: IngestWeb) -> Row:
    limit = config.max_page_bytes if reader.kind == "plain" else config.max_decompressed_bytes
    try:
        data = reader.read(limit + 1)
    except CorruptStream as error:
        return Failure(file.name, Outcome("unreadable", "errored", detail=_brief(error)))
    if reader.cut:
        return Failure(file.name, Outcome("truncated-record", "errored", detail=f"the {reader.kind} data ends early"))
    is_html = HTML_NAME.search(PACKED_NAME.sub("", file.name)) is not None
    try:
        found = read_page(data, "", config, is_html=is_html)
    except Exception as error:
        found = Outcome("unreadable", "errored", detail=_brief(error))
    if len(data) > limit and not (isinstance(found, Outcome) and found.rule == "content-type"):
        found = too_large(file.size, config) if reader.kind == "plain" else expands(config)
    url = own_url(found.html) if isinstance(found, Page) else None
    return _row(found, file.name, url, None, {}, config)


def _row(
    found: Page | Outcome, row_id: str, url: str | None, date: str | None, metadata: dict[str, str], config: IngestWeb
) -> Row:
    if isinstance(found, Outcome):
        return Failure(row_id, found)
    metadata["charset"] = found.charset
    if found.title and (title := " ".join(found.title.split())):
        metadata["title"] = title
    if found.extractor != config.extractor and found.extractor != "none":
        metadata["extractor"] = found.extractor
    return Document(
        id=row_id, text=found.text, source=config.source, url=_clean(url), created=iso_date(date),
        html=found.html if config.keep_html and found.html else None,
        metadata={name: _clean(value) or "" for name, value in sorted(metadata.items())},
    )  # fmt: skip


def _clean(value: str | None) -> str | None:
    """Text that can be written as UTF-8."""
    return value.encode("utf-8", "replace").decode("utf-8") if value is not None else None


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def iso_date(date: str | None) -> str | None:
    """An archive's date (ISO 8601 of WARC, 14 digits of ARC) as ISO 8601 in UTC; None if it is neither."""
    if date is None:
        return None
    if digits := DATE14.match(date):
        year, month, day, *clock = digits.groups(default="00")
        return f"{year}-{month}-{day}T{':'.join(clock)}Z"
    return date if re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$", date) else None


def own_url(html: str) -> str | None:
    """The address that a page names as its own: canonical link, og:url, base."""
    head = html[: 1 << 16]
    base = next((url for tag in BASE.findall(head) if (url := _attributes(tag).get("href"))), "")
    for tag in LINK.findall(head):
        values = _attributes(tag)
        if "canonical" in values.get("rel", "").lower().split() and (url := _absolute(values.get("href", ""), base)):
            return url
    for tag in META.findall(head):
        values = _attributes(tag)
        if values.get("property", "").lower() == "og:url" and (url := _absolute(values.get("content", ""), base)):
            return url
    return _absolute(base, "")


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): unescape(a or b or c) for name, a, b, c in ATTRIBUTE.findall(tag)}


def _absolute(url: str, base: str) -> str | None:
    try:
        full = urljoin(base, url.strip())
    except ValueError:
        return None
    return full if full.lower().startswith(("http://", "https://")) and len(full) < 4096 else None
