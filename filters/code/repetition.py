"""Repeated lines and runs of tokens: OpenCoder (arXiv 2411.04905), appendix A: 70 % of the lines, 60 % in n-grams of ten."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Repetition(Settings):
    """Bounds for programs; null switches one off."""

    enabled: bool = Field(True, description="apply these rules to programs")
    max_lines: float | None = Field(
        0.7, ge=0, le=1, description="largest share (0-1) of lines of 3 characters or more that have stood before"
    )
    max_tokens: float | None = Field(
        0.6, ge=0, le=1, description="largest share (0-1) of tokens in runs of ten that have stood before"
    )


def rule(settings: Repetition) -> Callable[[Analysis], Outcome | None]:
    """Check what has stood before in the same file."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.is_program:
            return None
        if s.max_lines is not None and (share := analysis.repeated_lines) > s.max_lines:
            return Outcome("repetition/lines", score=share, threshold=s.max_lines)
        if s.max_tokens is not None and (share := analysis.repeated_tokens) > s.max_tokens:
            return Outcome("repetition/tokens", score=share, threshold=s.max_tokens)
        return None

    return check
