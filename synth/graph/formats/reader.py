"""What formats have in common: a reader of one file, and names of files in folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from arcmill.stage import SourceFile
from synth.graph.facts import Read, dropped

Reader = Callable[[SourceFile], Iterator[Read]]
Folder = Mapping[str, SourceFile]


def base(file: SourceFile) -> str:
    """The last part of its path."""
    return file.path.rpartition("/")[2]


def folder_of(file: SourceFile) -> str:
    """The folder it lies in."""
    return file.path.rpartition("/")[0]


def skipped(file: SourceFile, why: str) -> Iterator[Read]:
    """A file that is left out: one row of the ledger."""
    yield dropped("no-graph-file", file.name, why)
