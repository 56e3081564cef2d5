"""Java: classes by the package that their file declares; of a wildcard import, the classes that are named."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, NoGroups, cursor, texts
from sequences.repository.tree import Tree, folder

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"import", b"package")
_QUERY = "(package_declaration [(scoped_identifier) (identifier)] @package) (import_declaration) @import"
_IMPORT = re.compile(rb"(?:^|(?<=[;}/]))\s*(?:import|package)\b[^;]*;?", re.MULTILINE)
_TYPES = "(type_identifier) @type (method_invocation object: (identifier) @type)"


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """`a.b.C`, `a.b.*`; for the latter also the names of types in the file, as `?C`. Declared: the package."""
    found = cursor(grammar, _QUERY).captures(root)
    names = set()
    for text in texts(found.get("import", ()), source):
        words = text.rstrip("; \t\n").split()
        names.add("".join(words[2:] if words[1:2] == ["static"] else words[1:]))
    if any(name.endswith(".*") for name in names):
        used = cursor(grammar, _TYPES).captures(root).get("type", ())
        names.update("?" + name for name in set(texts(used, source)))
    package = ["".join(text.split()) for text in texts(found.get("package", ()), source)[:1]]
    return sorted(names), package


def head(source: bytes) -> bytes:
    """Up to the last import, or what might be one."""
    end = max((found.end() for found in _IMPORT.finditer(source)), default=0)
    return source[:end] + b"\n"


def needs_all(imports: Sequence[str]) -> bool:
    """Of a wildcard import only the classes that the file names count."""
    return any(name.endswith(".*") for name in imports)


class Resolver(NoGroups):
    """Of several files for one class (a class of the tests, another module) the nearest is taken."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        super().__init__()
        self.files, self.tree = files, tree
        self._classes: dict[str, list[int]] = defaultdict(list)
        for number, file in enumerate(files):
            if file.family == "java":
                stem = file.path.rpartition("/")[2].rpartition(".")[0]
                self._classes[".".join([*file.declares[:1], stem])].append(number)

    def targets(self, number: int) -> set[int]:
        file = self.files[number]
        used = [name[1:] for name in file.imports if name.startswith("?")]
        found: set[int | None] = set()
        for name in file.imports:
            if name.startswith("?"):
                continue
            if name.endswith(".*"):
                found.update(self._class(f"{name[:-2]}.{one}", file.path) for one in used)
            while name:  # a nested class, or a static member
                target = self._class(name.removesuffix(".*"), file.path)
                if target is not None:
                    found.add(target)
                    break
                name = name.removesuffix(".*").rpartition(".")[0]
        return {target for target in found if target is not None}

    def _class(self, name: str, importer: str) -> int | None:
        return self.tree.nearest(self._classes.get(name, ()), folder(importer))
