"""The LaTeX of a formula in an HTML page, wherever the page keeps it.

MathML (its TeX annotation, its alttext, or converted), MathJax (scripts, containers, spans with delimiters), KaTeX, and
images whose alt text is LaTeX (Sphinx, MediaWiki, WordPress, CodeCogs).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from ingest.layout.mathml import to_latex
from ingest.layout.nodes import Node, children, classes, descendants, is_element, text_of

__all__ = ["DELIMITED", "TAGS", "Formula", "formula_of", "is_repeated", "marked"]

STYLE = re.compile(r"^\{\\(displaystyle|textstyle)\s*(.*)\}$", re.DOTALL)
DELIMITED = re.compile(  # each stops at the next opening, so that unclosed ones cost no more than their length
    r"\\\(((?:\\\\|[^\\]|\\(?![()\\]))+)\\\)|\\\[((?:\\\\|[^\\]|\\(?![\[\]\\]))+)\\\]|\$\$([^$]+)\$\$"
)
MATH_CLASS = re.compile(r"math|tex|latex|equation|arithmatex|math-tex|math-inline|math-display|tex2jax_process|mathjax")
IMAGE_CLASS = re.compile(r"math|tex|latex|equation|eq|teximage|mwe-math-fallback-image-(?:inline|display)|texrender")
IMAGE_SOURCE = re.compile(
    r"latex\.php\?|codecogs\.com|/math/render|mathtex\.cgi|mimetex\.cgi|chart\?cht=tx", re.IGNORECASE
)
# Environments that MathJax renders without delimiters; of the first four the content alone is the formula.
PLAIN = r"equation|displaymath|math"
ENVIRONMENT = re.compile(
    rf"\\begin\{{({PLAIN}|align|alignat|gather|multline|eqnarray|flalign)(\*?)\}}(.*)\\end\{{\1\2\}}", re.DOTALL
)
RENDERED = {"mathjax_preview", "mathjax", "mathjax_display", "mathjax_svg", "mathjax_svg_display", "mathjax_chtml",
            "mjx-chtml", "mathjax_chtml_display", "mathjax_phtml", "mathjax_mathml", "mathjax_html"}  # fmt: skip
TAGS = frozenset(
    ["math", "img", "script", "mjx-container", "math-renderer", "svg", "span", "div", "p", "code", "tt", "pre"]
)
INNER = re.compile(r"(?<!\\)\$")
BLANK_LINES = re.compile(r"\n\s*\n")


class Formula(NamedTuple):
    tex: str
    display: bool


def formula_of(node: Node) -> Formula | None:
    """The formula that an element is, as a whole; None if it is none."""
    tag = node.tag
    if tag == "math":
        return _made(_of_math(node), node.getattr("display") == "block" or _set_apart(node))
    if tag == "img":
        return _of_image(node)
    if tag == "script":
        kind = (node.getattr("type") or "").lower()
        if not kind.startswith("math/"):
            return None
        source = text_of(node)
        if "mml" not in kind:  # some writers escape what HTML does not: arithmatex
            source = source.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
        return _made(_parsed(source) if "mml" in kind else source, "display" in kind)
    if tag == "mjx-container":
        return _made(_of_container(node), node.getattr("display") == "true")
    if tag == "svg":  # mathjax-node's
        title = node.query_selector("title")
        named = title is not None and (title.getattr("id") or "").startswith("MathJax-SVG-")
        return _made(text_of(title), _set_apart(node)) if named else None
    if tag == "math-renderer":  # GitHub's
        whole = DELIMITED.fullmatch(text := text_of(node).strip())
        return _made(text, whole is not None and whole[1] is None)
    if tag not in TAGS:
        return None
    names = classes(node)
    if not names:
        return None
    if "katex" in names or "katex-display" in names:
        inner = node.query_selector("math")
        return _made(_of_math(inner), "katex-display" in names or _set_apart(node)) if inner is not None else None
    if RENDERED.intersection(names):
        display = "mjxc-display" in names or _set_apart(node)
        if node.hasattr("data-mathml"):
            return _made(_parsed(node.getattr("data-mathml") or ""), display)
        labelled = node.query_selector(".mjx-math[aria-label]")  # mathjax-node's, which keeps no script beside it
        return _made(labelled.getattr("aria-label"), display) if labelled is not None else None
    if tag in ("tt", "pre") and "math" not in names:
        return None
    if any(MATH_CLASS.fullmatch(name) for name in names):
        if any(is_element(child) for child in children(node)):
            return None
        text = text_of(node).strip()
        if (whole := DELIMITED.fullmatch(text)) and not re.search(r"\\[)\]]", whole[1] or whole[2] or ""):
            return _made(whole[1] or whole[2] or whole[3], whole[1] is None)
        if "math" in names and ENVIRONMENT.fullmatch(text):  # docutils
            return _made(text, True)
        if tag in ("tt", "pre"):  # docutils without a renderer
            return _made(text, tag == "pre")
        if (
            tag != "p" and "math" in names and ({"inline", "display", "block"} & set(names))
        ):  # pandoc with KaTeX, markdown-it
            return _made(text, "inline" not in names)
    return None


def is_repeated(node: Node) -> bool:
    """Whether an element only shows a formula that the page keeps in another place: rendered MathJax, fall-back images."""
    if node.tag == "img":
        names = classes(node)
        if any(name.startswith("mwe-math-fallback") for name in names):
            before = node.prev
            for _ in range(4):  # MediaWiki sets the MathML just before its image
                if before is None:
                    return False
                if before.tag == "math" or (is_element(before) and before.first_child is not None
                                            and before.query_selector("math") is not None):  # fmt: skip
                    return True
                before = before.prev
        return False
    names = classes(node)
    if not names or not RENDERED.intersection(names):
        return False
    following = node.next
    for _ in range(4):
        if following is None:
            break
        if following.tag == "script" and is_element(following):
            return (following.getattr("type") or "").lower().startswith("math/")
        following = following.next
    above = node.parent
    if above is not None and RENDERED.intersection(classes(above)):
        return is_repeated(above)
    return "mathjax_preview" in names and text_of(node).strip() == ""


def marked(formula: Formula) -> str:
    """`$…$` (`\\(…\\)` where a dollar sign is inside) or, displayed, `$$…$$`. Blank lines, which would end the paragraph in
    Markdown, are left out."""
    if formula.display:
        return f"$${BLANK_LINES.sub(chr(10), formula.tex)}$$"
    tex = " ".join(formula.tex.split())
    return rf"\({tex}\)" if INNER.search(tex) else f"${tex}$"


def _made(tex: str | None, display: bool) -> Formula | None:
    if tex is None:
        return None
    tex = tex.replace("\r\n", "\n").strip()
    if tex.startswith("<![CDATA["):
        tex = tex.removeprefix("<![CDATA[").removesuffix("]]>").strip()
    if tex.startswith("% <![CDATA["):
        tex = tex.removeprefix("% <![CDATA[").removesuffix("%]]>").strip()
    if whole := DELIMITED.fullmatch(tex):
        tex = (whole[1] or whole[2] or whole[3]).strip()
    elif (environment := ENVIRONMENT.fullmatch(tex)) and environment[1] in PLAIN.split("|"):
        tex = environment[3].strip()
    elif len(tex) > 2 and tex[0] == tex[-1] == "$" and "$" not in tex[1:-1]:
        tex = tex[1:-1].strip()
    if wrapped := STYLE.match(tex):
        tex = wrapped[2].strip()
    return Formula(tex, display) if tex else None


def _set_apart(node: Node) -> bool:
    """Whether an element around a formula sets it on a line of its own."""
    above = node.parent
    for _ in range(3):
        if above is None or not above.tag:
            return False
        names = classes(above)
        if "katex-display" in names or "mathjax_display" in names or "mathjax_svg_display" in names:
            return True
        above = above.parent
    return False


def _of_math(node: Node) -> str | None:
    for found in descendants(node):
        if found.tag == "annotation" and "tex" in (found.getattr("encoding") or "").lower():
            return text_of(found)
    return node.getattr("data-latex") or node.getattr("alttext") or to_latex(node) or None


def _of_container(node: Node) -> str | None:
    """Of MathJax 3 (its assistive MathML) and 4 (which keeps the LaTeX)."""
    for selector in ("mjx-math[data-latex]", "[data-mml-node=math][data-latex]"):
        if (found := node.query_selector(selector)) is not None:
            return str(found.getattr("data-latex"))
    inner = node.query_selector("math")
    return _of_math(inner) if inner is not None else None


def _parsed(source: str) -> str | None:
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(source)
    inner = next((found for found in descendants(tree.document) if found.tag == "math"), None)
    return _of_math(inner) if inner is not None else None


def _of_image(node: Node) -> Formula | None:
    alt, source = (node.getattr("alt") or "").strip(), node.getattr("src") or ""
    names = classes(node)
    own = any(IMAGE_CLASS.fullmatch(name) for name in names)
    display = "mwe-math-fallback-image-display" in names
    by_source = IMAGE_SOURCE.search(source) is not None
    above = node.parent
    for _ in range(3):
        if above is None or not above.tag or above.tag not in ("p", "div", "span", "a"):
            break
        if above.tag == "div" and "math" in classes(above):
            own = display = True
        above = above.parent
    if not (own or by_source):
        return None
    if not alt and by_source and "?" in source:
        query = source.split("?", 1)[1]
        found = re.search(r"(?:^|&)(?:latex|chl)=([^&]*)", query)
        alt = unquote(found[1] if found else query).replace("+", " ") if found or "codecogs" in source else ""
    return _made(alt, display)
