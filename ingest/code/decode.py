"""The bytes of a source file as text, or why they are none."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_CODING = re.compile(
    rb"^[ \t\f]*(?:#|//|/\*|<!--|<\?xml|;|%|--)[^\n]{0,200}?coding[:=][ \t]*[\"']?([-\w.]{2,40})", re.MULTILINE
)
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\r\f\x0b\x1b\x08\x1a")
_HEAD = 8192
_MOST_CONTROLS = 0.003  # share of control characters above which bytes are no text
_MOST_C1 = 0.0005  # share of U+0080-U+009F in a decoded text: hardly any charset of real text gives one
LFS = b"version https://git-lfs.github.com/spec/v1\n"


class Text(NamedTuple):
    """A decoded file, with \\r\\n as \\n."""

    text: str
    charset: str


def decode(data: bytes) -> Text | str:
    """The text, or the rule by which it is none: lfs-pointer, binary, bad-encoding."""
    if data.startswith(LFS) and len(data) < 1024:
        return "lfs-pointer"
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], charset)
    if b"\0" in data or (
        (controls := len(data[:_HEAD]) - len(data[:_HEAD].translate(None, _CONTROLS)))
        and (controls > _MOST_CONTROLS * len(data[:_HEAD]))
    ):
        return "binary"
    try:
        return Text(_lines(data.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        return _detected(data)


def _decoded(data: bytes, charset: str) -> Text | str:
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        return "bad-encoding"
    return "binary" if "\0" in text else Text(_lines(text), charset)


def _detected(data: bytes) -> Text | str:
    """By the charset that the file names, else by detection. What decodes to control characters is bad-encoding."""
    from resiliparse.parse.encoding import detect_encoding

    from ingest.charset import codec

    named = _CODING.search(data[:1024])
    guesses = [
        codec(named[1].decode("ascii")) if named else None,
        codec(detect_encoding(data[: 1 << 17], html5_compatible=False) or ""),
    ]
    for charset in dict.fromkeys((*guesses, "cp1252")):
        if charset is None or charset == "utf-8":
            continue
        try:
            text = data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
        if sum("\x80" <= sign <= "\x9f" for sign in text) <= _MOST_C1 * len(text) and "\0" not in text:
            return Text(_lines(text), charset)
    return "bad-encoding"


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n") if "\r\n" in text else text
