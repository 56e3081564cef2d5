"""Per language: which names a file imports, and which files of its repository those names mean.

A module of this package has `imports(tree, source, grammar) -> (imports, declares)`, names as strings that only its
own `Resolver` reads, `HINTS`, byte strings without any of which a file imports nothing and need not be parsed, where all imports come first
`head(source)`, the beginning that holds them, and `needs_all(imports)`, whether the rest is needed all the same, and
`Resolver(files, tree, repo)`, whose `targets(number)` are numbers of files, or names of `groups`: many files that are
imported as one, such as a Go package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tree_sitter import Node, QueryCursor

    from sequences.repository.tree import Tree


@dataclass(slots=True)
class File:
    """A file as the plan knows it: everything but its text."""

    path: str
    family: str | None = None  # a grammar, a key of FAMILIES
    imports: Sequence[str] = ()
    declares: Sequence[str] = ()
    tokens: int = 0
    test: bool = False
    id: str = ""
    created: str = ""
    place: tuple[int, int, int] = (0, 0, 0)  # input, part, row


class Resolver(Protocol):
    """Names to files, for the files of one language in one repository."""

    groups: dict[str, list[int]]

    def targets(self, number: int) -> Iterable[int | str]:
        """What file `number` imports of its own repository."""


# Grammar of `arcmill.syntax`: the module here that reads it.
FAMILIES = {
    "python": "python", "javascript": "ecmascript", "typescript": "ecmascript", "tsx": "ecmascript", "java": "java",
    "go": "go", "rust": "rust", "c": "c", "c++": "c",
}  # fmt: skip
_SUFFIXES = {
    ".py": "python", ".pyi": "python", ".pyw": "python", ".js": "javascript", ".jsx": "javascript",
    ".mjs": "javascript", ".cjs": "javascript", ".ts": "typescript", ".mts": "typescript", ".cts": "typescript",
    ".tsx": "tsx", ".java": "java", ".go": "go", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "c++", ".cpp": "c++",
    ".cxx": "c++", ".hpp": "c++", ".hh": "c++", ".hxx": "c++", ".ipp": "c++", ".inl": "c++", ".tcc": "c++",
}  # fmt: skip
# Files that are not code, but name a module: the family that reads them.
MANIFESTS = {"go.mod": "go", "Cargo.toml": "rust", "package.json": "ecmascript"}


def grammar_of(path: str, language: str | None) -> str | None:
    """The grammar for a file, by its Document's language, or by its name where that is not told."""
    suffix = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else ""
    if language is None:
        return _SUFFIXES.get(suffix)
    if language == "typescript" and suffix == ".tsx":
        return "tsx"
    return language if language in FAMILIES else None


@cache
def family(name: str) -> Any:
    """The module of a family."""
    return import_module(f"sequences.repository.languages.{name}")


@cache
def cursor(grammar: str, query: str) -> QueryCursor:
    """A query, compiled once a process."""
    from tree_sitter import Query, QueryCursor

    from arcmill.syntax import parser

    found = parser(grammar)
    assert found is not None and found.language is not None
    return QueryCursor(Query(found.language, query))


def texts(nodes: Iterable[Node], source: bytes) -> list[str]:
    """The source text of nodes."""
    return [source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes]


@dataclass
class NoGroups:
    """For resolvers whose names always mean single files."""

    groups: dict[str, list[int]] = field(default_factory=dict)


def resolvers(files: Sequence[File], tree: Tree, repo: str) -> Mapping[str, Resolver]:
    """A resolver for each family that occurs."""
    names = sorted({FAMILIES[file.family] for file in files if file.family in FAMILIES})
    return {name: family(name).Resolver(files, tree, repo) for name in names}
