"""Shares of characters by class.

Letters: StarCoder2 (arXiv 2402.19173), section 2: at least 25 %, for assembly letters and digits. Digits, white space,
replacement characters: OpenCoder (arXiv 2411.04905), appendix A.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import ALPHABETIC, DIGITS, REPLACEMENT, WHITE

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Characters(Settings):
    """Shares of all characters (0-1); null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    min_alphabetic: float | None = Field(0.25, ge=0, le=1, description="smallest share of letters")
    min_alphanumeric: float | None = Field(0.25, ge=0, le=1, description="smallest share of letters and digits")
    max_digits: float | None = Field(0.2, ge=0, le=1, description="largest share of digits")
    max_white: float | None = Field(0.5, ge=0, le=1, description="largest share of white space")
    max_replacement: float | None = Field(
        0.01, ge=0, le=1, description="largest share of U+FFFD, the sign of a lost byte"
    )


def rule(settings: Characters) -> Callable[[Analysis], Outcome | None]:
    """Check shares of characters."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.characters:
            return None
        letters, digits = analysis.share(ALPHABETIC), analysis.share(DIGITS)
        if s.max_replacement is not None and (share := analysis.share(REPLACEMENT)) > s.max_replacement:
            return Outcome("characters/replacement", score=share, threshold=s.max_replacement)
        if s.max_white is not None and (share := analysis.share(WHITE)) > s.max_white:
            return Outcome("characters/white", score=share, threshold=s.max_white)
        if s.min_alphabetic is not None and letters < s.min_alphabetic:
            return Outcome("characters/alphabetic", score=letters, threshold=s.min_alphabetic)
        if s.min_alphanumeric is not None and letters + digits < s.min_alphanumeric:
            return Outcome("characters/alphanumeric", score=letters + digits, threshold=s.min_alphanumeric)
        if s.max_digits is not None and digits > s.max_digits:
            return Outcome("characters/digits", score=digits, threshold=s.max_digits)
        return None

    return check
