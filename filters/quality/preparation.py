"""The text that a quality classifier sees: the same in training and in scoring, and bounded in length."""

from __future__ import annotations

import re

__all__ = ["PREPARATION", "prepare"]

PREPARATION = 1  # written into model.json; raised when prepare() changes

WINDOW = 1000  # characters
WINDOWS = 3  # of a long text: its beginning, middle and end

_APART = [bytes([mark]) for mark in b'.,;:!?"()[]{}<>|/=*#_-&%$@+~^`\\']
_UNSPACED = re.compile(r"([\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff0f])")
_TABLE = bytes(
    ord("0") if chr(byte).isascii() and chr(byte).isdigit() else 32 if byte < 32 else ord(chr(byte).lower())
    if byte < 128 else byte
    for byte in range(256)
)  # fmt: skip


def prepare(text: str) -> str:
    """One line of lower-case words: digits as 0, punctuation apart, kana and Han characters apart.

    Layout is left out on purpose: line breaks tell where a text is from, not how good it is.
    """
    if len(text) > WINDOW * WINDOWS:
        middle = (len(text) - WINDOW) // 2
        text = f"{text[:WINDOW]} {text[middle : middle + WINDOW]} {text[-WINDOW:]}"
    if not text.isascii():
        text = _UNSPACED.sub(r" \1 ", text.lower())
    # One pass over bytes does what str.lower and str.translate take many times as long for.
    data = text.encode("utf-8", "replace").translate(_TABLE)
    for mark in _APART:
        if mark in data:
            data = data.replace(mark, b" " + mark + b" ")
    return data.decode("utf-8").strip()
