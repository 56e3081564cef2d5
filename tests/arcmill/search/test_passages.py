"""Passages cover a text, titles, snippets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.search.passages import SNIPPET, passages, snippet, title_of
from arcmill.search.words import words


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=600), st.integers(10, 100))
def test_passages_are_the_text(text: str, size: int) -> None:
    cut = list(passages(text, size))
    assert cut[0][0] == 0 and cut[-1][1] == len(text)
    assert all(end == start for (_, end), (start, _) in pairwise(cut))
    assert all(end - start <= size for start, end in cut)


def test_passages_end_where_a_paragraph_or_a_sentence_does() -> None:
    text = "One two three. Four five six.\n\nSeven eight nine ten eleven twelve."
    assert [text[a:b] for a, b in passages(text, 40)] == [text[:31], text[31:]]
    assert next(text[a:b] for a, b in passages(text, 25)) == "One two three."
    assert [b - a for a, b in passages("x" * 50, 20)] == [20, 20, 10]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("text", {"title": " A\n b "}, "p.md"), "A b"),
        (("text", None, "src/p.md"), "src/p.md"),
        (("text", {}, "description", "owner/name"), "owner/name: description"),
        (("text", {}, "name/description", "owner/name"), "name/description"),
        (("\n=====\n## The head ##\nmore", None, None), "The head"),
        (("", None, None, None, "http://x"), "http://x"),
        (("", None, None), ""),
    ],
)
def test_titles(arguments: tuple[object, ...], expected: str) -> None:
    assert title_of(*arguments) == expected  # type: ignore[arg-type]


def test_snippets_show_where_the_words_stand() -> None:
    text = "filler word " * 100 + "the Amstel flows through Amsterdam " + "other stuff " * 100
    shown = snippet(text, frozenset(words("Amstel Amsterdam")))
    assert "Amstel flows through Amsterdam" in shown and len(shown) <= SNIPPET
    assert shown.startswith("…") and shown.endswith("…")
    chinese = "无关的话" * 200 + "龙城飞将在长安" + "还有别的" * 200
    assert "龙城飞将在长安" in snippet(chinese, frozenset(words("龙城飞将")))
    assert snippet("a  b\nc", frozenset()) == "a b c"
