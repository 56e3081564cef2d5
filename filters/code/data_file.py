"""Files that hold data: JSON and YAML of 50 to 5,000 characters stay (DeepSeek-Coder, Guo et al. 2024, arXiv 2401.14196,
section 2.1), tables and plain text up to 512 lines (StarCoder2, arXiv 2402.19173, section 2).

The bounds are set for each language by `languages`; for all others they are off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class DataFile(Settings):
    """Bounds of files of data; null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    max_characters: int | None = Field(None, ge=0, description="most characters")
    max_lines: int | None = Field(None, ge=0, description="most lines")


def rule(settings: DataFile) -> Callable[[Analysis], Outcome | None]:
    """Check the size of a file of data."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if s.max_characters is not None and analysis.characters > s.max_characters:
            return Outcome("data-file/characters", score=analysis.characters, threshold=s.max_characters)
        if s.max_lines is not None and len(analysis.lines) > s.max_lines:
            return Outcome("data-file/lines", score=len(analysis.lines), threshold=s.max_lines)
        return None

    return check
