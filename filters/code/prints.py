"""Files that only print: OpenCoder (arXiv 2411.04905), appendix A: more than 40 % of the lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_WORDS = ("print", "cout", "console.log", "puts", "echo", "Print", "log.")
_PRINT = re.compile(
    r"(?:print(?:ln|f|!)?\s*[!(\"']|(?:std::)?cout\b|console\.(?:log|info|error|warn)\(|System\.(?:out|err)\.print|"
    r"(?:e?println|e?print)!\(|fmt\.Print|puts\b|echo\b)"
)


class Prints(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule to programs")
    max_share: float | None = Field(0.4, ge=0, le=1, description="largest share of the lines (0-1) that print")


def rule(settings: Prints) -> Callable[[Analysis], Outcome | None]:
    """Check the lines that begin by printing."""
    most = settings.max_share

    def check(analysis: Analysis) -> Outcome | None:
        if most is None or not analysis.is_program or not len(analysis.written):
            return None
        if sum(analysis.text.count(word) for word in _WORDS) <= most * len(analysis.written):
            return None
        lines = analysis.line_texts
        share = sum(_PRINT.match(line) is not None for line in lines) / len(lines)
        return Outcome("prints", score=share, threshold=most) if share > most else None

    return check
