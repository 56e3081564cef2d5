from __future__ import annotations

import pytest

from arcmill.syntax import PARSED, parse, programming_language

SAMPLES = {
    "python": "def f(x):\n    return x + 1\n",
    "javascript": "export const f = (x) => x + 1;\n",
    "typescript": "export function f(x: number): number { return x + 1; }\n",
    "tsx": "export const F = (p: P) => <b>{p.x}</b>;\n",
    "java": "class A { int f(int x) { return x + 1; } }\n",
    "go": "package a\n\nfunc f(x int) int { return x + 1 }\n",
    "rust": "fn f(x: i32) -> i32 { x + 1 }\n",
    "c": "int f(int x) { return x + 1; }\n",
    "c++": "template <class T> T f(T x) { return x + 1; }\n",
}


@pytest.mark.parametrize("language", PARSED)
def test_every_grammar_reads_its_language(language: str) -> None:
    tree = parse(SAMPLES[language].encode(), language)
    assert tree is not None
    assert not tree.root_node.has_error
    assert tree.root_node.end_byte == len(SAMPLES[language])


def test_broken_code_has_a_tree_and_unknown_languages_have_none() -> None:
    broken = parse(b"def f(:\n", "python")
    assert broken is not None
    assert broken.root_node.has_error
    assert parse(b"x", "cobol") is None


def test_the_language_stands_in_the_metadata() -> None:
    assert programming_language({"programming_language": "go"}) == "go"
    assert programming_language({}) is None
    assert programming_language(None) is None
