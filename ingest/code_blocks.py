"""Code blocks kept as they are laid out: each <pre> travels through an extractor as a placeholder."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resiliparse.parse.html import HTMLTree

OPEN = re.compile(rb"<pre(?=[\s>/])[^<>]*>", re.IGNORECASE)
CLOSE = re.compile(rb"</pre\s*>", re.IGNORECASE)
BREAK = re.compile(rb"<br\b[^<>]*>", re.IGNORECASE)
LINE_END = re.compile(rb"</(?<!\n</)(?:div|p|li|tr)\s*>", re.IGNORECASE)  # begins with what the engine can seek
STACKED = re.compile(rb"</code><code\b", re.IGNORECASE)
MARKUP = re.compile(rb"<!--.*?-->|</?[a-zA-Z!?][^<>]*>", re.DOTALL)
CONTAINERS = {"ul", "ol", "li", "aside", "dl", "dd", "dt", "header", "figure", "center", "table", "tbody", "tr", "td"}
ROOTS = {"body", "html", "main", "article"}
MAX_ANCESTORS = 24  # how far up from a block its surroundings are freed
MAX_FREED = 200  # blocks of a page that are freed; each costs a search of the tree


class CodeBlocks:
    """The <pre> elements of a page, set aside while its main text is found. `page` is the page without them."""

    def __init__(self, source: bytes) -> None:
        self._token = b"arcmillcode"
        while self._token in source:
            self._token += b"x"
        self._texts: list[str] = []
        parts, at = [], 0
        opening = OPEN.search(source)
        while opening and (closing := CLOSE.search(source, opening.end())):
            text = laid_out(source[opening.end() : closing.start()])
            if text.strip():
                mark = self._token + b"%dq" % len(self._texts)
                parts += [source[at : opening.start()], b'<pre id="%b">%b</pre>' % (mark, mark)]
                at = closing.end()
                self._texts.append(text)
            opening = OPEN.search(source, closing.end())
        self.page = b"".join((*parts, source[at:]))
        self._mark = re.compile(re.escape(self._token.decode()) + r"(\d{1,9})q")

    def missing(self, extracted: str) -> list[int]:
        """Blocks that did not come through the extractor."""
        found = {int(number) for number in self._mark.findall(extracted)}
        return [number for number in range(len(self._texts)) if number not in found]

    def free(self, tree: HTMLTree, missing: list[int]) -> None:
        """Make the surroundings of missing blocks plain, in place.

        Extractors drop lists close to the root, asides, and what has a class such as `sidebar` or `warning`.
        """
        document: Any = tree.document
        for number in missing[:MAX_FREED]:
            node = document.get_element_by_id(f"{self._token.decode()}{number}q")
            for _ in range(MAX_ANCESTORS):
                if node is None or not node.tag or node.tag in ROOTS:
                    break
                above = node.parent
                for name in ("class", "id", "role"):
                    if node.hasattr(name):
                        node.delattr(name)
                if node.tag in CONTAINERS:
                    plain = document.create_element("div")
                    while (child := node.first_child) is not None:  # child_nodes costs its square
                        plain.append_child(child)
                    node.replace_with(plain)
                node = above

    def text(self, placeholder: str) -> str:
        """The block that a placeholder stands for; the placeholder itself if it is page text."""
        match = self._mark.fullmatch(placeholder.strip())
        return self._texts[int(match[1])] if match and int(match[1]) < len(self._texts) else placeholder

    def restore(self, text: str) -> str:
        """Plain text with each placeholder replaced by its block, on lines of its own."""

        def block(match: re.Match[str]) -> str:
            number = int(match[1])
            return f"\n\n{self._texts[number].strip(chr(10)).rstrip()}\n\n" if number < len(self._texts) else match[0]

        return re.sub(r"\n{3,}", "\n\n", re.sub(rf"\s*{self._mark.pattern}\s*", block, text)).strip("\n")


def laid_out(inner: bytes) -> str:
    """Text of a <pre> with its lines: <br> and the ends of block elements break them, as in a browser."""
    if b"<" in inner:
        inner = BREAK.sub(b"\n", inner)
        inner = LINE_END.sub(b"\n", inner)
        if b"\n" not in inner.strip(b"\n"):
            inner = STACKED.sub(b"\n<code", inner)  # one <code> a line, stacked by a style sheet
        inner = MARKUP.sub(b"", inner)
    text = inner.decode("utf-8", "replace")
    return (unescape(text) if "&" in text else text).replace("\r\n", "\n").replace("\r", "\n")
