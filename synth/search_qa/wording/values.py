"""Numbers and dates in words, exact as they are written: 1967-03 is March 1967, and nothing is rounded.

What is not written in the plain form (1e5, years before 1, clock times) is quoted as it stands.
"""

from __future__ import annotations

import re
from calendar import monthrange

from synth.search_qa.query import Bound
from synth.search_qa.wording.quoting import PLACE, quoted

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?\Z")
_DATE = re.compile(r"([1-9]\d{3})(?:-(0[1-9]|1[0-2])(?:-([0-2]\d|3[01]))?)?\Z")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SAID = {
    "en": re.compile(rf"(?:(?:([1-9]|[12]\d|3[01]) )?({'|'.join(MONTHS)}) |the year )([1-9]\d{{3}})\Z"),
    "zh": re.compile(r"([1-9]\d{3})年(?:([1-9]|1[0-2])月(?:([1-9]|[12]\d|3[01])日)?)?\Z"),
}
_LABEL = {("number", "en"): "the number ", ("date", "en"): "the date ", ("text", "en"): "the text ",
          ("number", "zh"): "数值", ("date", "zh"): "日期", ("text", "zh"): "文本"}  # fmt: skip
# Of dates the first word says what kind of time it is: a year, where a relation points to years.
_TIMES = {"en": ("a date ", "a year "), "zh": ("的某个日期", "的某个年份")}


def constant(kind: str, value: str, language: str) -> str:
    """A number, date or text as a constant."""
    if kind == "number" and _NUMBER.match(value):
        return value
    if kind == "date" and (told := _date(value, language)) is not None:
        return told
    return f"{_LABEL[kind, language]}{quoted(value)}"


def read_constant(said: str, names: list[str], language: str) -> tuple[str, str] | None:
    """(kind, value) of what `constant` wrote, in a masked text."""
    if _NUMBER.match(said):
        return "number", said
    if (value := _read_date(said, language)) is not None:
        return "date", value
    for kind in ("number", "date", "text"):
        label = _LABEL[kind, language]
        if said.startswith(label) and (place := PLACE.fullmatch(said, len(label))):
            return kind, names[int(place[1])]
    return None


def bounds(bound: Bound, language: str, years: bool = False) -> str:
    """A bound as what a thing is: "a date in the 1990s", "a number of at least 5". Ends are included."""
    low, high = (None if end is None else constant(bound.kind, end, language) for end in (bound.low, bound.high))
    if bound.kind == "number":
        if language == "en":
            if low is None or high is None:
                return f"a number of at least {low}" if high is None else f"a number of at most {high}"
            return f"a number from {low} through {high}"
        if low is None or high is None:
            return f"不小于{low}的某个数" if high is None else f"不大于{high}的某个数"
        return f"{low}至{high}（含两端）之间的某个数"
    time = _TIMES[language][years]
    if low is not None and low == high:
        return f"{time}in {_bare(low)}" if language == "en" else f"{low}内{time}"
    if (decade := _decade(bound)) is not None:
        return f"{time}in the {decade}s" if language == "en" else f"{decade}年代{time}"
    if language == "en":
        low, high = low and _bare(low), high and _bare(high)
        if low is None or high is None:
            return f"{time}no earlier than {low}" if high is None else f"{time}no later than {high}"
        return f"{time}from {low} through {high}"
    if low is None or high is None:
        return f"不早于{low}{time}" if high is None else f"不晚于{high}{time}"
    return f"{low}至{high}之间{time}"


_BOUNDS = {
    "en": (
        (re.compile(r"a number of at least (.+)\Z"), "number", "low"),
        (re.compile(r"a number of at most (.+)\Z"), "number", "high"),
        (re.compile(r"a number from (.+) through (.+)\Z"), "number", "both"),
        (re.compile(r"a (?:date|year) in the (\d{3}0)s\Z"), "date", "decade"),
        (re.compile(r"a (?:date|year) in (.+)\Z"), "date", "same"),
        (re.compile(r"a (?:date|year) no earlier than (.+)\Z"), "date", "low"),
        (re.compile(r"a (?:date|year) no later than (.+)\Z"), "date", "high"),
        (re.compile(r"a (?:date|year) from (.+) through (.+)\Z"), "date", "both"),
    ),
    "zh": (
        (re.compile(r"不小于(.+)的某个数\Z"), "number", "low"),
        (re.compile(r"不大于(.+)的某个数\Z"), "number", "high"),
        (re.compile(r"(.+)至(.+)（含两端）之间的某个数\Z"), "number", "both"),
        (re.compile(r"(\d{3}0)年代的某个(?:日期|年份)\Z"), "date", "decade"),
        (re.compile(r"不早于(.+)的某个(?:日期|年份)\Z"), "date", "low"),
        (re.compile(r"不晚于(.+)的某个(?:日期|年份)\Z"), "date", "high"),
        (re.compile(r"(.+)至(.+)之间的某个(?:日期|年份)\Z"), "date", "both"),
        (re.compile(r"(.+)内的某个(?:日期|年份)\Z"), "date", "same"),
    ),
}  # fmt: skip


def read_bounds(said: str, names: list[str], language: str) -> tuple[str, str | None, str | None] | None:
    """(kind, low, high) of what `bounds` wrote, in a masked text."""
    for pattern, kind, form in _BOUNDS[language]:
        if (found := pattern.match(said)) is None:
            continue
        if form == "decade":
            return kind, found[1], str(int(found[1]) + 9)
        ends: list[str] = []
        for end in found.groups():
            if language == "en" and re.match(r"\d{4}\Z", end) and kind == "date":
                end = f"the year {end}"
            read = read_constant(end, names, language)
            if read is None or read[0] != kind:
                break
            ends.append(read[1])
        else:
            return kind, None if form == "high" else ends[0], None if form == "low" else ends[-1]
    return None


def _date(value: str, language: str) -> str | None:
    if (found := _DATE.match(value)) is None or not _is_day(*found.groups()):
        return None
    year, month, day = found.groups()
    if language == "zh":
        return f"{year}年" + (f"{int(month)}月" if month else "") + (f"{int(day)}日" if day else "")
    if month is None:
        return f"the year {year}"
    return (f"{int(day)} " if day else "") + f"{MONTHS[int(month) - 1]} {year}"


def _read_date(said: str, language: str) -> str | None:
    if (found := _SAID[language].match(said)) is None:
        return None
    if language == "zh":
        year, month, day = found.groups()
    else:
        day, month, year = found.groups()
        month = month and str(MONTHS.index(month) + 1)
    value = year + (f"-{int(month):02}" if month else "") + (f"-{int(day):02}" if day else "")
    return value if _date(value, language) == said else None


def _is_day(year: str, month: str | None, day: str | None) -> bool:
    return day is None or month is None or 1 <= int(day) <= monthrange(int(year), int(month))[1]


def _bare(said: str) -> str:
    return said.removeprefix("the year ")


def _decade(bound: Bound) -> str | None:
    low, high = bound.low, bound.high
    if low is None or high is None or not (re.match(r"[1-9]\d{2}0\Z", low) and re.match(r"\d{4}\Z", high)):
        return None
    return low if int(high) == int(low) + 9 else None
