"""Letters for each token: code of marks and one-letter names has few.

The rule of Data-Juicer's recipes for code (Chen et al. 2024, arXiv 2309.02033: at least 1.5 for each token of a language
model); here a token is a word, number, string, comment or single mark, of which there are fewer, hence a smaller bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class TokenRatio(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule to programs")
    min_letters: float | None = Field(0.8, ge=0, description="fewest letters for each token of the text")


def rule(settings: TokenRatio) -> Callable[[Analysis], Outcome | None]:
    """Check the letters for each token."""
    least = settings.min_letters

    def check(analysis: Analysis) -> Outcome | None:
        if least is None or not analysis.is_program or not len(analysis.tokens):
            return None
        ratio = analysis.letters_per_token
        return Outcome("token-ratio", score=ratio, threshold=least) if ratio < least else None

    return check
