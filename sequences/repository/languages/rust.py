"""Rust: `mod` and `use` along the tree of modules, and crates of the same workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, NoGroups, cursor
from sequences.repository.tree import Tree, ancestors, folder, join

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"use", b"mod", b"extern")
_QUERY = "(use_declaration argument: (_) @use) (mod_item !body name: (identifier) @mod) (extern_crate_declaration name: (identifier) @use)"
_TOKEN = re.compile(r"[A-Za-z_0-9]+|::|[{},*]|\bas\b")
_NAME = re.compile(r'^\s*name\s*=\s*"([^"]+)"', re.MULTILINE)
_PATH = re.compile(r'^#\[\s*path\s*=\s*"([^"]+)"')
_TOPS = ("lib.rs", "main.rs")


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """Paths such as `crate::a::B`; `mod x` is `mod::x`, or `=path` of its attribute; within inline modules a `self::` stands for each of them."""
    found = cursor(grammar, _QUERY).captures(root)
    names: set[str] = set()
    for kind in ("use", "mod"):
        for node in found.get(kind, ()):
            inner, above = [], node.parent
            while above is not None:
                if above.type == "mod_item" and above.id != (node.parent.id if node.parent else None):
                    name = above.child_by_field_name("name")
                    if name is not None:
                        inner.append(source[name.start_byte : name.end_byte].decode("utf-8", "replace"))
                above = above.parent
            text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
            prefix = "".join(f"<{name}>" for name in reversed(inner))
            paths = _module(node, text, source) if kind == "mod" else _flat(text)
            names.update(prefix + path for path in paths)
    return sorted(names), []


def _module(name: Node, text: str, source: bytes) -> list[str]:
    """A declared module, or the file that an attribute `path` gives for it."""
    above = name.parent.prev_named_sibling if name.parent else None
    while above is not None and above.type == "attribute_item":
        found = _PATH.search(source[above.start_byte : above.end_byte].decode("utf-8", "replace"))
        if found:
            return [f"={found.group(1)}"]
        above = above.prev_named_sibling
    return [f"mod::{text}"]


def _flat(text: str) -> list[str]:
    """`a::{b, c::{D, E as F}}` as `a::b`, `a::c::D`, `a::c::E`."""
    found: list[str] = []
    starts: list[list[str]] = [[]]
    path: list[str] = []
    skip = False
    for token in _TOKEN.findall(text):
        if token == "{":
            starts.append(path)
            path = list(path)
        elif token in ",}":
            if path != starts[-1] or token == ",":
                found.append("::".join(path))
            if token == "}" and len(starts) > 1:
                starts.pop()
                path, skip = [], True  # what a closed group stood for is written already
                continue
            path, skip = list(starts[-1]), False
        elif token == "as":
            skip = True
        elif token not in ("::", "*") and not skip:
            path.append(token)
    if not skip or path:
        found.append("::".join(path))
    return [one for one in found if one]


def manifest(text: str) -> list[str]:
    """The name of the package in a Cargo.toml."""
    package = text.partition("[package]")[2].partition("\n[")[0]
    found = _NAME.search(package)
    return [found.group(1).replace("-", "_")] if found else []


class Resolver(NoGroups):
    """A path is followed from module to module as far as files go; what is left names an item."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        super().__init__()
        self.files, self.tree = files, tree
        self._crates: dict[str, str] = {}
        for file in files:
            base, _, name = file.path.rpartition("/")
            if file.declares and name == "Cargo.toml":
                self._crates.setdefault(file.declares[0], f"{base}/src" if base else "src")
        for file in files:
            if file.path == "src/lib.rs":
                self._crates.setdefault(repo.rpartition("/")[2].replace("-", "_"), "src")
            elif file.path.endswith("/src/lib.rs"):
                crate = folder(folder(file.path)).rpartition("/")[2].replace("-", "_")
                self._crates.setdefault(crate, folder(file.path))

    def _source(self, base: str) -> str | None:
        """The folder that holds the crate's lib.rs or main.rs."""
        for above in ancestors(base):
            if any(self.tree.get(f"{above}/{top}" if above else top) is not None for top in _TOPS):
                return above
        return None

    def _module_folder(self, path: str) -> str:
        """Where the child modules of a file lie."""
        base, _, name = path.rpartition("/")
        stem = name.removesuffix(".rs")
        if stem in ("mod", "lib", "main"):
            return base
        if base.rpartition("/")[2] in ("tests", "benches", "examples", "bin"):
            return base  # a crate of its own, whose modules lie beside it
        return f"{base}/{stem}" if base else stem

    def _walk(self, start: str, steps: Sequence[str]) -> int | None:
        """The file of the module that the longest beginning of `steps` names; None where even the first is no file."""
        found = None
        here = start
        for step in steps:
            here = f"{here}/{step}" if here else step
            target = self.tree.first((f"{here}.rs", f"{here}/mod.rs"))
            if target is None and here not in self.tree.folders:
                break
            found = target if target is not None else found
        return found

    def _file_of(self, place: str) -> int | None:
        """The file of the module whose children lie in `place`."""
        inside = [f"{place}/{name}" if place else name for name in ("mod.rs", *_TOPS)]
        return self.tree.first([f"{place}.rs" if place else None, *inside])

    def targets(self, number: int) -> set[int]:
        file = self.files[number]
        found = {self._target(name, file.path) for name in file.imports}
        return {target for target in found if target is not None}

    def _target(self, name: str, path: str) -> int | None:
        here = self._module_folder(path)
        while name.startswith("<"):  # an inline module: its place is one step deeper, though no file stands for it
            inner, _, name = name[1:].partition(">")
            here = f"{here}/{inner}" if here else inner
        if name.startswith("="):
            return self.tree.get(join(folder(path), name[1:]))
        first, _, rest = name.partition("::")
        steps = rest.split("::") if rest else []
        if first == "mod":
            return self._walk(here, steps)
        if first == "crate":
            source = self._source(folder(path))
            return None if source is None else self._from(source, steps)
        if first in ("self", "super"):
            while first == "super":
                here = folder(here)
                first = steps[0] if steps else ""
                if first == "super":
                    steps = steps[1:]
            return self._from(here, steps)
        child = self._walk(here, [first, *steps])
        if child is not None:
            return child
        return self._from(self._crates[first], steps) if first in self._crates else None

    def _from(self, place: str, steps: Sequence[str]) -> int | None:
        found = self._walk(place, steps)
        return found if found is not None else self._file_of(place)
