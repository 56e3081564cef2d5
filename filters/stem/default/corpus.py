"""The texts of the packaged model: docstrings of this Python and of installed distributions, as plain pages.

What marks a docstring as one (doctests, parameter lists, roles) is taken out, and its formulas are written as a web page
would have them, so that a model learns what a text is about and not how it was stored.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
from collections.abc import Iterator
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

__all__ = ["STDLIB", "TEST", "TRAIN", "page", "pages", "versions"]

STDLIB = "python"  # the standard library, beside names on PyPI

TRAIN = (
    STDLIB, "aiohttp", "ansible-core", "astropy", "celery", "control", "django", "docutils", "matplotlib", "networkx",
    "numpy", "pandas", "pint", "pywavelets", "qutip", "scikit-learn", "scipy", "scrapy", "sphinx", "sqlalchemy", "sympy",
    "twisted",
)  # fmt: skip
TEST = (
    "biopython", "fsspec", "mpmath", "nltk", "paramiko", "pyspark", "scikit-image", "setuptools", "shapely", "statsmodels",
    "tornado", "werkzeug",
)  # fmt: skip

LEAST = 300  # characters of a page
_SKIPPED = {"test", "tests", "idle_test", "lib2to3", "site-packages", "dist-packages", "_vendor", "vendor", "externals"}
_DROPPED = re.compile(r"(other |keyword )?(parameters|arguments|returns?|yields?|receives|raises|warns|warnings|attributes"
                      r"|methods|see also|references|examples?)$", re.IGNORECASE)  # fmt: skip
_UNDERLINE = re.compile(r"\s*([-=~^*.`\"'#+])\1{2,}\s*$")
_MATH = re.compile(r":math:`([^`]*)`")
_ROLE = re.compile(r":[\w:+.-]+:`(?:[^`]*<)?~?(?:[\w.]*\.)?([^`<>]*)>?`")
_LINK = re.compile(r"`([^`<]*?)\s*<[^`>]*>`__?")
_CITATION = re.compile(r"\[[\w*#-]+\]_")


def page(docstring: str) -> str:
    """A docstring as a plain page: prose and formulas ($ and \\[ \\]), without doctests, field lists and directives."""
    lines = inspect.cleandoc(docstring).split("\n")
    kept: list[str] = []
    skip_section = False
    number = 0
    while number < len(lines):
        line = lines[number]
        text = line.strip()
        if number + 1 < len(lines) and text and _UNDERLINE.match(lines[number + 1]):
            skip_section = bool(_DROPPED.match(text))
            if not skip_section:
                kept += ["", text, ""]
            number += 2
        elif text.startswith(">>>"):
            while number < len(lines) and lines[number].strip():
                number += 1
        elif text.startswith(".. math::"):
            indent = len(line) - len(line.lstrip())
            block = [text.removeprefix(".. math::").strip()]
            number += 1
            while number < len(lines) and (not lines[number].strip() or _indent(lines[number]) > indent):
                block.append(lines[number].strip())
                number += 1
            formula = " ".join(part for part in block if part and not part.startswith(":"))
            if not skip_section:
                kept += ["", f"\\[ {formula} \\]", ""]
        else:
            if not skip_section and not text.startswith((":", ".. ", "@")):
                kept.append(text)
            number += 1
    joined = _MATH.sub(r"$\1$", "\n".join(kept))
    joined = _CITATION.sub("", _LINK.sub(r"\1", _ROLE.sub(r"\1", joined)))
    paragraphs = re.split(r"\n\s*\n", joined.replace("``", "").replace("`", ""))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def pages(distribution: str) -> Iterator[tuple[str, str]]:
    """(qualified name, text) of the docstrings with enough text, each text once, in the order of the files."""
    seen: set[bytes] = set()
    for name, path in _sources(distribution):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            continue  # templates and files for other Python versions are no material
        for qualified, docstring in _docstrings(name, tree):
            text = page(docstring)
            digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
            if len(text) >= LEAST and digest not in seen:
                seen.add(digest)
                yield qualified, text


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    import platform

    return {name: platform.python_version() if name == STDLIB else metadata.version(name) for name in distributions}


def _sources(distribution: str) -> Iterator[tuple[str, Path]]:
    """(dotted module, file) of every Python file of a distribution, sorted."""
    if distribution == STDLIB:
        root = Path(sysconfig.get_path("stdlib"))
        names = (path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    else:
        root = Path(str(metadata.distribution(distribution).locate_file("")))
        names = (file.as_posix() for file in metadata.files(distribution) or () if file.suffix == ".py")
    for name in sorted(names):
        parts = name.removesuffix(".py").split("/")
        if not _SKIPPED.intersection(parts) and ".." not in parts:
            yield ".".join(part for part in parts if part != "__init__"), root / name


def _docstrings(name: str, node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        docstring = ast.get_docstring(node, clean=False)
        if docstring:
            yield name, docstring
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _docstrings(f"{name}.{child.name}", child)
