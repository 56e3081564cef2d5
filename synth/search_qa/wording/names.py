"""Which names stand in a text, whatever their case, width, hyphens, apostrophes and spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# Scripts that are written without spaces, or with endings joined on: Han, kana, Hangul, Thai, Lao, Khmer, Myanmar, Tibetan.
_DENSE = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_NO_LETTERS = re.compile(r"[^A-Za-z0-9]+")
_SHORT = 2  # names of so few letters must have their own case: "It" is a film, "it" is not


def named(text: str, names: Iterable[str]) -> list[str]:
    """The names that stand in the text, in their order, each once. Compared after NFKC and casefold, without punctuation and
    spaces ("Spider-Man" is "Spider Man"); a name begins and ends where words do, but in scripts without spaces anywhere.
    Names of one or two letters need their case, single characters of dense scripts need borders, and names of signs alone
    ("?") stand only between spaces or quotation marks."""
    read = _Text(text)
    return [name for name in dict.fromkeys(names) if read.holds(name)]


class _Text:
    """A text made ready: its letters without what is between words, and the places where words begin and end."""

    def __init__(self, text: str) -> None:
        self.plain = unicodedata.normalize("NFKC", text)
        self.folded, self.borders, _ = _letters(self.plain.casefold())
        self._cased: tuple[str, frozenset[int], frozenset[int]] | None = None

    def holds(self, name: str) -> bool:
        folded, cased, kind = _ready(name)
        if kind == "signs":
            return (
                bool(cased)
                and re.search(rf"(?:^|[\s{_MARKS}]){re.escape(cased)}(?:$|[\s{_MARKS}])", self.plain) is not None
            )
        if kind == "plain":
            return folded in self.folded and _stands(folded, self.folded, self.borders)
        if self._cased is None:
            self._cased = _letters(self.plain)
        letters, borders, hard = self._cased
        return _stands(cased, letters, hard if kind == "single" else borders)


_MARKS = re.escape("\"'“”‘’«»「」『』〔〕《》()（）[]")


def _stands(name: str, letters: str, borders: frozenset[int]) -> bool:
    place = letters.find(name)
    while place >= 0:
        if place in borders and place + len(name) in borders:
            return True
        place = letters.find(name, place + 1)
    return False


def _letters(text: str) -> tuple[str, frozenset[int], frozenset[int]]:
    """Letters, digits and marks alone; where a name may begin or end; the same with borders within dense scripts left out."""
    held: list[str] = []
    hard, soft = {0}, set[int]()
    gap = False
    dense_before = False
    for sign in unicodedata.normalize("NFKC", text):
        if not (sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc")):
            gap = True
            continue
        dense = _DENSE.match(sign) is not None
        if gap:
            hard.add(len(held))
        elif dense or dense_before:
            soft.add(len(held))
        held.append(sign)
        gap, dense_before = False, dense
    hard.add(len(held))
    return "".join(held), frozenset(hard | soft), frozenset(hard)


@lru_cache(maxsize=1 << 17)
def _ready(name: str) -> tuple[str, str, str]:
    """(letters folded, letters as they are, kind): plain, short (its case counts), single (a dense character), or signs."""
    plain = unicodedata.normalize("NFKC", name)
    if plain.isascii():
        cased = _NO_LETTERS.sub("", plain)
        folded = cased.lower()
    else:
        cased, folded = _letters(plain)[0], _letters(plain.casefold())[0]
    if not cased:
        return "", plain.strip(), "signs"
    if _DENSE.search(cased):
        return folded, cased, "plain" if len(cased) > 1 else "single"
    return folded, cased, "short" if len(cased) <= _SHORT else "plain"
