"""What a task's text says: every value that the user gives, and nothing that they cannot know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Any

from agent_data.tasks.views import leaves

_MONTHS = "January February March April May June July August September October November December".split()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?")


def said(value: Any) -> str:
    """A value as a text names it: lists joined by commas and `and`, the parts of an object by commas, each with its name, dates in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # What has one decimal is read as money: 41.50.
        return str(int(value)) if value.is_integer() else f"{value:.2f}" if round(value, 2) == value else str(value)
    if isinstance(value, list):
        parts = [said(one) for one in value]
        return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {said(one)}" for name, one in value.items() if one is not None)
    if (day := _day(value)) is not None:
        return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}" + (f" at {value[11:]}" if len(value) > 10 else "")
    return "none" if value is None else str(value)


def normal(text: str) -> str:
    """A text as it is compared: NFKC, case folded, one kind of space and quote."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(
        folded.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"}).split()
    )


def stands(value: Any, text: str) -> bool:
    """Whether a value stands in a text, each of its parts as a whole word or number: 12 does not stand in 120 or 3.12."""
    held = normal(text)
    return all(any(_token(normal(form), held) for form in forms(leaf)) for _, leaf in leaves(value))


def missing(values: Iterable[Any], text: str) -> list[Any]:
    """The values that do not stand in a text."""
    return [value for value in values if not stands(value, text)]


def revealed(values: Iterable[Any], text: str) -> list[Any]:
    """The values that stand in a text."""
    return [value for value in values if value not in ("", None) and stands(value, text)]


def forms(value: Any) -> list[str]:
    """The texts as one of which a value stands or is told: 41.5 as 41.5 or 41.50, a date also in words."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        made = [said(value), str(value)]
        if isinstance(value, float):
            made.append(f"{value:.2f}")
        if abs(value) >= 1000:
            made += [f"{value:,}", f"{value:,.2f}"] if isinstance(value, float) else [f"{value:,}"]
        return list(dict.fromkeys(made))
    made = [str(value)]
    if (day := _day(value)) is not None:
        name = _MONTHS[day.month - 1]
        clock = f" at {value[11:]}" if len(value) > 10 else ""
        made += [f"{name} {day.day}, {day.year}{clock}", f"{day.day} {name} {day.year}{clock}"]
    return made


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _token(value: str, text: str) -> bool:
    """A value between borders. A number's border is no further digit, also not behind a point or comma."""
    if not value:
        return True
    before = r"(?<![\w])(?<!\d[.,])" if value[0].isalnum() else ""
    after = r"(?!\w)(?![.,]\d)" if value[-1].isalnum() else ""
    return re.search(before + re.escape(value) + after, text) is not None
