"""Share of comments: at most 80 % (StarCoder, arXiv 2305.06161, section 3.1; OpenCoder, arXiv 2411.04905). StarCoder's
lower bound of 1 % is off by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import COMMENT

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Comments(Settings):
    """Shares of the bytes that are no white space (0-1); null switches one off."""

    enabled: bool = Field(True, description="apply these rules to programs")
    min_share: float | None = Field(None, ge=0, le=1, description="smallest share of comments")
    max_share: float | None = Field(0.8, ge=0, le=1, description="largest share of comments")


def rule(settings: Comments) -> Callable[[Analysis], Outcome | None]:
    """Check the share of comments. Strings in three quotes that begin a line count as comments."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.is_program or not len(analysis.tokens):
            return None
        share = analysis.token_share(COMMENT)
        if s.max_share is not None and share > s.max_share:
            return Outcome("comments/many", score=share, threshold=s.max_share)
        if s.min_share is not None and share < s.min_share:
            return Outcome("comments/few", score=share, threshold=s.min_share)
        return None

    return check
