"""HTML with little to read: StarCoder (Li et al. 2023, arXiv 2305.06161), section 3.1: visible text of at least 100
characters and a fifth of the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

# Each alternative runs to its end or to the end of the text, so no text makes the search quadratic.
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class Html(Settings):
    """Bounds for HTML; null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    languages: tuple[str, ...] = Field(("html",), description="languages that they are applied to")
    min_visible: float | None = Field(0.2, ge=0, le=1, description="smallest share of the text (0-1) that is visible")
    min_characters: int | None = Field(100, ge=0, description="fewest visible characters")


def rule(settings: Html) -> Callable[[Analysis], Outcome | None]:
    """Check the visible text: what is left without tags, comments, scripts and styles, white space run together."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if analysis.language not in s.languages:
            return None
        seen = len(_SPACE.sub(" ", _UNSEEN.sub(" ", analysis.text)).strip())
        if s.min_characters is not None and seen < s.min_characters:
            return Outcome("html/few-visible", score=seen, threshold=s.min_characters)
        share = seen / len(analysis.text)
        if s.min_visible is not None and share < s.min_visible:
            return Outcome("html/visible-share", score=share, threshold=s.min_visible)
        return None

    return check
