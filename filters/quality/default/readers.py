"""Paragraphs of prose out of the formats in which packages carry texts, and what stands around them in HTML."""

from __future__ import annotations

import gzip
import html
import json
import re
import zlib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

__all__ = ["READERS", "entries", "furniture", "is_prose"]

_NO_PROSE = re.compile(r">>>|::|\.\. |==|\|\||[{}<>\\|=_~^]|https?:|\w+\(.*\)\s*->")
_END = re.compile(r"[.!?][\"'”’)\]]*$")
_BEGIN = re.compile(r"[\"'“‘(]?[A-Z]")
_BLANK = re.compile(r"\n[ \t\r]*\n")


def is_prose(paragraph: str) -> bool:
    """One or more whole sentences, mostly letters, without code."""
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    return (
        len(paragraph.split()) >= 8
        and _BEGIN.match(paragraph) is not None
        and _END.search(paragraph) is not None
        and letters >= 0.88 * len(paragraph)
        and not _NO_PROSE.search(paragraph)
    )


def _clean(paragraph: str) -> str:
    return " ".join(paragraph.replace("--", "—").replace("\xa0", " ").split())


def _prose(paragraphs: Iterator[str]) -> list[str]:
    return [paragraph for paragraph in map(_clean, paragraphs) if is_prose(paragraph)]


def _decoded(data: bytes) -> str:
    if data[:2] == b"\x1f\x8b":  # dictzip is gzip, too
        data = gzip.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def plain(data: bytes) -> Iterator[list[str]]:
    """Paragraphs between empty lines; one text a file."""
    text = _decoded(data).replace("\r", "")
    yield _prose(iter(_BLANK.split(text.replace("_", ""))))


_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])")
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def markdown(data: bytes) -> Iterator[list[str]]:
    text = _CODE_BLOCK.sub("\n\n", _FRONT.sub("", _decoded(data)))
    text = _LINK.sub(r"\1", text)
    yield _prose(re.sub(r"[*`_]+", "", paragraph) for paragraph in _BLANK.split(text))


_POD_MARK = re.compile(r"[A-Z]<{1,3} ?([^<>]*?) ?>{1,3}")


def pod(data: bytes) -> Iterator[list[str]]:
    """Perl's documentation: paragraphs that are neither commands nor verbatim."""
    paragraphs = (p for p in _BLANK.split(_decoded(data)) if p[:1] not in ("=", " ", "\t"))
    yield _prose(_POD_MARK.sub(r"\1", _POD_MARK.sub(r"\1", p)) for p in paragraphs)


class _Blocks(HTMLParser):
    """Text of blocks: those of paragraphs, and all others."""

    OUT = frozenset(("script", "style", "pre", "code-block", "title"))
    BLOCKS = frozenset(
        "p div li dd dt td th tr h1 h2 h3 h4 h5 h6 ul ol dl table hr br body header footer nav form section".split()
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.others: list[str] = []
        self._text: list[str] = []
        self._in_paragraph = False
        self._hidden = 0

    def _close(self) -> None:
        text = "".join(self._text).strip()
        if text:
            (self.paragraphs if self._in_paragraph else self.others).append(text)
        self._text = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.OUT:
            self._hidden += 1
        if tag in self.BLOCKS and tag != "br":
            self._close()
            self._in_paragraph = tag == "p" or ("class", "para") in attrs  # DocBook's paragraphs may be divs

    def handle_endtag(self, tag: str) -> None:
        if tag in self.OUT:
            self._hidden = max(0, self._hidden - 1)
        if tag in self.BLOCKS and tag != "br":
            self._close()
            self._in_paragraph = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._close()


def _blocks(data: bytes) -> _Blocks:
    parser = _Blocks()
    parser.feed(_decoded(data))
    parser.close()
    return parser


def page(data: bytes) -> Iterator[list[str]]:
    """Paragraphs of an HTML or DocBook page."""
    yield _prose(iter(_blocks(data).paragraphs))


def furniture(data: bytes) -> list[str]:
    """The blocks of a page that are no paragraphs and no sentences: menus, headings, cells, footers."""
    found = (" ".join(text.split()) for text in _blocks(data).others)
    return [text for text in found if text and not is_prose(text)]


_WML_STRING = re.compile(r'_ *"((?:[^"]|"")*)"')
_WML_MARK = re.compile(r"<[^>]*>")


def wml(data: bytes) -> Iterator[list[str]]:
    """What is told and said in the scenarios of a campaign: the strings that are translated."""
    found = (match.group(1).replace('""', '"') for match in _WML_STRING.finditer(_decoded(data)))
    yield _prose(_WML_MARK.sub("", text) for text in found)


def chapter(data: bytes) -> Iterator[list[str]]:
    """JSON of a chapter, its text under `text`."""
    yield _prose(iter(_BLANK.split(str(json.loads(data)["text"]))))


def _fields(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _fields(inner, path if name == "text" else name)
    elif isinstance(value, str):
        yield path, value


def country(data: bytes) -> Iterator[list[str]]:
    """The sentences of a profile of a country: history, economy, disputes, notes."""
    yield _prose(part for _, text in _fields(json.loads(data), "") for part in text.split(" ++ "))


def entries(data: bytes) -> list[str]:
    """The fields of a profile of a country that are no sentences, a line each."""
    found = ((name, _clean(text)) for name, text in _fields(json.loads(data), ""))
    return [f"{name}: {text}" for name, text in found if text and not is_prose(text)]


_OSIS_NOTE = re.compile(r"<note.*?</note>|<title.*?</title>", re.DOTALL)


def zipped_book(data: bytes) -> Iterator[list[str]]:
    """A SWORD module (zText): blocks of zlib one after another, a book each, OSIS within; chapters as texts."""
    while data:
        unpacked = zlib.decompressobj()
        try:
            text = unpacked.decompress(data).decode("utf-8", "replace")
        except zlib.error:
            data = data[max(1, data.find(b"x\x9c", 1)) :] if data.find(b"x\x9c", 1) > 0 else b""
            continue
        data = unpacked.unused_data
        text = _OSIS_NOTE.sub("", text)
        text = re.sub(r"<(?:div|milestone|l|lg|p)\b[^>]*>|</(?:div|l|lg|p)>", "\n\n", text)
        yield _prose(iter(_BLANK.split(html.unescape(re.sub(r"<[^>]*>", " ", text)))))


_R_STRING = re.compile(rb"\x00[\x04\x00][\x00-\xff]\x09(?=\x00\x00)")


def r_strings(data: bytes) -> Iterator[list[str]]:
    """Lazy-load data of an R package: compressed chunks of serialized character vectors, a line of a book each."""
    at = 0
    while at + 4 <= len(data):
        unpacked = zlib.decompressobj()
        try:
            chunk = unpacked.decompress(data[at + 4 :])  # four bytes of length stand before each
        except zlib.error:
            at += 1
            continue
        at = len(data) - len(unpacked.unused_data)
        lines, position = [], 0
        while found := _R_STRING.search(chunk, position):
            start = found.end()
            length = int.from_bytes(chunk[start : start + 4], "big")
            lines.append(chunk[start + 4 : start + 4 + length].decode("utf-8", "replace"))
            position = start + 4 + length
        yield _prose(iter(_BLANK.split("\n".join(lines).replace("_", ""))))


_HEADWORD = re.compile(r"\n(?=\S)")
_CATEGORY = re.compile(r"^\s*(<[^>]*>\s*)?(/[^/\n]*/\s*)?")


def dictionary(data: bytes) -> Iterator[list[str]]:
    """Entries that begin in the first column, their text indented."""
    for entry in _HEADWORD.split(_decoded(data)):
        some = _prose(re.sub(r"[{}]", "", _CATEGORY.sub("", text)) for text in _BLANK.split(entry))
        if some:
            yield some


READERS: dict[str, Callable[[bytes], Iterator[list[str]]]] = {
    reader.__name__: reader
    for reader in (plain, markdown, pod, page, wml, chapter, country, zipped_book, r_strings, dictionary)
}
