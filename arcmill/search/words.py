"""Words of texts and queries: the terms that a search index knows.

Text is folded (NFKC, case, accents of European scripts), then cut into runs of letters, digits and the marks that belong to
letters. Runs of Han, Hiragana, Katakana and Hangul, which have no spaces between words, become bigrams; a single sign stands
for itself. Nothing is stemmed and no word is left out for being frequent: names are what is searched for.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

LONGEST = 64  # characters of a word; longer ones are data, and are left out
_CJK = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# Bytes of ASCII text: letters in lower case and digits as they are, all else a blank.
_ASCII = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + b" " * 128
_ACCENTS = re.compile("[\u0300-\u036f]+")


@cache
def _runs() -> re.Pattern[str]:
    """Runs of CJK, or of other letters and digits with their marks (vowel signs of Indic scripts are marks)."""
    marks = [code for code in range(0x370, 0x1E950) if unicodedata.category(chr(code)) in ("Mn", "Mc")]
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    held = "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)
    return re.compile(rf"([{_CJK}]+)|(?:(?![{_CJK}])(?:[^\W_]|[{held}]))+")


def fold(text: str) -> str:
    """One spelling of a text: compatibility forms, case and accents folded. Hangul stays composed."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare)


def words(text: str) -> list[str]:
    """The terms of a text, in order, repeated as they are."""
    if text.isascii():
        plain = text.encode().translate(_ASCII).decode().split()
        if len(max(plain, key=len, default="")) > LONGEST:
            plain = [word for word in plain if len(word) <= LONGEST]
        return plain
    text = fold(text)
    found: list[str] = []
    for run in _runs().finditer(text):
        signs = run[1]
        if signs is None:
            if len(run[0]) <= LONGEST:
                found.append(run[0])
        elif len(signs) == 1:
            found.append(signs)
        else:
            found += [signs[place : place + 2] for place in range(len(signs) - 1)]
    return found
