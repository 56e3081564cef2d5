"""Tests that only assert: OpenCoder (arXiv 2411.04905), appendix A: more than 40 % of the lines are assertions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_ASSERTION = re.compile(
    r"(?:self\.|this\.|cls\.|t\.|Assert\.|chai\.)?(?:debug_)?(?:assert|ASSERT_|EXPECT_|expect\(|require\.|CHECK\(|REQUIRE\()"
)


class Assertions(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule to programs")
    max_share: float | None = Field(0.4, ge=0, le=1, description="largest share of the lines (0-1) that assert")


def rule(settings: Assertions) -> Callable[[Analysis], Outcome | None]:
    """Check the lines that begin with an assertion."""
    most = settings.max_share

    def check(analysis: Analysis) -> Outcome | None:
        if most is None or not analysis.is_program or not len(analysis.written):
            return None
        # No more lines assert than such words stand in the text: most files need no look at their lines.
        text = analysis.text
        words = sum(
            text.count(word) for word in ("assert", "ASSERT", "EXPECT_", "expect(", "require.", "CHECK(", "REQUIRE(")
        )
        if words <= most * len(analysis.written):
            return None
        lines = analysis.line_texts
        share = sum(_ASSERTION.match(line) is not None for line in lines) / len(lines)
        return Outcome("assertions", score=share, threshold=most) if share > most else None

    return check
