"""The values of literals, for bounds: a number as it is, a date as the days that it may be."""

from __future__ import annotations

import math
import re
from functools import lru_cache

NAN = float("nan")
_DATE = re.compile(r"([+-]?\d{1,9})(?:-(\d{1,2})(?:-(\d{1,2})(?:T.*)?)?)?\Z", re.ASCII)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def number_value(text: str) -> float:
    """A decimal number; NaN where it is none, so that it lies within no bound."""
    try:
        value = float(text)
    except ValueError:
        return NAN
    return value if math.isfinite(value) and "_" not in text else NAN


def date_days(text: str) -> tuple[float, float]:
    """First and last day, counted from 1970-01-01, of a date, a month or a year (ISO 8601, astronomical years, proleptic
    Gregorian calendar); (NaN, NaN) where it is no date."""
    found = _DATE.match(text)
    if not found:
        return NAN, NAN
    year = int(found[1])
    if found[2] is None:
        return float(_days(year, 1, 1)), float(_days(year, 12, 31))
    month = int(found[2])
    if not 1 <= month <= 12:
        return NAN, NAN
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = _MONTHS[month - 1] + leap
    if found[3] is None:
        return float(_days(year, month, 1)), float(_days(year, month, last))
    day = int(found[3])
    if not 1 <= day <= last:
        return NAN, NAN
    return float(_days(year, month, day)), float(_days(year, month, day))


def year_of(text: str) -> int | None:
    """The year of a date."""
    found = _DATE.match(text)
    return int(found[1]) if found else None


@lru_cache(maxsize=1 << 14)
def bound_values(kind: str, low: str | None, high: str | None) -> tuple[float, float]:
    """The closed interval that a bound allows: a value lies within it where all of it does. ValueError for an end that is
    no number or date."""
    ends = []
    for place, text in enumerate((low, high)):
        if text is None:
            ends.append(-math.inf if place == 0 else math.inf)
            continue
        value = number_value(text) if kind == "number" else date_days(text)[place]
        if math.isnan(value):
            raise ValueError(f"{text!r} is no {kind}")
        ends.append(value)
    return ends[0], ends[1]


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 (March-based years, so that the leap day comes last)."""
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    era, of_era = divmod(year, 400)
    of_year = (153 * month + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
