"""The training texts of the packaged model `code-docs-vs-noise-en`: documentation with code, and what is made against it.

Good are docstrings with examples, of the standard library and of a few libraries, and their descriptions (READMEs). Bad are
the kinds of `filters.quality.default.corpus` made from them (shuffled, repeated, cut into teasers, advertising, menus, logs,
listings, licences, bare code), and bare lists of signatures. No web page is among them.
"""

from __future__ import annotations

import ast
import re
from importlib import metadata
from random import Random

from filters.quality.default.corpus import LIBRARIES, bad_texts, trees

__all__ = ["code_texts", "noise_texts"]

EXAMPLE = re.compile(r">>> |::\n|```|^    \S.*[()=]", re.MULTILINE)
LEAST = 200  # characters of a docstring


def code_texts() -> list[str]:
    """Documents of one to five docstrings that hold an example, and READMEs, each once."""
    random, seen = Random("code"), set[str]()
    found: list[str] = []
    waiting: list[str] = []
    wanted = 1
    for _, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            text = ast.get_docstring(node) or ""
            if len(text) < LEAST or not EXAMPLE.search(text) or text in seen:
                continue
            seen.add(text)
            waiting.append(text)
            if len(waiting) >= wanted:
                found.append("\n\n".join(waiting))
                waiting.clear()
                wanted = random.choice((1, 1, 2, 3, 5))
    for name in LIBRARIES:
        text = (metadata.distribution(name).read_text("METADATA") or "").partition("\n\n")[2]
        found += [part for part in re.split(r"\n(?=#+ )", text) if len(part) >= LEAST]
    return found


def noise_texts(good: list[str]) -> list[str]:
    """As many texts of the bad kinds, every eighth a bare list of signatures."""
    noise = bad_texts(good)
    lists = _signatures()
    return [lists[at // 8 % len(lists)] if at % 8 == 0 and lists else text for at, text in enumerate(noise)]


def _signatures() -> list[str]:
    """Runs of 25 names with their parameters, without a word about them."""
    lines = [
        f"{node.name}({', '.join(argument.arg for argument in node.args.args)})"
        for number, (_, tree) in enumerate(trees())
        if number % 5 == 0
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    return ["\n".join(lines[start : start + 25]) for start in range(0, len(lines) - 25, 25)]
