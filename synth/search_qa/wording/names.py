"""Which names stand in a text, whatever their case, width, hyphens, apostrophes and runs of spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from synth.search_qa.naming import with_bare

# Scripts that are written without spaces, or with endings joined on: Han, kana, Hangul, Thai, Lao, Khmer, Myanmar, Tibetan.
_DENSE = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SHORT = 2  # names of so few letters must have their own case: "It" is a film, "it" is not
_WORDS = re.compile(r"([^A-Za-z0-9]*)([A-Za-z0-9]+)")
_QUOTES = str.maketrans("“”‘’–—", "\"\"''--")  # of English questions, which then are ASCII, and read five times as fast
_SPACE = re.compile(r"\s")
_MARKS = re.escape("\"'“”‘’«»「」『』〔〕《》()（）[]")


def named(text: str, names: Iterable[str]) -> list[str]:
    """The names that stand in the text, in their order, each once. Compared after NFKC and casefold, without punctuation
    ("Spider-Man" is "Spider Man" and "Spiderman", which are not one another); a name begins and ends where words do, but in
    scripts without spaces anywhere. Names of one or two letters need their case, single characters of dense scripts need
    borders, and names of signs alone ("?") stand only between spaces or quotation marks."""
    plain = unicodedata.normalize("NFKC", text)
    folded = _letters(plain.casefold())
    cased: _Letters | None = None
    found = []
    for name in dict.fromkeys(names):
        ready = _ready(name)
        if ready.kind == "plain":
            if ready.letters.text in folded.text and _stands(ready.letters, folded, folded.borders):
                found.append(name)
        elif ready.kind == "signs":
            if ready.signs and re.search(rf"(?:^|[\s{_MARKS}]){re.escape(ready.signs)}(?:$|[\s{_MARKS}])", plain):
                found.append(name)
        else:
            cased = cased or _letters(plain)
            if _stands(ready.letters, cased, cased.hard if ready.kind == "single" else cased.borders):
                found.append(name)
    return found


def revealed(text: str, names: Iterable[str]) -> list[str]:
    """Names that a reader finds in a question where they must not stand: more than `named` finds. Spaces do not count (an account
    "GrahamDumpleton" tells of "Graham Dumpleton"), nor what stands in brackets behind a name ("json (keyword)"), nor the case
    of short names (a clue's letter F)."""
    folded = _letters(unicodedata.normalize("NFKC", text).casefold())
    found = []
    for name in with_bare(names):
        ready = _ready(name)
        if ready.kind == "plain":
            if ready.letters.text in folded.text and _borders_on(ready.letters.text, folded):
                found.append(name)
        elif named(text, [name]) or (ready.kind == "short" and named(text.casefold(), [name.casefold()])):
            found.append(name)
    return found


def _borders_on(name: str, text: _Letters) -> bool:
    place = text.text.find(name)
    while place >= 0:
        if place in text.borders and place + len(name) in text.borders:
            return True
        place = text.text.find(name, place + 1)
    return False


class _Letters(NamedTuple):
    """Letters, digits and marks alone, and places between them: where a name may begin or end; the same but for those within
    dense scripts; and where a space parts words."""

    text: str
    borders: frozenset[int]
    hard: frozenset[int]
    spaced: frozenset[int]


class _Name(NamedTuple):
    """A name made ready. `kind`: plain; short (its case counts); single (a dense character); signs."""

    kind: str
    letters: _Letters
    signs: str = ""


def _stands(name: _Letters, text: _Letters, ends: frozenset[int]) -> bool:
    """A space in one of them must be some border of the other: "the rapist" is no "therapist"."""
    size = len(name.text)
    place = text.text.find(name.text)
    while place >= 0:
        if place in ends and place + size in ends and all(place + at in text.borders for at in name.spaced):
            inner = range(place + 1, place + size)
            if all(at - place in name.borders for at in inner if at in text.spaced):
                return True
        place = text.text.find(name.text, place + 1)
    return False


@lru_cache(maxsize=16)  # one text is asked about several things, one after the other
def _letters(text: str) -> _Letters:
    text = text if text.isascii() else text.translate(_QUOTES)
    return _plain_letters(text) if text.isascii() else _any_letters(text)


def _plain_letters(text: str) -> _Letters:
    """The same of ASCII, five times as fast."""
    words, borders, spaced, size = [], [0], [], 0
    for gap, word in _WORDS.findall(text):
        if size:
            borders.append(size)
            if gap == " " or _SPACE.search(gap):
                spaced.append(size)
        words.append(word)
        size += len(word)
    held = frozenset([*borders, size])
    return _Letters("".join(words), held, held, frozenset(spaced))


def _any_letters(text: str) -> _Letters:
    held: list[str] = []
    hard, soft, spaced = {0}, set[int](), set[int]()
    gap = space = dense_before = False
    for sign in unicodedata.normalize("NFKC", text):
        if not (sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc")):
            gap, space = True, space or sign.isspace()
            continue
        dense = not sign.isascii() and _DENSE.match(sign) is not None
        if gap:
            hard.add(len(held))
            if space and held and not (dense or dense_before):
                spaced.add(len(held))
        elif dense or dense_before:
            soft.add(len(held))
        held.append(sign)
        gap = space = False
        dense_before = dense
    hard.add(len(held))
    return _Letters("".join(held), frozenset(hard | soft), frozenset(hard), frozenset(spaced))


@lru_cache(maxsize=1 << 17)
def _ready(name: str) -> _Name:
    plain = unicodedata.normalize("NFKC", name)
    folded = _letters(plain.casefold())
    if not folded.text:
        return _Name("signs", folded, plain.strip())
    if len(folded.text) > _SHORT:
        return _Name("plain", folded)
    if _DENSE.search(folded.text):
        return _Name("plain" if len(folded.text) > 1 else "single", folded if len(folded.text) > 1 else _letters(plain))
    return _Name("short", _letters(plain))
