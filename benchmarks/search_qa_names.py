"""Names in the texts of questions, for `search_qa_check.py`; written apart from the package's own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any


def names_of(graph: Any, constant: dict[str, str]) -> list[str]:
    """Every name of a thing, the longest first; its id where it has none; of a literal its value."""
    ((kind, value),) = constant.items()
    names = graph.names.get(graph.whole.get(value, value)) if kind == "node" else None
    return sorted(names or {value}, key=lambda name: (-len(name), name))


def fold(text: str) -> str:
    """As names are compared: NFKC, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def stands(name: str, text: str) -> bool:
    """Whether a name stands in a text between borders of words; scripts without blanks have no borders."""
    name, text = fold(name), fold(text)
    place = text.find(name) if name else -1
    while place >= 0:
        end = place + len(name)
        if not (place and _runs_on(text[place - 1], name[0])) and not (
            end < len(text) and _runs_on(name[-1], text[end])
        ):
            return True
        place = text.find(name, place + 1)
    return False


def _runs_on(left: str, right: str) -> bool:
    return _in_word(left) and _in_word(right) and not (_without_blanks(left) or _without_blanks(right))


def _in_word(sign: str) -> bool:
    return sign == "_" or unicodedata.category(sign)[0] in "LNM"


def _without_blanks(sign: str) -> bool:
    code = ord(sign)
    return (
        0x2E80 <= code <= 0xA4CF or 0xF900 <= code <= 0xFAFF or 0xFF66 <= code <= 0xFF9F or 0x20000 <= code <= 0x3FFFF
    )


def foreign(text: str, language: str, names: Iterable[str]) -> str | None:
    """What is wrong with a text's script, apart from the names in it; None where nothing is."""
    rest = fold(text)
    for name in names:
        rest = rest.replace(fold(name), " ")
    letters = [sign for sign in rest if unicodedata.category(sign)[0] == "L"]
    han = sum(1 for sign in letters if _without_blanks(sign))
    if language not in ("en", "zh"):
        return f"the language {language!r} is neither en nor zh"
    if not letters:
        return "no words are left beside the names"
    share = han / len(letters)
    return f"{100 * share:.0f} % of its letters are Chinese" if (share < 0.5) == (language == "zh") else None
