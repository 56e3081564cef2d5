"""Code that is yet to be written: OpenCoder (arXiv 2411.04905), appendix A, drops files where more than 1 % of the lines
ask for code. That counts a single TODO in a file of 90 lines, so the default here is 5 %."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_HINT = re.compile(
    r"\b(?:TODO|FIXME|XXX)\b|\b(?:your code here|(?:add|write|insert|put) your code|implement me|not implemented yet)\b",
    re.IGNORECASE,
)


class Placeholders(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule to programs")
    max_share: float | None = Field(0.05, ge=0, le=1, description="largest number of such phrases for each line")
    min_count: int = Field(3, ge=1, description="phrases below which a file stays in any case")


def rule(settings: Placeholders) -> Callable[[Analysis], Outcome | None]:
    """Count TODO, FIXME, XXX, "your code here" and the like."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        lines = len(analysis.written)
        if s.max_share is None or not analysis.is_program or not lines:
            return None
        lowered = analysis.source.lower()
        likely = sum(lowered.count(word) for word in (b"todo", b"fixme", b"xxx", b"implement", b"your code"))
        if likely < s.min_count or likely <= s.max_share * lines:
            return None
        count = len(_HINT.findall(analysis.text))
        if count < s.min_count or count <= s.max_share * lines:
            return None
        return Outcome("placeholders", score=count / lines, threshold=s.max_share)

    return check
