"""XML under the name of another language: StarCoder (arXiv 2305.06161), section 3.1: `<?xml version=` in the first 100
characters, but for XSLT."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis


class Xml(Settings):
    """Where XML is looked for."""

    enabled: bool = Field(True, description="apply this rule")
    within: int = Field(100, ge=0, description="characters from the top in which '<?xml version=' drops the file")
    except_languages: tuple[str, ...] = Field(("xslt",), description="languages that are XML and stay")


def rule(settings: Xml) -> Callable[[Analysis], Outcome | None]:
    """Check the top of a file."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if analysis.language in s.except_languages or "<?xml version=" not in analysis.text[: s.within]:
            return None
        return Outcome("xml", score=1.0, threshold=0.0)

    return check
