"""Minified code: Linguist's look at names and at mean line length (`minified_files?`: more than 110 characters), and a
share of white space that nobody writes by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import WHITE

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_NAME = re.compile(r"[.-]min\.(js|mjs|cjs|css)$", re.IGNORECASE)
_LEAST = 500  # characters; in shorter texts the share says little


class Minified(Settings):
    """Bounds; null switches one off."""

    enabled: bool = Field(True, description="apply these rules to programs")
    names: bool = Field(True, description="files named *.min.js, *-min.css and the like")
    min_white: float | None = Field(
        0.06, ge=0, le=1, description="smallest share of white space (0-1) in a text of 500 characters or more"
    )


def rule(settings: Minified) -> Callable[[Analysis], Outcome | None]:
    """Check the name and the white space."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.is_program:
            return None
        if s.names and _NAME.search(analysis.path):
            return Outcome("minified/name", score=1.0, threshold=0.0)
        if s.min_white is not None and analysis.characters >= _LEAST and (w := analysis.share(WHITE)) < s.min_white:
            return Outcome("minified/white", score=w, threshold=s.min_white)
        return None

    return check
