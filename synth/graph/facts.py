"""What a graph format reads: facts, their kinds, and the canonical forms of names, numbers and dates."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from arcmill.stage import Failure, Outcome

AUTO = "auto"  # the kind of an object that only its whole relation tells: a node, or a literal
NUMBER_CHARACTERS = 60  # a number of more is a text: no bound is put on it, and 1e999999999 would fill the memory
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}|\d{1,3}(?:,\d{3}){1,9})?(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_DATE = re.compile(r"([+-]?\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ][\d:.]{2,20}(?:Z|[+-]\d\d:?\d\d)?)?(?:Z|[+-]\d\d:\d\d)?)?)?\Z", re.ASCII)  # fmt: skip
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d\Z", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
# Format characters (category Cf, Unicode 16) that show nothing: bidi controls turn a display round, the others make two
# names of what reads as one. Those that are seen (U+0600 and its like) or lay out a script (U+13430 on) are names' own.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]+"
)
_JOINERS = re.compile("[\u200c\u200d]+")
# What is seen: no control, no blank, and no letter, mark or symbol that shows nothing (fillers, selectors of a variant).
_SEEN = re.compile(
    "[^\\s\x01-\x1f\x7f-\x9f\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_VIRAMA = 9  # canonical combining class
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Fact(NamedTuple):
    """One statement as a file makes it, before cleaning. `kind` is one of EDGE_KINDS, or AUTO; `line` says where."""

    subject: str
    relation: str
    object: str
    kind: str = "node"
    language: str | None = None
    line: int = 0


Read = Fact | Failure
TYPE = "type"  # the relation from a thing to what it is
TYPE_LABELS = (Fact(TYPE, "label", "is a", "text", "en"), Fact(TYPE, "label", "是一种", "text", "zh"))


class Refused(Exception):
    """A name that no node can have."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


def errored(rule: str, where: str, detail: str) -> Failure:
    """A line that is no fact; its ledger id is its place."""
    return Failure(where, Outcome(rule, "errored", detail=f"{where}: {detail}"))


def dropped(rule: str, where: str, detail: str) -> Failure:
    """A line that is left out on purpose."""
    return Failure(where, Outcome(rule, detail=f"{where}: {detail}"))


def name(text: str, limit: int) -> str:
    """A name in its canonical form: NFC, one space between words, nothing that hides or turns it (`shown`). Refused where
    nothing of it is seen, it is too long or no Unicode."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Refused("lone-surrogate", f"character {error.start} is half of a surrogate pair") from None
        text = shown(text)
        if len(text) <= 4 * limit:
            text = unicodedata.normalize("NFC", text)
    if "\0" in text:
        raise Refused("nul-bytes", "the name holds NUL characters")
    made = " ".join(text.split())
    if _SEEN.search(made) is None:
        raise Refused("empty-name", "a subject, relation or object is empty")
    if len(made) > limit:
        raise Refused("too-long", f"{len(made)} characters; max_characters is {limit}")
    return made


def shown(text: str) -> str:
    """A text without format characters, such as those that turn its display round (Unicode annex 9), or show nothing.

    Joiners (U+200C, U+200D) stay where a script or an emoji needs them: after a virama, and between letters, marks and
    symbols beyond ASCII; one of several.
    """
    text = _HIDDEN.sub("", text)
    return _JOINERS.sub(_joined, text)


def _joined(found: re.Match[str]) -> str:
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if before and unicodedata.combining(before) == _VIRAMA:
        return found[0][0]
    sides = [bool(side) and not side.isascii() and unicodedata.category(side)[0] in "LMS" for side in (before, after)]
    return found[0][0] if all(sides) else ""


def number(text: str, padded: bool = False) -> str | None:
    """Decimal text without sign +, leading or trailing zeros or exponent; None where it is no number.

    Figures with leading zeros (postal codes) are none, unless `padded` says that they are known to be numbers.
    """
    text = text.strip().replace("−", "-")
    if not text or _NUMBER.match(text) is None or (_LEADING_ZERO.match(text) and not padded):
        return None
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    if value == 0:
        return "0"
    made = format(value, "f")
    if "." in made:
        made = made.rstrip("0").rstrip(".")
    return made if len(made) <= NUMBER_CHARACTERS else None


def date(text: str) -> str | None:
    """ISO 8601, of a year, month or day; the time of a day is left out. None where it is no date."""
    found = _DATE.match(text.strip())
    if found is None:
        return None
    year, month, day = found[1].removeprefix("+"), found[2], found[3]
    if month is None:
        return year
    if not 1 <= int(month) <= 12 or (day is not None and not 1 <= int(day) <= _DAYS[int(month) - 1]):
        return None
    return f"{year}-{month}" if day is None else f"{year}-{month}-{day}"


def plain_date(text: str) -> str | None:
    """As `date`, but a bare year only from 1000 to 2099: what may be taken for a date without being told so."""
    found = date(text)
    return found if found is None or "-" in found[1:] or _YEAR.match(found) else None
