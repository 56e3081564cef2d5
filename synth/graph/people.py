"""Persons and teams in package metadata: names apart from each other, and never an e-mail address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses

_TEAM = re.compile(
    r"\b(?:team|developers?|contributors?|authors|maintainers|committers|project|inc|llc|ltd|gmbh|foundation|community|group|"
    r"organi[sz]ation|authority|center|centre|university|institute|software|labs?|org|company|corporation|corp|working)\b\.?",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\s*(?:;|\n|&|\band\b|(?<!\d)/(?!\d))\s*")
_TAIL = re.compile(
    r"[\s,]*(?:\(.*?\)|\bet\.?\s+al\.?|\bothers\b.*|and (?:others|contributors))[\s,.]*\Z", re.IGNORECASE
)
_NO_NAME = re.compile(r"[@<>{}\\|=\[\]]|https?:|\A(?:unknown|none|n/a|various|others?|see\b.*)\Z", re.IGNORECASE)


def people(plain: str, addressed: str) -> list[tuple[str, str]]:
    """(person or team, name), each once, of the fields Author and Author-email (or of those of maintainers)."""
    found: dict[str, str] = {}
    for name in (*_plain(plain), *_addressed(addressed)):
        kind = "team" if _TEAM.search(name) or len(name.split()) == 1 else "person"
        if name.casefold() not in {known.casefold() for known in found}:
            found[name] = kind
    return [(kind, name) for name, kind in found.items()]


def _plain(field: str) -> Iterator[str]:
    for part in _PARTS.split(field[:4000]):
        pieces = [piece.strip() for piece in part.split(",")]
        # "Hugging Face, Inc." is one name, "Terence Parr, Sam Harwell" are two.
        whole = len(pieces) > 1 and (any(len(piece.split()) < 2 for piece in pieces) or bool(_TEAM.search(pieces[-1])))
        for piece in [part] if whole and len(pieces) == 2 else pieces:
            if (name := _name(piece)) is not None:
                yield name


def _addressed(field: str) -> Iterator[str]:
    for name, address in getaddresses([" ".join(field[:8000].split())]) if field else ():
        if address and "@" in address and (made := _name(name)) is not None:
            yield made


def _name(text: str) -> str | None:
    name = _TAIL.sub("", " ".join(text.split()).strip(" \"',.;")).strip(" \"',;")
    if not 2 <= len(name) <= 60 or _NO_NAME.search(name) or not any(sign.isalpha() for sign in name):
        return None
    return name
