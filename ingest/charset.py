"""The characters of a page: byte order mark, valid UTF-8, the labels of HTTP and <meta>, then detection.

After the encoding standard (https://encoding.spec.whatwg.org), but labels are believed only as far as the bytes
bear them out: many servers label every page with their default.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

# What browsers read under a label: a superset of the encoding that it names.
SUPERSETS = {
    "ascii": "cp1252", "latin_1": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030",
    "gbk": "gb18030", "hz": "gb18030", "shift_jis": "cp932", "shift_jis_2004": "cp932", "shift_jisx0213": "cp932",
    "euc_kr": "cp949", "johab": "cp949", "tis-620": "cp874", "iso8859-11": "cp874", "big5": "big5hkscs",
    "big5-tw": "big5hkscs",
}  # fmt: skip
LABELS = {"x-sjis": "cp932", "windows-31j": "cp932", "ks_c_5601-1987": "cp949", "ksc5601": "cp949",
          "x-gbk": "gb18030", "x-euc-jp": "euc_jp", "x-x-big5": "big5hkscs", "windows-874": "cp874",
          "dos-874": "cp874", "x-cp1251": "cp1251", "x-cp1252": "cp1252", "utf8": "utf-8",
          "unicode-1-1-utf-8": "utf-8", "x-mac-cyrillic": "mac_cyrillic", "macintosh": "mac_roman",
          "iso-8859-8-i": "iso8859-8"}  # fmt: skip
NOT_TEXT = {"base64", "bz2", "hex", "quopri", "rot13", "uu", "zlib", "punycode", "idna", "unicode_escape",
            "raw_unicode_escape", "undefined", "utf-7", "mbcs", "oem", "unicode-escape",
            "raw-unicode-escape"}  # fmt: skip
META = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,500}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
HTTP = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I)
HIGH = bytes(range(128, 256))
LOW = bytes(range(128))
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TAGS = re.compile(rb"<[^>]{0,2000}>")
WESTERN = {"cp1252", "cp1254", "cp1250", "cp1257", "iso8859-2", "iso8859-15", "mac_roman"}
BAD_SHARE = 0.02  # share of bytes above 127 that may be damaged before a label is held to be wrong
SAMPLE = 1 << 17


@lru_cache(256)
def codec(label: str) -> str | None:
    """The Python codec that browsers would use for a label; None if there is none."""
    name = label.strip().lower()
    name = LABELS.get(name, name)
    try:
        name = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    name = SUPERSETS.get(name, name)
    return None if name in NOT_TEXT else name


def decode(data: bytes, content_type: str = "") -> tuple[str, str]:
    """(text, name of the charset that was used). Never fails: damage becomes U+FFFD."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), name
    if wide := _utf16_without_mark(data):
        return data.decode(wide, "replace"), wide
    if data.isascii():
        labels = _labels(data, content_type) if b"\x1b" in data else []
        if iso := next((name for name in labels if name.startswith("iso2022")), None):
            return data.decode(iso, "replace"), iso
        return data.decode("ascii"), "utf-8"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    labels = _labels(data, content_type)
    high = len(data) - len(data.translate(None, HIGH))
    best: tuple[int, str, str] | None = None
    for name in labels:
        if name in WESTERN and _foreign(data):
            continue
        text = data.decode(name, "replace")
        bad = text.count("\ufffd")
        if bad <= BAD_SHARE * high or (name == "cp1252" and bad <= 0.2 * high):
            return text, name
        if best is None or bad < best[0]:
            best = bad, text, name
    for guess in (_detect(data), "cp1252"):
        if guess:
            text = data.decode(guess, "replace")
            bad = text.count("\ufffd")
            if best is None or bad < best[0]:
                best = bad, text, guess
    assert best is not None
    return best[1], best[2]


def _labels(data: bytes, content_type: str) -> list[str]:
    """Codecs by the labels, the more believable first."""
    http = HTTP.search(content_type)
    meta = META.search(data[:4096])
    names = [codec(http[1]) if http else None, codec(meta[1].decode("ascii")) if meta else None]
    if names[0] == "cp1252" and names[1] not in (None, "cp1252"):
        names.reverse()  # Latin-1 in the header is the server's default, not the author's word
    found = [name for name in names if name and not name.startswith(("utf-16", "utf-32"))]
    return list(dict.fromkeys(found))


def _utf16_without_mark(data: bytes) -> str | None:
    head = data[:512]
    if len(head) >= 8 and head.count(0) * 5 >= len(head) * 2:
        odd, even = head[1::2].count(0), head[::2].count(0)
        if odd >= 9 * even and odd and b"<" in head[::2]:
            return "utf-16-le"
        if even >= 9 * odd and even and b"<" in head[1::2]:
            return "utf-16-be"
    return None


def _foreign(data: bytes) -> bool:
    """Whether so many letters lie above 127 that the page cannot be in a Western European charset."""
    text = TAGS.sub(b" ", data[:SAMPLE])
    high = len(text) - len(text.translate(None, HIGH))
    letters = len(text) - len(text.translate(None, LETTERS))
    return high > 20 and high > 0.4 * (high + letters)


def _detect(data: bytes) -> str | None:
    from resiliparse.parse.encoding import detect_encoding

    # Markup is ASCII and only dilutes what the detector sees.
    sample = TAGS.sub(b" ", data[: 4 * SAMPLE])[:SAMPLE]
    found = detect_encoding(sample, html5_compatible=False)  # the compatible names turn cp949 into utf-8
    return codec(found) if found else None
