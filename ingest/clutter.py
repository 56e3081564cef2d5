"""Elements that a page's own class names tell to be no main text: captions, boxes about authors, sharing, signing up.

Extractors see such names too, but let much of it through that stands inside the article. Only small elements go, so that
a name on a wrapper around the text (`post author-info`) costs nothing. They are cut out of the bytes by one compiled pass
before any parser: to look for them in the tree would take longer than parsing the page.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["without_clutter"]

NAMES = (
    "caption", "credit", "author-b", "author-i", "author-d", "author-p", "author_", "entry-author", "authorbox", "-bio",
    "newsletter", "signup", "subscri", "share", "sociable", "copyright", "disclosure", "advert", "ad-unit", "donat",
    "widget", "profile", "infobox", "appendix", "reading-time",
)  # fmt: skip
LARGEST = 1000  # characters of text of an element that goes by its name
FARTHEST = 1 << 14  # bytes of markup that are looked through for its end
MARKED = (  # not tables, whose parts need one another, and not what has no inside
    "div p span section aside ul ol li figcaption small footer header h2 h3 h4 h5 h6 dl dd dt form em strong b i "
    "blockquote cite address time center details nav fieldset label button legend"
)
KEPT = "pre h1 article main table math code"  # an element around one of these stays
MAX_CUTS = 1 << 12  # elements of a page that are looked at, which bounds the time on hostile pages


def _hash(name: str) -> int:
    value = 0
    for byte in name.encode():
        value = (value * 31 + byte) & 0xFFFFFF
    return value


MARKED_HASHES = np.array(sorted(map(_hash, MARKED.split())), np.int64)
KEPT_HASHES = np.array(sorted(map(_hash, KEPT.split())), np.int64)
SCRIPT, STYLE, P, FIGCAPTION = map(_hash, ("script", "style", "p", "figcaption"))


def _table() -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint8]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The names as rows of bytes, sorted, padded with 0, and the first row of each first byte."""
    names = sorted(name.encode() for name in NAMES)
    rows = np.zeros((len(names), max(map(len, names)) + 1), np.uint8)
    first = np.full(257, len(names), np.int64)
    for row, name in enumerate(names):
        rows[row, : len(name)] = np.frombuffer(name, np.uint8)
    for byte in range(256, -1, -1):
        first[byte] = next((row for row, name in enumerate(names) if name[0] >= byte), len(names))
    return rows, first


ROWS, FIRST = _table()


@njit(cache=True, inline="always")
def _low(byte):  # type: ignore[no-untyped-def]
    return byte + 32 if 65 <= byte <= 90 else byte


@njit(cache=True)
def _names_clutter(data, start, stop, rows, first):  # type: ignore[no-untyped-def]
    """Whether an attribute's value holds one of the names."""
    for at in range(start, stop):
        byte = data[at]
        for row in range(first[byte], first[byte + 1]):
            k = 1
            while rows[row, k] and at + k < stop and data[at + k] == rows[row, k]:
                k += 1
            if rows[row, k] == 0:
                return True
    return False


@njit(cache=True)
def _tag_name(data, at):  # type: ignore[no-untyped-def]
    """(hash of the tag's name that begins there, position behind it)."""
    value = 0
    while at < len(data) and (97 <= _low(data[at]) <= 122 or 48 <= data[at] <= 57):
        value = (value * 31 + _low(data[at])) & 0xFFFFFF
        at += 1
    return value, at


@njit(cache=True)
def _among(value, hashes):  # type: ignore[no-untyped-def]
    for each in hashes:  # noqa: SIM110 (numba has no any())
        if each == value:
            return True
    return False


@njit(cache=True)
def _tag_end(data, at, stop):  # type: ignore[no-untyped-def]
    """Position behind the `>` of a tag, whose attributes may hold others in quotes."""
    while at < stop and data[at] != 62:
        if data[at] == 61 and at + 1 < stop and (data[at + 1] == 34 or data[at + 1] == 39):
            quote = data[at + 1]
            at += 2
            while at < stop and data[at] != quote:
                at += 1
        at += 1
    return at + 1


@njit(cache=True)
def _element_end(data, at, name, kept):  # type: ignore[no-untyped-def]
    """Position behind the end tag of a small element whose start tag ends at `at`; -1 if it is not to be cut."""
    stop = min(len(data), at + FARTHEST)
    depth, text = 1, 0
    while at < stop:
        if data[at] != 60:
            # a byte that begins a character, and is no white space
            if data[at] > 32 and (data[at] & 0xC0) != 0x80:
                text += 1
                if text > LARGEST:
                    return -1
            at += 1
            continue
        if at + 3 < stop and data[at + 1] == 33 and data[at + 2] == 45 and data[at + 3] == 45:
            at += 4
            while at + 2 < stop and not (data[at] == 45 and data[at + 1] == 45 and data[at + 2] == 62):
                at += 1
            at += 3
            continue
        closing = at + 1 < stop and data[at + 1] == 47
        found, behind = _tag_name(data, at + 2 if closing else at + 1)
        if behind == (at + 2 if closing else at + 1):
            at += 1
            continue
        if found == name:
            if not closing and name == P:
                return -1
            depth += -1 if closing else 1
        if not closing and _among(found, kept):
            return -1
        at = _tag_end(data, behind, stop)
        if depth == 0:
            return at if at <= stop and text > 0 else -1
        if not closing and (found == SCRIPT or found == STYLE):
            while at + 1 < stop and not (data[at] == 60 and data[at + 1] == 47):
                at += 1
    return -1


@njit(cache=True)
def _cuts(data, rows, first, marked, kept, cuts):  # type: ignore[no-untyped-def]
    """Beginnings and ends of the elements to cut, in order and apart; their number."""
    size, count, at, tries = len(data), 0, 0, 0
    while at < size - 1 and tries < len(cuts):
        if data[at] != 60 or not 97 <= _low(data[at + 1]) <= 122:
            at += 1
            continue
        start = at
        name, at = _tag_name(data, at + 1)
        hit, able = name == FIGCAPTION, _among(name, marked)
        while at < size and data[at] != 62:
            byte = data[at]
            if byte == 61 and at + 1 < size and (data[at + 1] == 34 or data[at + 1] == 39):
                begin = at + 2
                quote = data[at + 1]
                at = begin
                while at < size and data[at] != quote:
                    at += 1
                if able and not hit and _is_name(data, begin - 3):
                    hit = _names_clutter(data, begin, at, rows, first)
            elif byte == 61:
                begin = at + 1
                at = begin
                while at < size and data[at] > 32 and data[at] != 62:
                    at += 1
                if able and not hit and _is_name(data, begin - 2):
                    hit = _names_clutter(data, begin, at, rows, first)
                continue
            at += 1
        at += 1
        if hit and able and at < size:
            tries += 1
            end = _element_end(data, at, name, kept)
            if end > 0:
                cuts[count, 0], cuts[count, 1] = start, end
                count += 1
                at = end
    return count


@njit(cache=True, inline="always")
def _is_name(data, last):  # type: ignore[no-untyped-def]
    """Whether an attribute's name that ends at `last` is class or id."""
    if data[last] == 100:
        return data[last - 1] == 105 and data[last - 2] <= 32
    return (
        data[last] == 115 and data[last - 1] == 115 and data[last - 2] == 97 and data[last - 3] == 108
        and data[last - 4] == 99 and data[last - 5] <= 32
    )  # fmt: skip


def without_clutter(source: bytes) -> bytes:
    """The page without small elements whose class or id names clutter, and without captions. Time: linear in its bytes."""
    cuts = np.empty((MAX_CUTS, 2), np.int64)
    count = _cuts(np.frombuffer(source, np.uint8), ROWS, FIRST, MARKED_HASHES, KEPT_HASHES, cuts)
    if not count:
        return source
    parts, done = [], 0
    for begin, end in cuts[:count].tolist():
        parts.append(source[done:begin])
        done = end
    parts.append(source[done:])
    return b" ".join(parts)
