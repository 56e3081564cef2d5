"""What in a passage can be made vaguer, span by span: names, dates, numbers, quoted titles, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

MASK = "[X]"
_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" if len(month) > 4 else month for month in _MONTHS)
_YEAR = r"(?P<year>1[0-9]{3}|20[0-9]{2})"
_BEFORE = r"(?:(?P<before>on|in|since|by|until|from|after|before|during|around|of)\s+(?:the\s+)?)?"
_DAY = r"(?:\d{1,2}(?:st|nd|rd|th)?)"
_DATES = re.compile(
    rf"\b{_BEFORE}(?:{_DAY}\s+(?:of\s+)?(?:{_MONTH})\s*,?\s+{_YEAR}"
    rf"|(?:{_MONTH})\s+{_DAY}\s*,?\s+{_YEAR.replace('year', 'year2')}"
    rf"|(?:{_MONTH})\s*,?\s+{_YEAR.replace('year', 'year3')}"
    rf"|{_YEAR.replace('year', 'year4')}-\d\d(?:-\d\d)?"
    rf"|(?<![\d.,/:#$€£-]){_YEAR.replace('year', 'year5')})(?![\w%°-]|[.,:/]\d|\s*(?:km|m|kg|people|inhabitants|metres|meters|feet)\b)",
    re.IGNORECASE,
)
_DATES_ZH = re.compile(rf"(?<!\d){_YEAR}\s*年(?:\s*\d{{1,2}}\s*月(?:\s*\d{{1,2}}\s*[日号])?)?(?!代)")
_ABOUT = "more than|less than|fewer than|over|under|about|around|nearly|almost|some|approximately|roughly|at least|at most|up to"
_NUMBERS = re.compile(
    rf"(?:\b(?:{_ABOUT})\s+)?"
    r"(?<!past )(?<!last )(?<!next )(?<![\w.,:/#$€£-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w:/-]|[.,]\d|\.\w)",
    re.ASCII | re.IGNORECASE,
)
_NUMBERS_ZH = re.compile(
    r"(?:大约|约|超过|将近|近|至少|最多)?(?<![\d.,年月A-Za-z])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d.,:/A-Za-z年月日号代])多?"
)
_QUOTED = re.compile(
    r'“([^“”\n]{2,60})”|"([^"\n]{2,60})"|«([^«»\n]{2,60})»|「([^「」\n]{2,60})」|《([^《》\n]{1,60})》'
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters [start, end) of a passage, what could stand there, and why."""

    start: int
    end: int
    original: str
    suggestion: str
    kind: str  # name | date | number | known-name | quoted-name
    reason: str

    def told(self) -> dict[str, object]:
        """As it stands in a row's evidence."""
        return {
            "start": self.start, "end": self.end, "original": self.original, "suggestion": self.suggestion, "kind": self.kind,
            "reason": self.reason,
        }  # fmt: skip


def apply(text: str, spans: Sequence[Span]) -> str:
    """The text with every suggestion taken."""
    pieces, end = [], 0
    for span in sorted(spans):
        pieces += [text[end : span.start], span.suggestion]
        end = span.end
    return "".join([*pieces, text[end:]])


def without_overlap(candidates: Sequence[Span]) -> list[Span]:
    """The first of those that overlap; so the order of the candidates is their rank."""
    kept: list[Span] = []
    for span in candidates:
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def dates(text: str, language: str, years: int) -> Iterator[Span]:
    """Days, months and years, as the range of years that they lie in. A preposition before goes with it."""
    if language == "zh":
        for found in _DATES_ZH.finditer(text):
            low, high = _range(int(found["year"]), years)
            century, decade = low // 100 + 1, low % 100
            said = f"{century}世纪{decade}年代" if decade else f"{century}世纪最初十年"
            if years != 10:
                said = f"{low}年至{high}年之间"
            yield Span(*found.span(), found[0], said, "date", f"a date within {low} to {high}")
        return
    for found in _DATES.finditer(text):
        year = int(next(value for key, value in found.groupdict().items() if key.startswith("year") and value))
        low, high = _range(year, years)
        span = f"the {low}s" if years == 10 else f"the years {low} to {high}"
        before = (found["before"] or "").lower()
        lead = {"": "some time in", "on": "in", "by": "by", "of": "of"}.get(before, before)
        said = f"{lead} {span}"
        if found[0][0].isupper() and before:
            said = said[0].upper() + said[1:]
        yield Span(*found.span(), found[0], said, "date", f"a date within {low} to {high}")


def _range(year: int, years: int) -> tuple[int, int]:
    low = year - year % years
    return low, low + years - 1


def numbers(text: str, language: str, smallest: int) -> Iterator[Span]:
    """Numbers as round bounds: the step is a digit of the highest place, or half of it where that is too wide."""
    for found in (_NUMBERS_ZH if language == "zh" else _NUMBERS).finditer(text):
        value = Decimal(found["number"].replace(",", ""))
        if value < smallest:
            continue
        low, high = bounds(value)
        said = f"{low:,} 至 {high:,} " if language == "zh" else f"between {low:,} and {high:,}"
        yield Span(*found.span(), found[0], said, "number", f"a number within {low:,} to {high:,}")


def bounds(value: Decimal) -> tuple[int, int]:
    """The multiples of a round step on both sides of a number that is at least 1: 1,234 lies within 1,000 to 1,500."""
    whole = int(value)
    power = 10 ** (len(str(max(whole, 1))) - 1)
    step = max(power // 2 if whole < 5 * power else power, 1)
    low = whole - whole % step
    return low, low + step


def quoted(text: str, language: str) -> Iterator[Span]:
    """Titles and names between quotation marks, as a general word."""
    for found in _QUOTED.finditer(text):
        held = next(group for group in found.groups() if group)
        if not any(sign.isalpha() for sign in held) or held == MASK:
            continue
        if language == "zh":
            said, what = ("某部作品", "a title") if found[0][0] == "《" else ("某个名称", "a name in quotation marks")
        elif held[:1].isupper() or held[:1].isdigit():
            said, what = "a certain title or name", "a name in quotation marks"
        else:
            continue  # a word that is spoken of, no name
        yield Span(*found.span(), found[0], said, "quoted-name", what)
