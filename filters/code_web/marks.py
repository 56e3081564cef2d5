"""First stage: how many marks of code a page carries, in its HTML or, where that was not kept, in its text."""

from __future__ import annotations

import re

__all__ = ["marks_of_html", "marks_of_text"]

PRE = re.compile(r"<pre[\s>]", re.IGNORECASE)
CODE = re.compile(
    r"<(?:code|kbd|samp|tt)[\s>]|class=[\"'][^\"']*\b(?:highlight|sourceCode|hljs|prettyprint)\b", re.IGNORECASE
)
FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
LINE = re.compile(
    r"^(?:>>> |\$ \w|In \[\d+\]:|[ \t]*(?:def \w+\(|class \w+[(:]|import \w[\w.]*$|from [\w.]+ import |return\b.*[;)\]]$"
    r"|#include\b|public (?:static|class|void)\b|func \w+\(|fn \w+\(|(?:const|let|var) \w+ ?=|SELECT .+ FROM |if ?\(.*\{$"
    r"|for ?\(.*\{?$|.*[;{]$|\}\s*;?$))",
    re.MULTILINE,
)  # fmt: skip
SPAN = re.compile(r"`[^`\n]{1,80}`")


def marks_of_html(html: str) -> int:
    """Two for each <pre>, one for each <code> and its like."""
    return 2 * len(PRE.findall(html)) + len(CODE.findall(html))


def marks_of_text(text: str) -> int:
    """Two for each fenced block, one for each code span, and one for every two lines that look like code."""
    return len(FENCE.findall(text)) + len(SPAN.findall(text)) + len(LINE.findall(text)) // 2
