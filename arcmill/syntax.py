"""Source code as the stages see it: where a Document says its programming language, and the grammars that read it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser, Tree

LANGUAGE_KEY = "programming_language"  # of Document.metadata; Linguist's name in lower case, such as "c++"

# Language: the module of its grammar, and the function that gives it.
_GRAMMARS = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "java": ("tree_sitter_java", "language"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "c": ("tree_sitter_c", "language"),
    "c++": ("tree_sitter_cpp", "language"),
}
PARSED = tuple(_GRAMMARS)


def programming_language(metadata: Mapping[str, str] | None) -> str | None:
    """The programming language that a Document's metadata names."""
    return metadata.get(LANGUAGE_KEY) if metadata else None


@cache
def parser(language: str) -> Parser | None:
    """The tree-sitter parser of a language of `PARSED`; None for any other. One a process: not for several threads."""
    if language not in _GRAMMARS:
        return None
    from tree_sitter import Language, Parser

    module, function = _GRAMMARS[language]
    return Parser(Language(getattr(import_module(module), function)()))


def parse(source: bytes, language: str) -> Tree | None:
    """The syntax tree of a text in UTF-8, with error nodes where it is broken; None where there is no grammar."""
    found = parser(language)
    return found.parse(source) if found is not None else None
