"""Which model reads a file, and which grammar."""

from __future__ import annotations

MODELS = ("python", "javascript", "typescript", "java", "go", "rust", "c", "c++")
GENERAL = "general"  # the model of every other language; it sees no syntax tree
_NAMES = {"tsx": "typescript", "jsx": "javascript"}


def model_of(language: str | None) -> str:
    """The model that reads a language (Linguist's name in lower case)."""
    name = _NAMES.get(language or "", language or "")
    return name if name in MODELS else GENERAL


def grammar_of(language: str, path: str | None) -> str:
    """The grammar that reads a file of a language of `MODELS`."""
    return "tsx" if language == "typescript" and (path or "").endswith(".tsx") else language
