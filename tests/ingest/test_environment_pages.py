"""Documentation pages from source, and licences from metadata."""

from __future__ import annotations

import array

import pytest
from repositories import MIT

from ingest.environment_licenses import spdx
from ingest.environment_pages import extension_page, module_page, paragraphs, topic_page
from ingest.spdx import of_text

SOURCE = b'''"""A module.

It says something that is wrapped at the margin of the source and
goes on here. An example::

    >>> run(1)
    2

    still code

- first item, which
  goes on
- second item
"""
__all__ = ["run", "Thing", "bare"]

def run(a, /, b: int = 1, *args: str, c, **kw) -> int:
    """Run it."""

def hidden():
    """Not exported."""

def bare(): pass

class Thing(Base[int], metaclass=M):
    """A thing <b>&amp;</b>."""
    def go(self, *, fast=False):
        """Go."""
    def _private(self):
        """No."""
    def undocumented(self): ...
'''


def test_module_page() -> None:
    page = module_page(SOURCE, "pkg.mod")
    assert page.text == (
        "pkg.mod\n\nA module.\n\nIt says something that is wrapped at the margin of the source and goes on "
        "here. An example:\n\n>>> run(1)\n2\n\nstill code\n\n- first item, which goes on\n- second item\n\n"
        "run(a, b, *args, c, **kw)\n\nRun it.\n\nclass Thing(Base[int])\n\nA thing <b>&amp;</b>.\n\n"
        "Thing.go(*, fast)\n\nGo."
    )
    html = page.html("mod")
    assert "<pre>&gt;&gt;&gt; run(1)\n2\n\nstill code</pre>" in html
    assert "<p>A thing &lt;b&gt;&amp;amp;&lt;/b&gt;.</p>" in html
    assert "<h2>class Thing(Base[int])</h2>" in html


def test_the_html_says_what_the_text_says() -> None:
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        inside = False
        parts: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.inside = self.inside or tag == "body"

        def handle_data(self, data: str) -> None:
            if self.inside:
                self.parts.append(data)

    page = module_page(SOURCE, "pkg.mod")
    reader = Reader()
    reader.parts = []
    reader.feed(page.html("mod"))
    assert "".join(reader.parts).split() == page.text.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Parameters\n----------\nx : int\n    The value, which\n    counts.",
         ["Parameters", "x : int", "The value, which", "counts."]),
        ("short\nlines\nstay", ["short", "lines", "stay"]),
        ("```\na  b\n\nc\n```\nafter", ["```\na  b\n\nc\n```", "after"]),
        ("| a | b |\n| 1 | 2 |\n\ntext", ["| a | b |\n| 1 | 2 |", "text"]),
        (":param x: the value\n    of it\n:return: none", [":param x: the value of it", ":return: none"]),
        ("", []),
        ("\n \n\n", []),
        ("::\n\n    code\n", ["code"]),
    ],
)  # fmt: skip
def test_paragraphs(text: str, expected: list[str]) -> None:
    assert [block.text for block in paragraphs(text) if block.text != ":"] == expected


def test_paragraphs_lose_no_word() -> None:
    import pydoc_data.topics as topics

    for text in topics.topics.values():
        shown = "".join("".join(block.text.split()) for block in paragraphs(text))
        # rules under headings are the only characters that go, and the second colon before a literal block
        drop = str.maketrans("", "", "=-~^#*_+|`':")
        assert shown.translate(drop) == "".join(text.split()).translate(drop)


def test_topic_and_extension_pages() -> None:
    page = topic_page("truth", "Truth Value Testing\n*******************\n\nAny object can be tested.\n")
    assert page.text == "Truth Value Testing\n\nAny object can be tested."
    text = extension_page(array).text
    assert "array.append" in text
    assert "0x" not in text


@pytest.mark.parametrize(
    ("expression", "free", "classifiers", "texts", "expected"),
    [
        ("mit or apache-2.0", "", [], [], "MIT OR Apache-2.0"),
        ("", "BSD-3-Clause", ["License :: OSI Approved :: BSD License"], [], "BSD-3-Clause"),
        ("", "Apache License, Version 2.0", [], [], "Apache-2.0"),
        ("", "The BSD 2-Clause License", [], [], "BSD-2-Clause"),
        ("", "", ["License :: OSI Approved :: MIT License"], [], "MIT"),
        ("", "", ["License :: OSI Approved :: MIT License", "License :: OSI Approved :: ISC License (ISCL)"],
         [],
         "ISC AND MIT"),
        ("", "BSD", ["License :: OSI Approved :: BSD License"], [], None),
        ("", "BSD", [], ["mentions BSD in passing", MIT], "MIT"),
        ("", "Copyright (c) A. Person\n" * 20, ["License :: OSI Approved"], [], None),
        ("", "", [], [], None),
    ],
)  # fmt: skip
def test_spdx(expression: str, free: str, classifiers: list[str], texts: list[str], expected: str | None) -> None:
    assert spdx(expression, free, classifiers, texts) == expected


def test_license_of_text_is_none_for_other_text() -> None:
    assert of_text("All rights reserved.") is None
