"""The three sentinels of a model, how they part a text, and how the parts are put back.

PSM is `<prefix> P <suffix> S <middle> M`. SPM has two published forms, and which one a model was trained with is part
of its sentinel set: `joined`, `<prefix> <suffix> S <middle> P M` (variant 2 of Bavarian et al. 2022, arXiv 2207.14255,
section 3), and `suffix_first`, `<suffix> S <prefix> P <middle> M`. In all three the original text is what stands after
the prefix sentinel, then what stands after the middle sentinel, then what stands after the suffix sentinel: so putting
back needs no knowledge of the mode. docs/fim.md names the source of each published set.
"""

from __future__ import annotations

import re
from os.path import commonprefix
from typing import Literal, NamedTuple

from arcmill.errors import InputError

SpmOrder = Literal["suffix_first", "joined"]
PREFIX, SUFFIX, MIDDLE = range(3)


class Sentinels(NamedTuple):
    """The control tokens of one model, and its form of SPM."""

    prefix: str
    suffix: str
    middle: str
    spm_order: SpmOrder = "joined"

    @property
    def tokens(self) -> tuple[str, str, str]:
        """The three tokens: prefix, suffix, middle."""
        return self.prefix, self.suffix, self.middle


SETS = {
    "glm": Sentinels("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>", "suffix_first"),
    "qwen": Sentinels("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    # The bars are U+FF5C and the blanks U+2581. "hole" stands before the suffix, "end" before the middle.
    "deepseek": Sentinels("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    "starcoder": Sentinels("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
}


def restore(text: str, sentinels: Sentinels) -> str:
    """The original of a FIM text. Raises InputError where it does not hold each sentinel once, in a known order."""
    found = Marks(sentinels).restored(text.encode("utf-8", "surrogatepass"))
    if found is None:
        raise InputError(
            f"not a fill-in-the-middle text of {' '.join(sentinels.tokens)}: it must begin with a sentinel, and hold "
            "each exactly once, the middle one last"
        )
    return found.decode("utf-8", "surrogatepass")


class Marks:
    """A sentinel set over UTF-8 bytes, which is what documents are held in."""

    def __init__(self, sentinels: Sentinels) -> None:
        self.marks = tuple(token.encode() for token in sentinels.tokens)
        self._joined = sentinels.spm_order == "joined"
        # Published sentinels begin alike: one search finds all three.
        self._stem = commonprefix(self.marks)  # noqa: RUF071  of bytes, not of paths
        self._any = re.compile(b"(?=(" + b"|".join(map(re.escape, self.marks)) + b"))")

    def arranged(self, text: bytes, start: int, end: int, spm: bool) -> bytes:
        """The text with `text[start:end]` as its middle, moved to the end."""
        prefix, suffix, middle = self.marks
        if not spm:
            parts = (prefix, text[:start], suffix, text[end:], middle, text[start:end])
        elif self._joined:
            parts = (prefix, suffix, text[end:], middle, text[:end], b"")
        else:
            parts = (suffix, text[end:], prefix, text[:start], middle, text[start:end])
        return b"".join(parts)

    def restored(self, text: bytes) -> bytes | None:
        """The original of an arranged text; None where it is not one."""
        sections = self.sections(text)
        return None if sections is None else b"".join(text[begin:end] for begin, end in sections)

    def sections(self, text: bytes) -> list[tuple[int, int]] | None:
        """Where prefix, middle and suffix stand in an arranged text (bytes, in the original's order); None: not one."""
        places = self.places(text)
        if len(places) != 3 or places[0][0] or {mark for _, mark in places} != {PREFIX, SUFFIX, MIDDLE}:
            return None
        if places[2][1] != MIDDLE:
            return None
        sections = [(0, 0), (0, 0), (0, 0)]
        ends = [place for place, _ in places[1:]] + [len(text)]
        for (place, mark), end in zip(places, ends, strict=True):
            begin = place + len(self.marks[mark])
            if begin > end:  # two sentinels overlap
                return None
            sections[mark] = (begin, end)
        return [sections[PREFIX], sections[MIDDLE], sections[SUFFIX]]

    def places(self, text: bytes) -> list[tuple[int, int]]:
        """Where sentinels stand, overlapping ones too: (byte, which), in order."""
        if not self._stem:
            return [(match.start(), self.marks.index(match[1])) for match in self._any.finditer(text)]
        found = []
        place = text.find(self._stem)
        while place >= 0:
            found += [(place, number) for number, mark in enumerate(self.marks) if text.startswith(mark, place)]
            place = text.find(self._stem, place + 1)
        return found
