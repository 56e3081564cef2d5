"""A page to Markdown-like text: headings, lists, code with its layout and language, tables, formulas as LaTeX.

Code fences stand at the beginning of a line, in lists too, so that the code is held byte by byte. Links are their text;
emphasis is not marked.
"""

from __future__ import annotations

import re

from ingest.extract import CONTROL, RIM_LINKED, SENTENCE, Block, is_good, render, trim
from ingest.layout.code import code_text, fenced, inline, is_gutter, language_of, listing_lines
from ingest.layout.formula import DELIMITED, TAGS, Formula, formula_of, is_repeated, marked
from ingest.layout.frame import content_root, is_frame
from ingest.layout.nodes import Node, children, is_element
from ingest.layout.tables import is_data, pipe_table

__all__ = ["asks_for_layout", "layout_text"]

BLOCKS = {
    "p", "div", "section", "article", "main", "header", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5",
    "h6", "blockquote", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "hr", "figure", "figcaption",
    "details", "summary", "address", "fieldset", "center", "body", "form", "aside", "nav", "footer", "hgroup", "legend",
    "dir", "menu", "search", "pre",
}  # fmt: skip
WITHOUT_CLASS = {"img", "script", "math", "mjx-container", "math-renderer", "svg"}  # formulas whatever their class
LEVELS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
MAX_INDENT = 8  # levels of lists within one another that are shown
RENDERERS = re.compile(rb"mathjax|katex", re.IGNORECASE)
ASKS = re.compile(
    rb"<pre[\s>]|<math[\s>-]|<mjx-|type=[\"']?math/|class=[\"'](?:katex|mathjax|mjx-|math|highlight)|<code[\s>]", re.I
)
FEW = 2  # marks of code or formulas from which a page's layout is worth its time
DOLLAR = "\x02"  # stands for a dollar sign of the prose until it is known whether the page has formulas
POWER = re.compile(r"[-+−]?(?:\d{1,3}|[nmkij])")


def asks_for_layout(source: bytes) -> bool:
    """Whether a page holds code or formulas that plain text would flatten."""
    for seen, found in enumerate(ASKS.finditer(source), 1):
        if seen >= FEW or not found[0].lower().startswith(b"<code"):
            return True
    return False


def layout_text(source: bytes) -> tuple[str, str | None]:
    """(text, title) of a page in UTF-8. Its nesting must have been measured (`ingest.limits`)."""
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse_from_bytes(source, "utf-8")
    if tree.body is None:
        return "", tree.title
    root, named = content_root(tree.body)
    walker = Walker(bool(RENDERERS.search(source)))
    walker.walk(root)
    blocks = walker.blocks
    if not named or not any(map(is_good, blocks)):
        kept = trim(blocks)
        blocks = kept or blocks
    text = render([block._replace(text=walker.prose(block.text)) for block in blocks])
    return CONTROL.sub("", text) if CONTROL.search(text) else text, tree.title


class Walker:
    """Turns the elements below a root into blocks, in document order. `delimiters`: `\\(…\\)` in the text is a formula."""

    def __init__(self, delimiters: bool = False) -> None:
        self.blocks: list[Block] = []
        self._delimiters = delimiters
        self._formulas = False
        self._line: list[str] = []
        self._linked = 0
        self._links = 0
        self._lists: list[int] = []  # per open list the next number, 0 for bullets
        self._mark = ""
        self._quotes = 0
        self._kind = "p"
        self._heading = 0
        self._gap = True

    def walk(self, root: Node) -> None:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node)
            elif node.tag == "#text":
                self._text(node.value or "")
            elif is_element(node) and self._enter(node):
                stack.append((node, True))
                stack.extend([(child, False) for child in children(node)][::-1])
        self._flush()

    def _text(self, text: str) -> None:
        if self._delimiters and ("\\(" in text or "\\[" in text or "$$" in text):
            at = 0
            for found in DELIMITED.finditer(text):
                self._plain(text[at : found.start()])
                self._formula(Formula((found[1] or found[2] or found[3]).strip(), found[1] is None))
                at = found.end()
            text = text[at:]
        self._plain(text)

    def prose(self, text: str) -> str:
        """A block's text with the dollar signs of its prose told from those of formulas, if the page has formulas."""
        return text.replace(DOLLAR, "\\$" if self._formulas and not self._delimiters else "$")

    def _plain(self, text: str) -> None:
        self._line.append(text.replace(DOLLAR, "").replace("$", DOLLAR))
        if self._links:
            self._linked += len(text.strip())

    def _enter(self, node: Node) -> bool:
        """Note the beginning of an element; whether its children are to be walked."""
        if not hasattr(node, "hasattr"):  # `<?td>`: a processing instruction has what follows its mark as its tag
            return False
        tag = node.tag
        if tag == "br":
            self._line.append("\n\n")  # told from the line breaks of the source, which are spaces
            return False
        if tag in TAGS and (tag in WITHOUT_CLASS or node.hasattr("class")):
            if is_repeated(node):
                return False
            if (formula := formula_of(node)) is not None:
                self._formula(formula)
                return False
            if tag in ("img", "script", "math", "mjx-container", "svg"):
                return False
        if tag == "img" or is_frame(node):
            return False
        if tag == "pre":
            self._code(node, code_text(node))
            return False
        if tag in ("code", "tt", "kbd", "samp"):
            return self._inline_code(node)
        if tag == "sup" or tag == "a":
            return self._inline(node, tag)
        if tag not in BLOCKS:
            return True
        return self._block(node, tag)

    def _inline(self, node: Node, tag: str) -> bool:
        if tag == "a":
            self._links += 1
        elif POWER.fullmatch(text := (node.text or "").strip()) and node.query_selector("a") is None:
            before = "".join(self._line[-1:]).rstrip()
            if before and (before[-1].isalnum() or before[-1] in ")]") and text:
                self._line.append(f"^{text}")
                return False
        return True

    def _block(self, node: Node, tag: str) -> bool:
        if tag in ("div", "table") and node.hasattr("class") and (listing := listing_lines(node)):
            self._code(node, listing)
            return False
        if tag in ("td", "th") and node.hasattr("class") and is_gutter(node):
            return False
        self._flush()
        if tag == "table" and is_data(node) and (rows := pipe_table(node, self._cell)):
            linked = self._cell_links(node, len(rows))
            self.blocks.append(Block("p", rows, int(len(rows) * (1 - linked)), linked, True, True))
            return False
        if tag in LEVELS:
            self._kind, self._heading = "h", LEVELS[tag]
        elif tag in ("ul", "ol"):
            start = node.getattr("start") or "1" if tag == "ol" else "0"
            self._lists.append(int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1)
        elif tag == "li":
            self._mark = "- "
            if self._lists and self._lists[-1]:
                self._mark = f"{self._lists[-1]}. "
                self._lists[-1] += 1
            self._mark = "  " * min(max(len(self._lists) - 1, 0), MAX_INDENT) + self._mark
        elif tag == "blockquote":
            self._quotes += 1
        return True

    def _leave(self, node: Node) -> None:
        tag = node.tag
        if tag == "a":
            self._links -= 1
            return
        if tag not in BLOCKS:
            return
        self._flush()
        if tag in LEVELS:
            self._kind, self._heading = "p", 0
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._mark = ""
        elif tag == "blockquote":
            self._quotes -= 1

    def _code(self, node: Node, text: str) -> None:
        self._flush()
        if text.strip():
            block = fenced(text, language_of(node, text))
            self.blocks.append(Block("pre", block, len(block), 0.0, False, True))

    def _inline_code(self, node: Node) -> bool:
        """Code within a line; with line breaks of its own it is a block. A <code> around other blocks is none itself."""
        if node.query_selector("pre,p,div,table,ul,img.math,math") is not None:
            return True
        text = code_text(node)
        if node.query_selector("br") is not None and "\n" in text:
            self._code(node, text)
            return False
        text = " ".join(text.split())
        if text:
            before = self._line[-1] if self._line else ""
            if before.endswith("`"):  # two code spans side by side would run together
                self._line.append(" ")
            self._line.append(inline(text))
            if self._links:
                self._linked += len(text)
        return False

    def _formula(self, formula: Formula) -> None:
        self._formulas = True
        if not formula.display:
            self._line.append(marked(formula))
            return
        if self._kind == "h":
            self._line.append(f" {marked(formula._replace(display=False))} ")
            return
        self._flush()
        text = marked(formula)
        self.blocks.append(Block("pre", text, len(text), 0.0, False, True))

    def _flush(self) -> None:
        """End the line that was gathered."""
        if not self._line:
            return
        lines = "".join(self._line).split("\n\n") if "\n\n" in self._line else ["".join(self._line)]
        self._line.clear()
        lines = [" ".join(line.split()) for line in lines]
        text = "\n".join(line for line in lines if line)
        linked, self._linked = self._linked, 0
        if not text:
            return
        density = min(1.0, linked / len(text))
        kind, mark = self._kind, self._mark
        if kind == "h":
            mark, text = "#" * self._heading + " ", text.replace("\n", " ")
        elif mark:
            kind = "li"
            self._mark = ""
            text = text.replace("\n", "\n" + " " * len(mark))
        if text.startswith(("```", "~~~")):
            text = "\\" + text  # prose that would open a fence
        if self._quotes:
            mark = "> " * self._quotes + mark
            text = text.replace("\n", "\n" + "> " * self._quotes)
        size = int(len(text.encode("utf-8", "replace")) * (1 - density))
        self.blocks.append(Block(kind, text, size, density, SENTENCE.search(text) is not None, True, mark))

    def _cell(self, cell: Node) -> str:
        inner = Walker(self._delimiters)
        for child in children(cell):
            inner.walk(child)
        self._formulas = self._formulas or inner._formulas
        return " ".join(re.sub(r"^\$\$(.*)\$\$$", r"$\1$", block.text, flags=re.DOTALL) for block in inner.blocks)

    @staticmethod
    def _cell_links(table: Node, size: int) -> float:
        linked = sum(len((found.text or "").strip()) for found in table.query_selector_all("a"))
        return min(RIM_LINKED * 3, linked / max(size, 1))
