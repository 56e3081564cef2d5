"""Whether a text says a value: numbers by their value, days and times as people write them, all else word for word."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation

_MONTHS = "January February March April May June July August September October November December".split()
_NUMBER = re.compile(r"^[-+\u2212]?\s*[$€£¥]?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s*%?$")
# Not a part of a word, a code (w-12), a longer number or a fraction; 1,234 is one number, the comma of a list is none.
_NUMBERS = re.compile(
    r"(?<![\w.])(?<![a-z]-)(?<!\d,)[-\u2212]?[$€£¥]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|\.\d|,\d{3}(?!\d))"
)
_DAY = re.compile(r"^(\d{4})-(\d{2})-(\d{2})$")
_MOMENT = re.compile(r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$", re.I)
_TIME = re.compile(r"^(\d{2}):(\d{2})(?::00)?$")
_DATES = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}")  # their figures are no numbers of their own


def says(text: str, value: str) -> bool:
    """Whether the text says the value. Never by a part of a longer word or number: "12" is not said by "112" or "12.50"."""
    text, value = plain(text), plain(value)
    if not value:
        return False
    if _NUMBER.match(value):
        return _says_number(text, value)
    if moment := _MOMENT.match(value):
        return _words(text, value) or (says(text, moment[1]) and says(text, moment[2]))
    if day := _DAY.match(value):
        return _words(text, value) or _says_day(text, *(int(part) for part in day.groups()))
    if time := _TIME.match(value):
        return _words(text, value) or _says_time(text, int(time[1]), time[2])
    return _words(text, value)


def plain(text: str) -> str:
    """A text in one form: compatibility characters, blanks, quotes and marks of emphasis are one."""
    text = unicodedata.normalize("NFKC", text).replace("*", "").replace("`", "")
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2010: "-", 0x2011: "-", 0x2013: "-"})
    return " ".join(text.casefold().split())


def _words(text: str, value: str) -> bool:
    """The value, not as a part of a longer word."""
    start = text.find(value)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(value) : start + len(value) + 1]
        if not (_joined(before, value[0]) or _joined(value[-1], after)):
            return True
        start = text.find(value, start + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two characters that stand side by side are of one word; scripts without blanks have no such words."""
    if not left or not right:
        return False
    return (left.isalnum() or left == "_") and (right.isalnum() or right == "_") and not (_wide(left) or _wide(right))


def _wide(sign: str) -> bool:
    return "\u3040" <= sign <= "\u30ff" or "\u3400" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7af"


def _says_number(text: str, value: str) -> bool:
    wanted = _decimal(value)
    text = _DATES.sub(" ", text)
    padded = value.lstrip("+-\u2212$€£¥ ").startswith("0") and "." not in value and len(value) > 1
    if padded:  # a code such as 0042, not a quantity
        return _words(text, value)
    for found in _NUMBERS.findall(text):
        digits = found.lstrip("-\u2212$€£¥")
        if len(digits) > 1 and digits[0] == "0" and digits[1] != ".":
            continue
        if wanted is not None and _decimal(found) == wanted:
            return True
    return False


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(re.sub(r"[$€£¥,%\s+]", "", text).replace("\u2212", "-"))
    except InvalidOperation:
        return None


def _says_day(text: str, year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    name = _MONTHS[month - 1].casefold()
    named, ordinal = rf"(?:{name}|{name[:3]})\b\.?", rf"0?{day}(?:st|nd|rd|th)?"
    year_or_none = rf"(?:,? {year}\b)?(?!,? \d{{4}})"  # of another year it is another day
    forms = (
        rf"\b{named} {ordinal}\b{year_or_none}", rf"(?<!\d){ordinal}(?: of)? {named}{year_or_none}",
        rf"(?<!\d)0?{month}/0?{day}/{year}\b", rf"{year}/0?{month}/0?{day}(?!\d)", rf"{year}年0?{month}月0?{day}日",
    )  # fmt: skip
    return any(re.search(form, text) for form in forms)


def _says_time(text: str, hour: int, minute: str) -> bool:
    half, twelve = ("a", "p")[hour >= 12], (hour - 1) % 12 + 1
    minutes = rf"(?::{minute})?" if minute == "00" else f":{minute}"
    forms = (rf"(?<![\d:])0?{twelve}{minutes} ?{half}\.?m\b", rf"(?<![\d:])0?{hour}:{minute}(?![\d:]| ?[ap]\.?m)")
    if any(re.search(form, text) for form in forms):
        return True
    return minute == "00" and ((hour == 12 and "noon" in text) or (hour == 0 and "midnight" in text))


_DECLINED = re.compile(
    r"\b(?:can(?:no|')t|cannot|could(?:n't| not)|unable|not able|(?:is|are|was)(?: not|n't) (?:possible|allowed|permitted|available|supported|able)"
    r"|not possible|impossible|won't|will not be able|do(?:n't| not) have (?:a |any |the )?(?:tool|way|function|ability|access|means)"
    r"|no (?:tool|function|way)\b|declin|refus|not permit|does(?:n't| not) allow|do(?:n't| not) allow|not allowed|against (?:the |our )?polic|outside (?:of )?(?:what|my|the scope)"
    r"|beyond (?:what|my|the scope)|transfer(?:red|ring)? (?:you |this )?to)"
    r"|不能|无法|不可以|不允许|没有办法|抱歉"
)


def declines(text: str) -> bool:
    """Whether a text tells that something cannot be done. By its words: a panel of judges sees more."""
    return _DECLINED.search(plain(text)) is not None
