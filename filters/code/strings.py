"""Code that is mostly text in quotes, or words that nobody writes: OpenCoder (arXiv 2411.04905), appendix A."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import LONG_WORD, STRING

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Strings(Settings):
    """Bounds for programs; null switches one off."""

    enabled: bool = Field(True, description="apply these rules to programs")
    max_share: float | None = Field(
        0.6, ge=0, le=1, description="largest share (0-1) of the bytes, white space aside, in strings"
    )
    long_string: int = Field(200, ge=1, description="bytes from which a string is long")
    max_long_lines: float | None = Field(0.2, ge=0, le=1, description="largest share of lines (0-1) with a long string")
    max_long_words: float | None = Field(
        0.4, ge=0, le=1, description="largest share (0-1) of the characters in words of more than 30"
    )


def rule(settings: Strings) -> Callable[[Analysis], Outcome | None]:
    """Check strings and long words."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.is_program:
            return None
        if s.max_share is not None and (share := analysis.token_share(STRING)) > s.max_share:
            return Outcome("strings/share", score=share, threshold=s.max_share)
        if s.max_long_lines is not None and (share := analysis.long_string_lines(s.long_string)) > s.max_long_lines:
            return Outcome("strings/long-lines", score=share, threshold=s.max_long_lines)
        if s.max_long_words is not None and (share := analysis.share(LONG_WORD)) > s.max_long_words:
            return Outcome("strings/long-words", score=share, threshold=s.max_long_words)
        return None

    return check
