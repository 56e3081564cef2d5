"""What the readers of repositories, archives and trees give: files, and what is left out with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from arcmill.stage import Outcome

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Item(NamedTuple):
    """A regular file with its bytes, or a path with the reason why it is none."""

    path: str  # with '/', relative to the root of what is read
    data: bytes
    outcome: Outcome | None = None


class Limits(NamedTuple):
    """Bounds on what one repository, archive or tree may ask of this machine."""

    file_bytes: int  # of one file
    files: int  # entries of one input
    total_bytes: int  # of all that is decompressed of one input
    ratio: int  # decompressed bytes for each stored byte, beyond the first MiB


class Source(Protocol):
    """One repository, archive or tree, opened for reading."""

    def context(self, wanted: Callable[[str], bool]) -> tuple[dict[str, bytes], list[str]]:
        """The small files whose path is wanted (licences, package metadata), and all paths, before any is given out."""

    def items(self) -> Iterator[Item]:
        """Every entry in a fixed order. Damage is an errored item, never an exception."""


def dropped(rule: str, detail: str, score: float | None = None, threshold: float | None = None) -> Outcome:
    """A ledger entry for what is left out on purpose."""
    return Outcome(rule, score=score, threshold=threshold, detail=detail)


def errored(rule: str, detail: str) -> Outcome:
    """A ledger entry for what is damaged, or asks for too much."""
    return Outcome(rule, "errored", detail=detail)


def too_large(size: int, limits: Limits) -> Outcome:
    """A file over `max_file_bytes`."""
    return dropped("too-large", f"{size:,} bytes", size, limits.file_bytes)


def unsafe(path: str) -> str | None:
    """Why a path could lead out of the folder that it is unpacked in, or None: it is an ordinary relative path."""
    parts = path.split("/")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":" and path[0].isalpha()):
        return "an absolute path"
    if ".." in parts:
        return "a path with '..'"
    if "\\" in path:
        return "a path with a backslash"
    if not path or "" in parts or "." in parts or any(part.lower() == ".git" for part in parts):
        return "not a path that git or tar would make"
    if len(path) > 4096 or _CONTROL.search(path):
        return "control characters or too long"
    return None
