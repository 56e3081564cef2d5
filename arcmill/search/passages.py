"""Passages of documents: what a hit is, what it is called, and the piece of it that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from arcmill.search.words import words

SNIPPET = 320  # characters that a hit shows
TITLE = 200  # characters of a title
LEAD = 40  # characters of a snippet before the first word that was asked for
STEP = 24  # characters of a piece where there are no spaces
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?。！？…](?=\s|[^\x00-\x7f])|\n"), re.compile(r"\s"))
_HEADING = re.compile(r"^[\s#=*\-_>/|+~`]+|[\s#=*\-_>/|+~`]+$")


def passages(text: str, size: int) -> Iterator[tuple[int, int]]:
    """(start, end) of consecutive passages of about `size` characters, which together are the text.

    Each ends at the last blank line in its second half, else the last end of a sentence or line, else the last space,
    else where it is full.
    """
    start, length = 0, len(text)
    while length - start > size:
        end = _cut(text, start + size // 2, start + size)
        yield start, end
        start = end
    yield start, length


def _cut(text: str, low: int, high: int) -> int:
    for pattern in _BREAKS:
        last = None
        for found in pattern.finditer(text, low, high):
            last = found
        if last is not None:
            return last.end()
    return high


def title_of(
    text: str, metadata: Mapping[str, str] | None, path: str | None, repo: str | None = None, url: str | None = None
) -> str:
    """What a document is called: its metadata's title, its path (with its repository, where the path does not tell),
    its first line that says something, its URL."""
    if metadata and (given := (metadata.get("title") or "").strip()):
        return " ".join(given.split())[:TITLE]
    if path and (path := path.strip()):
        told = not repo or repo.rpartition("/")[2].casefold() in path.casefold()
        return (path if told else f"{repo}: {path}")[:TITLE]
    for line in text[:4000].splitlines():
        bare = _HEADING.sub("", line)
        if any(sign.isalnum() for sign in bare):
            return " ".join(bare.split())[:TITLE]
    return (url or "").strip()[:TITLE]


def snippet(text: str, terms: frozenset[str], width: int = SNIPPET) -> str:
    """The piece of a passage, at most `width` characters on one line, that holds most different terms of the query.

    Of several such pieces the first. Cut ends are marked with an ellipsis.
    """
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    room = width - 2
    marked = list(_marked(text, terms))
    best, most = 0, 0
    for place, (start, _) in enumerate(marked):
        found: set[str] = set()
        for other, held in marked[place:]:
            if other >= start + room - LEAD:
                break
            found |= held
        if len(found) > most:
            best, most = start, len(found)
    begin = min(max(best - LEAD, 0), len(text) - room)
    if begin > 0 and " " in text[begin:best]:
        begin = text.index(" ", begin) + 1
    piece = text[begin : begin + room]
    if begin + room < len(text) and " " in piece[room // 2 :]:
        piece = piece[: piece.rindex(" ")]
    ends = ("…" if begin else "", "…" if begin + len(piece) < len(text) else "")
    return f"{ends[0]}{piece.strip()}{ends[1]}"


def _marked(text: str, terms: frozenset[str]) -> Iterator[tuple[int, set[str] | frozenset[str]]]:
    """(place, terms that stand there), in order."""
    if text.isascii():
        known = [term for term in terms if term.isascii()]
        if known:
            for found in _any_of(frozenset(known)).finditer(text.lower()):
                yield found.start(), {found[0]}
        return
    for start, end in _pieces(text):
        if held := terms.intersection(words(text[start:end])):
            yield start, held


@lru_cache(256)
def _any_of(terms: frozenset[str]) -> re.Pattern[str]:
    """Any of these words, as `words` finds them in ASCII."""
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(sorted(terms))})(?![a-z0-9])")


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Words between spaces; long runs without any in steps that share a character, so that no bigram is cut."""
    for found in re.finditer(r"\S+", text):
        start, end = found.span()
        while end - start > STEP:
            yield start, start + STEP
            start += STEP - 1
        yield start, end
