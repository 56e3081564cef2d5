"""Long lines: StarCoder (Li et al. 2023, arXiv 2305.06161), section 3.1, after Codex; the lower bound is OpenCoder's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import WIDTH

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class LineLength(Settings):
    """Bounds on the width of lines; null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    max_mean: float | None = Field(100, ge=0, description="largest mean width of all lines, characters")
    max_width: int | None = Field(1000, ge=0, description="largest width of a line, characters")
    min_mean: float | None = Field(5, ge=0, description="smallest mean width of lines that are not blank, characters")


def rule(settings: LineLength) -> Callable[[Analysis], Outcome | None]:
    """Check the widths of lines."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        widths = analysis.lines[:, WIDTH]
        if not len(widths):
            return None
        if s.max_width is not None and (widest := int(widths.max())) > s.max_width:
            return Outcome("line-length/max", score=widest, threshold=s.max_width)
        total = int(widths.sum())
        if s.max_mean is not None and (mean := total / len(widths)) > s.max_mean:
            return Outcome("line-length/mean", score=mean, threshold=s.max_mean)
        written = len(analysis.written)
        if s.min_mean is not None and written and (mean := total / written) < s.min_mean:
            return Outcome("line-length/short", score=mean, threshold=s.min_mean)
        return None

    return check
