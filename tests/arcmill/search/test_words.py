"""Words of English, Chinese, accents and odd scripts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.search.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The scikit-learn's max_value, v2.0", ["the", "scikit", "learn", "s", "max", "value", "v2", "0"]),
        ("Amélie Straße ＡＢＣ", ["amelie", "strasse", "abc"]),
        ("龙城飞将abc中x", ["龙城", "城飞", "飞将", "abc", "中", "x"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("한국어", ["한국", "국어"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("x" * 65 + " y", ["y"]),
        ("", []),
        ("\ud800 — \x00", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_ascii_is_cut_as_all_else_is(text: str) -> None:
    assert [*words(text), "e"] == words(f"{text} é")
