"""Questions that every part of the layout parser asks of a node of resiliparse's tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_ELEMENT, _MARKS = 1, (7, 10)  # node types as the DOM numbers them; processing instruction, document type
Node = Any  # resiliparse.parse.html.DOMNode, which has no types

__all__ = ["Node", "children", "classes", "descendants", "is_element", "is_text", "text_of"]


def is_text(node: Node) -> bool:
    return bool(node.tag == "#text")


def is_element(node: Node) -> bool:
    return bool(node.type == _ELEMENT)


def children(node: Node) -> Iterator[Node]:
    """What is directly below, without <!DOCTYPE a> and <?a?>: their tag is "a", and they have no attributes."""
    child = node.first_child
    while child is not None:
        following = child.next
        if child.type not in _MARKS:
            yield child
        child = following


def descendants(node: Node) -> Iterator[Node]:
    """All nodes below, in document order, without recursion."""
    stack = list(children(node))[::-1]
    while stack:
        found = stack.pop()
        yield found
        if found.first_child is not None:
            stack.extend(list(children(found))[::-1])


def classes(node: Node) -> list[str]:
    """Class names in lower case."""
    if not is_element(node):  # the document itself
        return []
    return (node.getattr("class") or "").lower().split()


def text_of(node: Node) -> str:
    """All text below, as it is written."""
    return "".join(found.value or "" for found in descendants(node) if found.tag == "#text")
