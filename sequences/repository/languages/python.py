"""Python: absolute imports from any root of packages, relative ones, src layouts, namespace packages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, NoGroups, cursor
from sequences.repository.tree import Tree, ancestors, folder, join

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"import",)
_QUERY = "(import_statement) @import (import_from_statement) @from"
_ENDS = (".py", ".pyx", ".pyi")
_ROOTS = ("", "src", "lib", "python")


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """`a.b` for `import a.b`, `a.b:c` for `from a.b import c`, with the leading dots of a relative one."""
    found = cursor(grammar, _QUERY).captures(root)
    names: set[str] = set()

    def text(node: Node) -> str:
        if node.type == "aliased_import":
            inner = node.child_by_field_name("name")
            node = inner if inner is not None else node
        return "".join(source[node.start_byte : node.end_byte].decode("utf-8", "replace").split())

    for node in found.get("import", ()):
        names.update(text(name) for name in node.children_by_field_name("name"))
    for node in found.get("from", ()):
        module = node.child_by_field_name("module_name")
        if module is not None:
            what = [text(name) for name in node.children_by_field_name("name")] or ["*"]
            names.update(f"{text(module)}:{name}" for name in what)
    return sorted(names), []


class Resolver(NoGroups):
    """A name is looked for below the root of the importer's own package, then where such a package is."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        super().__init__()
        self.files, self.tree = files, tree
        self._root: dict[str, str] = {}
        self._tops: dict[str, set[str]] = defaultdict(set)  # name of a top package: the roots that hold one
        self._seen: dict[tuple[str, str, bool], int | None] = {}
        for file in files:
            if file.family == "python":
                base = folder(file.path)
                root = self._root_of(base)
                if base != root:
                    self._tops[base[len(root) :].lstrip("/").split("/")[0]].add(root)

    def _root_of(self, base: str) -> str:
        """The folder above the topmost package that `base` belongs to."""
        walked = []
        here = base
        while here not in self._root and (
            here and any(self.tree.get(f"{here}/__init__{end}") is not None for end in _ENDS)
        ):
            walked.append(here)
            here = folder(here)
        root = self._root.setdefault(here, here)
        for step in walked:
            self._root[step] = root
        return root

    def targets(self, number: int) -> set[int]:
        file = self.files[number]
        stub = file.path.endswith(".pyi")
        found = {self._target(name, folder(file.path), stub) for name in file.imports}
        return {target for target in found if target is not None}

    def _target(self, name: str, base: str, stub: bool) -> int | None:
        module, _, what = name.partition(":")
        dots = len(module) - len(module.lstrip("."))
        rest = module[dots:].replace(".", "/")
        if dots:
            start: str | None = base
            for _ in range(dots - 1):
                start = join(start, "..") if start is not None else None
            whole = None if start is None else join(start, rest)
            if whole is None:
                return None
            return self._member(whole, what, stub)
        key = (name, base, stub)
        if key not in self._seen:
            self._seen[key] = self._absolute(rest, what, base, stub)
        return self._seen[key]

    def _absolute(self, rest: str, what: str, base: str, stub: bool) -> int | None:
        top, nested, _ = rest.partition("/")
        own = self._root_of(base)
        packaged = sorted(self._tops.get(top, ()), key=lambda root: (root.count("/"), root))
        above = ancestors(own) if nested else [own, folder(own)]
        for root in dict.fromkeys([*above, *_ROOTS, *packaged]):
            found = self._member(f"{root}/{rest}" if root else rest, what, stub)
            if found is not None:
                return found
        return None

    def _member(self, module: str, what: str, stub: bool) -> int | None:
        """`from module import what`: the submodule of that name, else the module itself."""
        if what and what != "*" and (found := self._module(f"{module}/{what}" if module else what, stub)) is not None:
            return found
        return self._module(module, stub)

    def _module(self, path: str, stub: bool) -> int | None:
        first, other = ((".pyi",), (".py", ".pyx")) if stub else ((".py", ".pyx"), (".pyi",))
        inits = f"{path}/__init__" if path else "__init__"
        return self.tree.first(
            start + end for ends in (first, other) for start in ((inits, path) if path else (inits,)) for end in ends
        )
