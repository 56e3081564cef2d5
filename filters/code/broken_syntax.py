"""Files that do not parse: OpenCoder (arXiv 2411.04905), appendix A, asks that Python's parser takes a file. tree-sitter
mends what is broken, so the share of the text that it could not place is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from tree_sitter import Tree

    from filters.code.analysis import Analysis


class BrokenSyntax(Settings):
    """The bound; null switches it off."""

    enabled: bool = Field(True, description="apply this rule")
    languages: tuple[str, ...] = Field(
        ("python",), description="languages whose files are parsed for it, of those with a grammar; it costs a parse"
    )
    max_share: float | None = Field(
        0.05, ge=0, le=1, description="largest share (0-1) of the first 16 KiB that the grammar cannot place"
    )


def rule(settings: BrokenSyntax) -> Callable[[Analysis], Outcome | None]:
    """Check the share of error nodes."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        if s.max_share is None or analysis.language not in s.languages or not analysis.source:
            return None
        tree = analysis.tree
        if tree is None or not tree.root_node.has_error:
            return None
        share = broken_bytes(tree) / len(analysis.parsed_bytes)
        return Outcome("broken-syntax", score=share, threshold=s.max_share) if share > s.max_share else None

    return check


def broken_bytes(tree: Tree) -> int:
    """Bytes in error nodes, those within others not counted again."""
    total = 0
    cursor = tree.walk()
    while True:
        node = cursor.node
        descend = node is not None and node.has_error
        if node is not None and node.is_error:
            total += node.end_byte - node.start_byte
            descend = False
        if descend and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return total
