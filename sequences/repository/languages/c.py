"""C and C++: includes relative to the file, else by the end of the path, the nearest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sequences.repository.languages import File, NoGroups, cursor, texts
from sequences.repository.tree import Tree, folder, join

if TYPE_CHECKING:
    from tree_sitter import Node

HINTS = (b"include",)
_QUERY = "(preproc_include path: [(string_literal) (system_lib_string)] @path)"
# Headers of C, POSIX and C++ that a repository may hold too, in a compatibility folder that few includes mean.
_SYSTEM = frozenset(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
    "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype unistd fcntl pthread "
    "dirent dlfcn poll sched semaphore strings syslog termios netdb memory malloc alloca windows getopt version".split()
)


def imports(root: Node, source: bytes, grammar: str) -> tuple[list[str], list[str]]:
    """Names with their quotes or angle brackets."""
    found = cursor(grammar, _QUERY).captures(root).get("path", ())
    return sorted({name for name in texts(found, source) if len(name) > 2}), []


class Resolver(NoGroups):
    """Include folders are not known, so any path that ends with the name will do."""

    def __init__(self, files: Sequence[File], tree: Tree, repo: str) -> None:
        super().__init__()
        self.files, self.tree = files, tree
        self._seen: dict[tuple[str, str], int | None] = {}

    def targets(self, number: int) -> set[int]:
        base = folder(self.files[number].path)
        found = set()
        for name in self.files[number].imports:
            key = (name, base)
            if key not in self._seen:
                self._seen[key] = self._target(name, base)
            found.add(self._seen[key])
        return {target for target in found if target is not None}

    def _target(self, quoted: str, base: str) -> int | None:
        name = quoted[1:-1].replace("\\", "/")
        if quoted[0] == '"' and (found := self.tree.get(join(base, name))) is not None:
            return found
        plain = name
        while plain.startswith(("../", "./")):
            plain = plain.partition("/")[2]
        if not plain or (plain != name and quoted[0] == "<"):
            return None
        if quoted[0] == "<" and "/" not in plain and plain.removesuffix(".h") in _SYSTEM:
            return None
        return self.tree.nearest(self.tree.ending(plain), base)
