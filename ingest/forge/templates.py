"""What a form for issues or pull requests left in a text and nobody filled in."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}[ \t]+\S.*|\*\*[^*\n]{2,80}\*\*:?)[ \t]*$")
_UNTICKED = re.compile(r"^\s*[-*+][ \t]+\[[ \t]?\]")
_EMPTY_ANSWER = re.compile(
    r"^\s*(?:_no response_|n/?a|none|-|\.\.\.|…|\(?(?:if applicable|optional|required)\)?\.?)\s*$", re.IGNORECASE
)
_FENCE = re.compile(r"^\s*(?:```|~~~)")


def without_template(text: str) -> str:
    """The text without HTML comments, boxes that are not ticked, and headings that nothing follows. Code blocks stay as they are."""
    text = _outside_code(text.replace("\r\n", "\n"))
    lines = text.split("\n")
    kept: list[str] = []
    inside = False
    for line in lines:
        if _FENCE.match(line):
            inside = not inside
        if not inside and (_UNTICKED.match(line) or _EMPTY_ANSWER.match(line)):
            continue
        kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_filled(kept))).strip()


def _outside_code(text: str) -> str:
    """Comments removed between fences only: one in a code block is code."""
    pieces = re.split(r"(^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z))", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if number % 2 else _COMMENT.sub("", piece) for number, piece in enumerate(pieces))


def _filled(lines: list[str]) -> list[str]:
    """Without headings whose section holds no line; those of sections that hold others stay."""
    result: list[str] = []
    pending: list[tuple[int, str]] = []  # headings that nothing has followed yet, with their level
    inside = False
    for line in lines:
        heading = None if inside else _HEADING.match(line)
        if _FENCE.match(line):
            inside = not inside
        if heading:
            level = len(line) - len(line.lstrip("#")) or 7
            pending = [entry for entry in pending if entry[0] < level]
            pending.append((level, line))
        elif line.strip():
            for _, title in pending:
                result += [title, ""]
            pending = []
            result.append(line)
        elif result:
            result.append(line)
    return result
