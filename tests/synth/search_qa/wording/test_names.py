"""Which names stand in a text."""

from __future__ import annotations

import random

import pytest

from synth.search_qa.wording import named, revealed
from synth.search_qa.wording.names import _any_letters, _plain_letters


@pytest.mark.parametrize(
    ("text", "name", "stands"),
    [
        ("a film with Spider-Man in it", "Spider Man", True),
        ("a film with spiderman in it", "Spider-Man", True),
        ("a film with spider-man in it", "Spiderman", True),
        ("a film with spider  man in it", "Spider Man", True),
        ("a film with spider man in it", "Spiderman", False),
        ("the therapist", "The rapist", False),
        ("the rapist", "Therapist", False),
        ("analog", "Ana Log", False),
        ("张 艺谋", "张艺谋", True),
        ("a film with Spider Man in it", "pider Man", False),
        ("the therapist", "Thera", False),
        ("Ocean’s Eleven", "Ocean's Eleven", True),
        ("in 11967", "1967", False),
        ("in 1967.", "1967", True),
        ("the ＩＫＥＡ store", "ikea", True),
        ("Straße", "STRASSE", True),
        ("e\u0301tude", "\u00e9tude", True),
        ("O'Brien's book", "O'Brien", True),
        ("what is it?", "It", False),
        ("was It filmed", "It", True),
        ("was IT filmed", "It", False),
        ("by M. Night", "M", True),
        ("a mother", "M", False),
        ("这部由张艺谋执导的电影", "张艺谋", True),
        ("这部由张艺谋执导的电影", "张艺", True),
        ("某人写的", "人", False),
        ("“人”写的", "人", True),
        ("1994年的电影", "1994", True),
        ("東京タワー", "タワー", True),
        ("서울에서", "서울", True),
        ("What is it?", "?", False),
        ("the song “?” was", "?", True),
        ("the song !!! was", "!!!", True),
        ("plain", "", False),
        ("", "x", False),
        ("C++ and C", "C++", True),
        ("Bob", "Bob\nDylan", False),
        ("by Bob Dylan", "Bob\nDylan", True),
    ],
)
def test_a_name_stands_in_a_text(text: str, name: str, stands: bool) -> None:
    assert named(text, [name]) == ([name] if stands else [])


def test_names_come_in_their_order_and_once() -> None:
    assert named("bo and ax", ["ax", "bo", "c", "boo"]) == ["ax", "bo"] and named("aa bb", ["bb", "aa", "bb"]) == [
        "bb",
        "aa",
    ]


def test_ascii_is_read_as_all_else_is() -> None:
    draw = random.Random(5)
    for _ in range(3000):
        text = "".join(draw.choice("aB3 -'.\n\t\x1f\x00_") for _ in range(draw.randrange(12)))
        assert _plain_letters(text) == _any_letters(text), repr(text)


def test_short_names_are_revealed_in_any_case() -> None:
    text = "F wrote It. Who is F?"
    assert named(text, ["f", "it", "It"]) == ["It"]
    assert revealed(text, ["f", "Ada"]) == ["f"] and revealed(text, ["it"]) == ["it"]
    assert revealed(text, ["w", "ro", "Ada"]) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hosted under “github.com/GrahamDumpleton”?", "Graham Dumpleton"), ("the topic “JSON Schema (topic)”", "json (keyword)"),
        ("“Database Engines/Servers”", "Database (topic)"), ("“json schema (keyword)”", "jsonschema"), ("某个“张 伟”", "张伟"),
    ],
)  # fmt: skip
def test_what_a_reader_finds_is_revealed(text: str, name: str) -> None:
    assert revealed(text, [name]) and not revealed("Who wrote a package?", [name])


def test_words_within_words_are_not_revealed() -> None:
    assert revealed("the department of “artifacts”", ["art", "fact", "part (thing)"]) == []
