"""Files that ingest marked: vendored copies, generated and minified code, lock files.

StarCoder2 (Lozhkov et al. 2024, arXiv 2402.19173), section 2: what go-enry marks as vendored or generated goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Tags(Settings):
    """Which marks drop a document."""

    enabled: bool = Field(True, description="apply this rule")
    drop: tuple[str, ...] = Field(
        ("vendored", "generated", "minified", "lock"), description="tags of a document that drop it"
    )


def rule(settings: Tags) -> Callable[[Analysis], Outcome | None]:
    """Check the tags of a document."""

    def check(analysis: Analysis) -> Outcome | None:
        for tag in settings.drop:
            if tag in analysis.tags:
                return Outcome(f"tags/{tag}", score=1.0, threshold=0.0)
        return None

    return check
