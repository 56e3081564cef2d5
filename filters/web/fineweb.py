"""FineWeb's own rules: Penedo et al. 2024 (arXiv 2406.17557), section 3.6 "additional filters"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.web.gopher_repetition import duplicates

if TYPE_CHECKING:
    from filters.web.analysis import Analysis


class FineWeb(Settings):
    """Shares over lines that are not blank."""

    enabled: bool = Field(True, description="apply these rules")
    min_punctuated_lines: float = Field(
        0.12, ge=0, le=1, description="smallest share of lines that end with a sentence-ending mark of any script"
    )
    keep_without_punctuated_lines: bool = Field(
        False, description="do not apply the rule above to a text in which no line ends so"
    )
    stop_marks: tuple[str, ...] | None = Field(
        None, description="the sentence-ending marks; null: those of every script, as datatrove lists them"
    )
    max_short_lines: float = Field(0.67, ge=0, le=1, description="largest share of short lines")
    short_line: int = Field(30, ge=0, description="longest short line, characters")
    max_duplicate_characters: float = Field(
        0.01, ge=0, le=1, description="largest share of characters (line feeds aside) in lines seen before"
    )
    max_line_feeds_per_word: float = Field(0.3, ge=0, description="most line feeds for each word")


def rule(settings: FineWeb) -> Callable[[Analysis], Outcome | None]:
    """Check a text against `settings`."""
    from datatrove.utils.text import TERMINAL_PUNCTUATION

    s = settings
    marks = frozenset(TERMINAL_PUNCTUATION if s.stop_marks is None else s.stop_marks)
    single = frozenset(mark for mark in marks if len(mark) == 1)
    several = tuple(sorted(marks - single))

    def check(analysis: Analysis) -> Outcome | None:
        text = analysis.text
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if not lines:
            return Outcome("fineweb/empty", score=0.0, threshold=1.0)
        ended = sum([line[-1] in single for line in lines])
        if several:
            ended += sum([line[-1] not in single and line.endswith(several) for line in lines])
        share = ended / len(lines)
        if share < s.min_punctuated_lines and not (share == 0 and s.keep_without_punctuated_lines):
            return Outcome("fineweb/punctuated-lines", score=share, threshold=s.min_punctuated_lines)
        limit = s.short_line
        share = sum([len(line) <= limit for line in lines]) / len(lines)
        if share > s.max_short_lines:
            return Outcome("fineweb/short-lines", score=share, threshold=s.max_short_lines)
        line_feeds = text.count("\n")
        share = duplicates(lines)[1] / (len(text) - line_feeds)
        if share > s.max_duplicate_characters:
            return Outcome("fineweb/duplicate-characters", score=share, threshold=s.max_duplicate_characters)
        share = line_feeds / max(analysis.totals.words, 1)
        if share > s.max_line_feeds_per_word:
            return Outcome("fineweb/line-feeds", score=share, threshold=s.max_line_feeds_per_word)
        return None

    return check
