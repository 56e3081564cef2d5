"""Tables of an HTML page as Markdown pipe tables; tables that only place things on the page are not taken for any."""

from __future__ import annotations

from collections.abc import Callable

from ingest.layout.frame import holds_block
from ingest.layout.nodes import Node, children, classes

__all__ = ["is_data", "pipe_table", "rows_of"]

BLOCKS = frozenset(["table", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "form", "blockquote", "article", "section"])
MAX_CELL = 600  # characters of a cell from which a table holds text, not data
MAX_SPAN = 50
MAX_COLUMNS = 60


def rows_of(table: Node) -> list[Node]:
    """The rows of a table, not those of tables within it."""
    rows: list[Node] = []
    for child in children(table):
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows += [row for row in children(child) if row.tag == "tr"]
    return rows


def is_data(table: Node) -> bool:
    """Whether a table holds data: at least two rows and columns, and nothing in its cells but lines of text."""
    if (table.getattr("role") or "").lower() in ("presentation", "none") or holds_block(table, BLOCKS):
        return False
    widths = [sum(cell.tag in ("td", "th") for cell in children(row)) for row in rows_of(table)]
    return sum(width > 1 for width in widths) >= 2 and max(widths) <= MAX_COLUMNS


def pipe_table(table: Node, cell_text: Callable[[Node], str]) -> str | None:
    """The table in Markdown, or None if a cell is too long. A spanned column or row leaves its further cells empty."""
    lines: list[list[str]] = []
    header = False
    below: dict[int, int] = {}  # column -> rows that a cell above still covers
    for number, row in enumerate(rows_of(table)):
        cells: list[str] = []
        tags: list[str] = []
        for cell in children(row):
            if cell.tag not in ("td", "th") or "linenos" in classes(cell):
                continue
            while below.get(len(cells), 0) > 0:
                below[len(cells)] -= 1
                cells.append("")
            text = " ".join(cell_text(cell).split()).replace("|", r"\|")
            if len(text) > MAX_CELL:
                return None
            for place in range(_span(cell, "colspan")):
                if (down := _span(cell, "rowspan")) > 1:
                    below[len(cells)] = down - 1
                cells.append("" if place else text)
            tags.append(cell.tag)
        while below.get(len(cells), 0) > 0:
            below[len(cells)] -= 1
            cells.append("")
        if any(cells):
            header = header or (not lines and (row.parent.tag == "thead" or all(tag == "th" for tag in tags)))
            lines.append(cells)
        if number > 20_000:
            return None
    width = max(map(len, lines), default=0)
    if len(lines) < 2 or width < 2 or width > MAX_COLUMNS:
        return None
    if not header:
        lines.insert(0, [""] * width)
    padded = [cells + [""] * (width - len(cells)) for cells in lines]
    padded.insert(1, ["---"] * width)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in padded)


def _span(cell: Node, name: str) -> int:
    value = cell.getattr(name) or "1"
    return min(max(int(value), 1), MAX_SPAN) if value.isascii() and value.isdigit() and len(value) < 6 else 1
