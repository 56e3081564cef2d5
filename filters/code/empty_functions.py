"""Functions without a body: OpenCoder (arXiv 2411.04905), appendix A, counts `pass` lines and functions of one line.

Here a function is a node of the syntax tree, and its body is empty when it holds nothing but comments, `pass` or `...`,
with documentation or without. A file's tree is read only where a cheap look says that it could fall."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from arcmill.syntax import PARSED

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

    from filters.code.analysis import Analysis

_EMPTY_BRACES = re.compile(rb"\{\s*\}")
_HEADS = re.compile(rb"\b(?:def|func|fn|function)\b|=>|\)\s*\{")
_FUNCTIONS = frozenset({
    "function_definition", "function_declaration", "function_item", "method_declaration", "method_definition",
    "constructor_declaration", "function_expression", "arrow_function", "generator_function_declaration",
})  # fmt: skip
_NOTHING = frozenset({"comment", "line_comment", "block_comment", "pass_statement"})


class EmptyFunctions(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule where there is a grammar; stubs (.pyi) and .d.ts stay")
    max_share: float | None = Field(0.5, ge=0, le=1, description="largest share of functions (0-1) without a body")
    min_count: int = Field(3, ge=1, description="empty functions below which a file stays in any case")


def rule(settings: EmptyFunctions) -> Callable[[Analysis], Outcome | None]:
    """Check the functions in the first 16 KiB."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if s.max_share is None or analysis.language not in PARSED or analysis.path.endswith((".pyi", ".d.ts")):
            return None
        source = analysis.parsed_bytes
        python = analysis.language == "python"
        likely = source.count(b"pass") + source.count(b"...") if python else len(_EMPTY_BRACES.findall(source))
        if likely < s.min_count or likely <= s.max_share * (
            source.count(b"def ") if python else len(_HEADS.findall(source)) / 2
        ):
            return None
        functions, empty = count(analysis.tree)
        if empty < s.min_count or empty <= s.max_share * functions:
            return None
        return Outcome("empty-functions", score=empty / functions, threshold=s.max_share)

    return check


def count(tree: Tree | None) -> tuple[int, int]:
    """How many functions of a tree have a body, and how many bodies are empty."""
    functions = empty = 0
    if tree is None:
        return 0, 0
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None and node.is_named and node.type in _FUNCTIONS:
            body = node.child_by_field_name("body")
            if body is not None:
                functions += 1
                empty += _is_empty(body)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return functions, empty


def _is_empty(body: Node) -> bool:
    if body.named_child_count > 3:
        return False
    for child in body.named_children:
        if child.type in _NOTHING:
            continue
        only = child.named_children
        if child.type == "expression_statement" and len(only) == 1 and only[0].type in ("string", "ellipsis"):
            continue
        return False
    return body.type in ("block", "statement_block", "compound_statement", "constructor_body")
