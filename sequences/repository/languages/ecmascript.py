"""JavaScript and TypeScript: relative paths with extensions and index files, aliases, packages of a workspace."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, NoGroups, cursor, texts
from sequences.repository.tree import Tree, ancestors, folder, join

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"import", b"require", b"export")
_QUERY = """
(import_statement source: (string) @name)
(export_statement source: (string) @name)
(call_expression function: (import) arguments: (arguments . (string) @name))
(call_expression function: (identifier) @function arguments: (arguments . (string) @name) (#eq? @function "require"))
"""
_TYPED = "(import_require_clause source: (string) @name)"
_TYPESCRIPT = (".ts", ".tsx", ".d.ts", ".mts", ".cts", ".d.mts", ".d.cts")
_JAVASCRIPT = (".js", ".jsx", ".mjs", ".cjs")
_OTHER = (".json", ".vue", ".svelte")
_TYPED_OF = {
    ".js": (".ts", ".tsx", ".d.ts"), ".jsx": (".tsx",), ".mjs": (".mts", ".d.mts"), ".cjs": (".cts", ".d.cts"),
    ".ts": (".d.ts", ".d.cts"), ".mts": (".d.mts",), ".cts": (".d.cts",),
}  # fmt: skip
_ALIASES = ("@/", "~/", "@@/", "#/")
_SOURCES = ("src", "app", "lib", "")


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """The module names as they are written, without quotes."""
    query = _QUERY if grammar == "javascript" else _QUERY + _TYPED
    found = cursor(grammar, query).captures(root).get("name", ())
    return sorted({name[1:-1] for name in texts(found, source) if len(name) > 2}), []


def manifest(text: str) -> list[str]:
    """The name of a package.json."""
    try:
        name = json.loads(text).get("name")
    except (ValueError, AttributeError, RecursionError):
        return []
    return [name] if isinstance(name, str) and name else []


class Resolver(NoGroups):
    """Node's and TypeScript's rules as far as they need no configuration, and the usual aliases for the rest."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        super().__init__()
        self.files, self.tree = files, tree
        self._packages: dict[str, list[str]] = defaultdict(list)  # name: the folders of packages of that name
        for file in files:
            if file.declares and file.path.rpartition("/")[2] == "package.json":
                self._packages[file.declares[0]].append(folder(file.path))

    def targets(self, number: int) -> set[int]:
        file = self.files[number]
        base = folder(file.path)
        found = set()
        for name in file.imports:
            for path in self._paths(name, base):
                target = self._file(path, file.path)
                if target is not None:
                    found.add(target)
                    break
        return found

    def _paths(self, name: str, base: str) -> Iterator[str]:
        name = name.partition("?")[0]
        if name.startswith(".") or name.startswith("/"):
            path = join("" if name.startswith("/") else base, name)
            if path is not None:
                yield path
            return
        for alias in _ALIASES:
            if name.startswith(alias):
                rest = name[len(alias) :]
                for above in ancestors(base):
                    for start in _SOURCES:
                        yield "/".join(part for part in (above, start, rest) if part)
                return
        package, rest = name, ""
        while package:
            for place in self._packages.get(package, ()):
                for start in ("", "src", "lib", "dist") if rest else ("src", "", "lib", "dist"):
                    yield "/".join(part for part in (place, start, rest) if part)
            package, slash, last = package.rpartition("/")
            rest = f"{last}/{rest}" if rest else last
            if not slash:
                break
        if "/" in name and not name.startswith("@"):  # baseUrl
            for above in ancestors(base):
                for start in ("", "src"):
                    yield "/".join(part for part in (above, start, name) if part)

    def _file(self, path: str, importer: str) -> int | None:
        typed = importer.endswith(_TYPESCRIPT)
        if importer.endswith((".d.ts", ".d.mts", ".d.cts")):
            ends: tuple[str, ...] = (".d.ts", ".d.mts", ".d.cts", ".ts", *_JAVASCRIPT)
        else:
            ends = (*_TYPESCRIPT, *_JAVASCRIPT) if typed else (*_JAVASCRIPT, *_TYPESCRIPT)
        ends += _OTHER

        def candidates() -> Iterator[str]:
            stem, dot, last = path.rpartition(".")
            also = [stem + end for end in _TYPED_OF.get(dot + last, ())]
            yield from [*also, path] if typed else [path, *also]
            yield from (path + end for end in ends)
            yield from ((f"{path}/index{end}" if path else f"index{end}") for end in ends)

        return self.tree.first(candidates())
