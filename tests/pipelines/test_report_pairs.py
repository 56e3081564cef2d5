"""Duplicates side by side: what is marked is what differs, wherever it lies, and no text makes it slow."""

from __future__ import annotations

import re
import time

import pytest

from pipelines.report.side_by_side import beside


def told(left: str, right: str) -> tuple[str, str, str]:
    both = beside(left, len(left), right, len(right))
    return both.left, both.right, both.told


def test_only_what_differs_is_marked() -> None:
    left, right, said = told("one two three four", "one 2 three four five")
    assert left == "one <del>two</del> three four"
    assert right == "one <ins>2</ins> three four<ins> five</ins>"
    assert said == "1 of 4 words (25.0 %) are only on the left, 2 of 5 (40.0 %) only on the right."


def test_a_difference_far_from_the_beginning_is_shown() -> None:
    same = "word " * 1200
    left, right, _ = told(f"{same}left end", f"{same}right end")
    assert "<del>left</del>" in left and "<ins>right</ins>" in right
    assert "same words …" in left and len(left) < 400


def test_scripts_without_blanks_are_compared_by_character() -> None:
    left, right, _ = told("这是一个测试", "这是两个测试")
    assert "<del>一</del>" in left and "<ins>两</ins>" in right


def test_nothing_of_a_text_becomes_markup() -> None:
    left, right, _ = told("</del><script>a</script>\u202e x", "<ins onclick=1> y")
    for side in (left, right):
        assert not re.search(r"<(?!/?(del|ins|span)\b)", side)
        assert "onclick=1&gt;" not in side or "<ins onclick" not in side
    assert "U+202E" in left


def test_texts_without_a_difference_say_so() -> None:
    assert told("a b c", "a b c")[2] == "No word differs in what was compared."
    both = beside("a b c d", 900, "a b c d", 4)
    assert "893 more characters, not compared" in both.left
    assert "not compared" not in both.right


@pytest.mark.parametrize(
    "pair",
    [("." * 8000, ".," * 4000), ("的" * 8000, "的是" * 4000), ("a " * 4000, "a b " * 2000), ("ab" * 4000, "ba" * 4000),
     (" ".join(map(str, range(1600))), " ".join(map(str, range(1600, 0, -1))))],
)  # fmt: skip
def test_texts_made_to_be_slow_are_compared_quickly_and_shown_shortly(pair: tuple[str, str]) -> None:
    began = time.process_time()
    left, right, _ = told(*pair)
    assert time.process_time() - began < 1.5
    assert len(left) < 60_000 and len(right) < 60_000
