"""Does a page name something? Tolerant, as search is: case, accents and punctuation do not count, words in one go do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from arcmill.search.words import fold, words
from synth.search_qa.query import Term

_BORDER = "\x1f"
_QUALIFIED = re.compile(r"(.+?)\s*(?:\([^()]+\)|（[^（）]+）)\s*\Z", re.DOTALL)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class PageText:
    """A text that is asked for many names."""

    def __init__(self, text: str) -> None:
        self._text = " ".join(fold(text).split())
        self._words = f"{_BORDER}{_BORDER.join(words(text))}{_BORDER}"

    def names(self, name: str) -> bool:
        """Whether the words of a name stand here one after the other; of a name of a sign or two (C++, 乙), the signs."""
        held = words(name)
        if sum(map(len, held)) < 3:
            folded = " ".join(fold(name).split())
            if not folded or folded not in self._text:
                return False
            # "C" is not named by every word that holds a c; a name with other signs, or of a script without spaces, is.
            return not (folded.isascii() and folded.isalnum()) or f"{_BORDER}{folded}{_BORDER}" in self._words
        return f"{_BORDER}{_BORDER.join(held)}{_BORDER}" in self._words

    def any(self, names: Iterable[str]) -> bool:
        return any(self.names(name) for name in names)


def with_bare(names: Iterable[str]) -> list[str]:
    """The names, and each of them without what stands in brackets at its end: a page or an answer says "Amélie" where a graph
    says "Amélie (film)"."""
    given = list(names)
    bare = [found[1] for name in given if (found := _QUALIFIED.match(name)) and any(map(str.isalnum, found[1]))]
    return list(dict.fromkeys([*given, *bare]))


def spellings(term: Term) -> list[str]:
    """How a page may write a literal: as it is; a number with separators; a date in English and Chinese."""
    value = term.value
    if term.kind == "number":
        whole, point, rest = value.partition(".")
        if whole.lstrip("-").isdecimal() and 4 < len(whole) < 400:
            return [value, f"{int(whole):,}{point}{rest}"]
    elif term.kind == "date":
        return [value, *_dates(value)]
    return [value]


def _dates(value: str) -> list[str]:
    parts = value.split("-")
    if (
        not all(part.isdecimal() and len(part) < 10 for part in parts)
        or not 2 <= len(parts) <= 3
        or not 1 <= int(parts[1]) <= 12
    ):
        return []
    year, month = parts[0], int(parts[1])
    name = _MONTHS[month - 1]
    if len(parts) == 2:
        return [f"{name} {year}", f"{year}年{month}月"]
    day = int(parts[2])
    return [f"{day} {name} {year}", f"{name} {day}, {year}", f"{name[:3]} {day}, {year}", f"{year}年{month}月{day}日"]
