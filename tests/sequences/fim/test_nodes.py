from __future__ import annotations

import pytest

from arcmill.syntax import PARSED, parse
from sequences.fim.draw import words
from sequences.fim.nodes import KINDS, NodeSpans

EVEN = dict.fromkeys(KINDS, 1.0)
CODE = {
    "python": "# ü\nimport os\n\nclass A:\n    def f(self, a, b=2):\n        if a > b:\n            return g(a, h(b))\n        return [x + 1 for x in a]\n",
    "javascript": "function f(a, b) {\n  const x = a + b;\n  if (x > 2) { return g(x, 'é'); }\n  return [1, x];\n}\n",
    "typescript": "function f(a: number, b: string): void {\n  const x = a + 1;\n  if (x > 2) { g(x, b); }\n}\n",
    "tsx": "function f(a: number) {\n  const x = a + 1;\n  if (x > 2) { g(x, a); }\n  return <p>{x + 2}</p>;\n}\n",
    "java": "class A {\n  int f(int a, int b) {\n    int x = a + b;\n    if (x > 2) { return g(x, b); }\n    return x * 2;\n  }\n}\n",
    "go": "package p\n\nfunc f(a int, b int) int {\n\tx := a + b\n\tif x > 2 {\n\t\treturn g(x, b)\n\t}\n\treturn x * 2\n}\n",
    "rust": "fn f(a: i32, b: i32) -> i32 {\n    let x = a + b;\n    if x > 2 {\n        return g(x, b);\n    }\n    x * 2\n}\n",
    "c": "int f(int a, int b) {\n  int x = a + b;\n  if (x > 2) { return g(x, b); }\n  return x * 2;\n}\n",
    "c++": "int f(int a, int b) {\n  auto x = a + b;\n  if (x > 2) { return g(x, b); }\n  return x * 2;\n}\n",
}


def chosen(source: bytes, language: str, weights: dict[str, float], count: int) -> list[tuple[int, int, str] | None]:
    spans = NodeSpans(weights)
    return [spans.choose(source, language, lambda *_: True, *words(number, language)[3:6]) for number in range(count)]


def named_nodes(source: bytes, language: str) -> set[tuple[int, int]]:
    tree = parse(source, language)
    assert tree is not None
    stack, found = [tree.root_node], set()
    while stack:
        node = stack.pop()
        found.add((node.start_byte, node.end_byte))
        stack += node.named_children
    return found


@pytest.mark.parametrize("language", PARSED)
def test_each_kind_is_found_in_each_language(language: str) -> None:
    source = CODE[language].encode()
    nodes = named_nodes(source, language)
    for kind in KINDS:
        weights = {each: float(each == kind) for each in KINDS}
        found = [each for each in chosen(source, language, weights, 60) if each is not None]
        assert len(found) > 20, kind  # a place is drawn, and may lie in none
        assert {label for *_, label in found} == {kind}
        assert {(start, end) for start, end, _ in found} <= nodes
        assert len({each[:2] for each in found}) > 1 or kind in ("function", "block")


def test_kinds_are_tried_by_weight() -> None:
    source = CODE["python"].encode()
    weights = {"function": 1.0, "block": 1.0, "statement": 2.0, "expression": 4.0, "argument": 0.0}
    kinds = [each[2] for each in chosen(source, "python", weights, 2000) if each]
    for kind, share in (("function", 0.125), ("block", 0.125), ("statement", 0.25), ("expression", 0.5)):
        assert abs(kinds.count(kind) / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5
    assert "argument" not in kinds


def test_bounds_hold_and_nothing_may_fit() -> None:
    source = CODE["python"].encode()
    spans = NodeSpans(EVEN)
    for number in range(50):
        drawn = words(number, "x")[3:6]
        found = spans.choose(source, "python", lambda start, end: 3 <= end - start <= 8, *drawn)
        assert found is None or 3 <= found[1] - found[0] <= 8
        assert spans.choose(source, "python", lambda start, end: end - start > 1000, *drawn) is None


@pytest.mark.parametrize("language", PARSED)
def test_broken_syntax_gives_only_whole_nodes(language: str) -> None:
    source = (")) {{ " + CODE[language][: len(CODE[language]) * 2 // 3] + " @@ '").encode()
    tree = parse(source, language)
    assert tree is not None and tree.root_node.has_error
    for each in chosen(source, language, EVEN, 40):
        if each is not None:
            node = tree.root_node.named_descendant_for_byte_range(each[0], each[1])
            while node is not None and (node.start_byte, node.end_byte) == each[:2] and node.has_error:
                node = node.named_children[0] if node.named_children else None
            assert node is not None and not node.has_error
    assert chosen(b"", language, EVEN, 3) == [None] * 3


def test_deep_nesting_is_no_trouble() -> None:
    source = b"x = " + b"(" * 20_000 + b"1" + b")" * 20_000 + b"\n"
    assert any(chosen(source, "python", EVEN, 3))
    assert chosen(b"(" * 30_000, "python", EVEN, 1) is not None
