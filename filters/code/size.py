"""Too short or too long: OpenCoder (Huang et al. 2024, arXiv 2411.04905), appendix A, and its opc_data_filtering.

OpenCoder asks for 10 lines; 5 are asked for here, because short modules of packages are whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Size(Settings):
    """Bounds of a file; null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    min_characters: int | None = Field(50, ge=0, description="fewest characters")
    min_words: int | None = Field(10, ge=0, description="fewest words (runs of letters, digits and underscores)")
    min_lines: int | None = Field(5, ge=0, description="fewest lines that are not blank")
    max_lines: int | None = Field(100_000, ge=0, description="most lines")
    max_bytes: int | None = Field(3_000_000, ge=0, description="most bytes in UTF-8")


def rule(settings: Size) -> Callable[[Analysis], Outcome | None]:
    """Check the size of a file; the cheapest bound comes first."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if s.max_bytes is not None and len(analysis.source) > s.max_bytes:
            return Outcome("size/too-large", score=len(analysis.source), threshold=s.max_bytes)
        if s.min_characters is not None and analysis.characters < s.min_characters:
            return Outcome("size/too-short", score=analysis.characters, threshold=s.min_characters)
        if s.min_words is not None and analysis.words < s.min_words:
            return Outcome("size/few-words", score=analysis.words, threshold=s.min_words)
        if s.min_lines is not None and len(analysis.written) < s.min_lines:
            return Outcome("size/few-lines", score=len(analysis.written), threshold=s.min_lines)
        if s.max_lines is not None and len(analysis.lines) > s.max_lines:
            return Outcome("size/many-lines", score=len(analysis.lines), threshold=s.max_lines)
        return None

    return check
