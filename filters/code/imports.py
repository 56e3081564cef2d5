"""Files that only import or include: OpenCoder (arXiv 2411.04905), appendix A: 30 % of a Python file's lines, 80 % of
preprocessor lines in C and C++. The defaults here are looser: half of a Python file's lines, 60 %
in other languages. Packages' `__init__.py` fall to it, as they do there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_IMPORT = re.compile(r"(?:import|from|use|using|package|#\s*include|#\s*import|export\s*\*|extern\s+crate|pub\s+use)\b")
_DIRECTIVE = re.compile(r"#\s*(?:include|define|undef|if|ifdef|ifndef|elif|else|endif|pragma|error|warning|line)\b")


class Imports(Settings):
    """Shares of the lines that are not blank (0-1); null switches one off."""

    enabled: bool = Field(True, description="apply these rules to programs")
    max_imports: float | None = Field(0.6, ge=0, le=1, description="largest share of lines that import")
    max_directives: float | None = Field(
        0.8, ge=0, le=1, description="largest share of lines for the preprocessor of C and C++"
    )


def rule(settings: Imports) -> Callable[[Analysis], Outcome | None]:
    """Check lines by their first word."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if not analysis.is_program or not len(analysis.written):
            return None
        lines = analysis.line_texts
        if s.max_imports is not None:
            share = sum(_IMPORT.match(line) is not None for line in lines) / len(lines)
            if share > s.max_imports:
                return Outcome("imports", score=share, threshold=s.max_imports)
        if s.max_directives is not None and analysis.language in ("c", "c++"):
            share = sum(line[0] == "#" and _DIRECTIVE.match(line) is not None for line in lines) / len(lines)
            if share > s.max_directives:
                return Outcome("imports/directives", score=share, threshold=s.max_directives)
        return None

    return check
