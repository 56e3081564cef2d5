"""What of a page is its frame: menus, footers, controls. Nothing that holds code or formulas is taken for it."""

from __future__ import annotations

import re

from ingest.layout.nodes import Node, classes, descendants, text_of

__all__ = ["content_root", "is_frame"]

SILENT = {"script", "style", "noscript", "template", "iframe", "svg", "canvas", "object", "embed", "audio", "video",
          "button", "input", "select", "textarea", "head", "title", "link", "meta", "dialog"}  # fmt: skip
FRAMES = {"nav", "footer", "aside", "menu"}
ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog", "menu", "menubar"}
NAMES = re.compile(
    r"nav(?:bar|header|footer|igation|-?links?|-?menu)?|menu|footer|page-?footer|site-?footer|site-?header|side-?bar"
    r"|sphinxsidebar|bread-?crumbs?|cookies?(?:-?(?:bar|banner|notice|consent))?|share|sharing|social|related|comments?"
    r"|advert\w*|ads?|promo|newsletter|pagination|pager|skip-?links?|toc|table-?of-?contents|search-?form|rel-?posts"
    r"|mw-editsection|mw-jump-link|printfooter|catlinks|noprint"
)
ANCHORS = {"headerlink", "anchor", "anchorjs-link", "header-anchor", "heading-anchor", "viewcode-link", "hash-link",
           "permalink", "direct-link"}  # fmt: skip
HOLDS = "pre,math,.math,.katex"
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
LEAST_SHARE = 0.4  # share of the page's text that an element must hold to be its content
LEAST_TEXT = 200  # characters


def is_frame(node: Node) -> bool:
    """Whether an element is no content. Its tag, its role, its class or id says so."""
    tag = node.tag
    if tag in SILENT:
        return True
    if tag == "a":
        return bool(ANCHORS.intersection(classes(node))) and len(text_of(node).strip()) <= 8
    if tag not in ("div", "section", "ul", "ol", "p", "table", "header", "form", "span", "details", *FRAMES):
        return False
    framed = tag in FRAMES or (node.getattr("role") or "").lower() in ROLES
    if not framed:
        names = classes(node)
        if name := node.getattr("id"):
            names.append(name.lower())
        framed = any(NAMES.fullmatch(name) for name in names)
    if not framed:
        framed = node.hasattr("hidden") or HIDDEN.search(node.getattr("style") or "") is not None
    return framed and node.query_selector(HOLDS) is None


def content_root(body: Node) -> tuple[Node, bool]:
    """(the element that holds the content, whether the page itself names it): <main>, role=main, a single <article>."""
    whole = 0
    for query in ("main", "[role=main]", "article", "[itemprop=articleBody]"):
        found = body.query_selector_all(query)
        if len(found) != 1:
            continue
        whole = whole or _amount(body)
        size = _amount(found[0])
        if size >= LEAST_TEXT and size >= LEAST_SHARE * whole and _holds_all(body, found[0]):
            return found[0], True
    return body, False


def _holds_all(body: Node, chosen: Node) -> bool:
    """Whether no code lies outside the element."""
    return len(chosen.query_selector_all("pre,math")) == len(body.query_selector_all("pre,math"))


def _amount(node: Node) -> int:
    """Characters of text that is not in links, scripts and such."""
    count = 0
    stack = [node]
    while stack:
        found = stack.pop()
        tag = found.tag
        if tag == "#text":
            count += len((found.value or "").strip())
        elif tag != "a" and tag not in SILENT:
            child = found.first_child
            while child is not None:
                stack.append(child)
                child = child.next
    return count


def holds_block(node: Node, tags: frozenset[str]) -> bool:
    """Whether an element of one of the tags lies below."""
    return any(found.tag in tags for found in descendants(node))
