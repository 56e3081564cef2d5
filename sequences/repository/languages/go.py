"""Go: packages by the module path of go.mod, or, without one, by the prefix that most imports share with folders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, cursor, texts
from sequences.repository.tree import Tree, ancestors, folder

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"import",)
_QUERY = "(import_spec path: (_) @path)"
_IMPORT = re.compile(rb"\bimport\b(?:\s*\([^)]*\)?|[^\n]*)")
_MODULE = re.compile(r'^\s*module\s+"?([^\s"]+)', re.MULTILINE)


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """Import paths, without quotes."""
    found = cursor(grammar, _QUERY).captures(root).get("path", ())
    return sorted({name[1:-1] for name in texts(found, source) if len(name) > 2}), []


def head(source: bytes) -> bytes:
    """Up to the last import declaration, or what might be one."""
    end = max((found.end() for found in _IMPORT.finditer(source)), default=0)
    return source[:end] + b"\n"


def needs_all(imports: Sequence[str]) -> bool:
    """Never: Go's imports come before all else."""
    return False


def manifest(text: str) -> list[str]:
    """The module path of a go.mod."""
    found = _MODULE.search(text)
    return [found.group(1)] if found else []


class Resolver:
    """A package is a group: all its files but the tests are imported as one."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        self.files = files
        self.groups: dict[str, list[int]] = {}
        for number, file in enumerate(files):
            if file.family == "go" and not file.path.endswith("_test.go"):
                self.groups.setdefault(f"go:{folder(file.path)}", []).append(number)
        self._modules = [
            (file.declares[0], folder(file.path))
            for file in files
            if file.declares and file.path.rpartition("/")[2] == "go.mod"
        ]
        if not self._modules:
            self._modules = self._guess(repo)
        self._modules.sort(key=lambda module: (-len(module[0]), module[1]))

    def _guess(self, repo: str) -> list[tuple[str, str]]:
        """The prefix under which most distinct folders are imported; a tie goes to one that the repository's name ends."""
        found: dict[str, set[str]] = {}
        spread: Counter[tuple[str, str]] = Counter()
        for path in {name for file in self.files if file.family == "go" for name in file.imports}:
            if "." not in path.partition("/")[0]:
                continue  # the standard library
            for base in ancestors(path)[1:-1]:
                below = path[len(base) + 1 :]
                if f"go:{below}" in self.groups:
                    found.setdefault(base, set()).add(below)
        for base, folders in found.items():
            spread[base, ""] = len(folders)
        if not spread:
            # A single package, or folders that nobody imports: then the root may be imported by the name alone.
            return []
        name = repo.rpartition("/")[2].lower()
        best = min(spread, key=lambda key: (-spread[key], not key[0].lower().endswith(name), len(key[0]), key[0]))
        return [best]

    def targets(self, number: int) -> set[int | str]:
        found: set[int | str] = set()
        for name in self.files[number].imports:
            for module, place in self._modules:
                if name == module or name.startswith(module + "/"):
                    key = "go:" + "/".join(part for part in (place, name[len(module) + 1 :]) if part)
                    if key in self.groups:
                        found.add(key)
                    break
        return found
