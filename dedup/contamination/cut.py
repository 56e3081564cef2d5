"""Cutting spans out of a text, with a margin that ends at a sentence or a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BOUNDARY = re.compile(r"\n|(?<=[.!?])[\"')\]]*\s|(?<=[。！？])")
REACH = 400  # characters beyond the margin in which a boundary is looked for


def widen(text: str, start: int, end: int, margin: int) -> tuple[int, int]:
    """The span [start, end) with `margin` characters more on both sides, then out to a boundary, if one is near."""
    start, end = max(0, start - margin), min(len(text), end + margin)
    low = max(0, start - REACH)
    before = [match.end() for match in _BOUNDARY.finditer(text, low, start)]
    after = _BOUNDARY.search(text, end, min(len(text), end + REACH))
    if before:
        start = before[-1]
    elif low == 0:
        start = 0
    if after:
        end = after.end()
    elif end + REACH >= len(text):
        end = len(text)
    return start, end


def cut(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, int, int]:
    """The text without the spans, how many were cut (those that touch are one), and how many characters."""
    pieces: list[str] = []
    number = removed = at = 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        if start > at or not number:
            pieces.append(text[at:start])
            number += 1
        removed += end - max(start, at)
        at = end
    pieces.append(text[at:])
    kept = [piece.strip("\n") for piece in pieces]
    return "\n\n".join(piece for piece in kept if piece.strip()), number, removed
