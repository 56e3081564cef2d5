"""The paths of a repository, indexed: what a file's name or the end of its path leads to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence


def folder(path: str) -> str:
    """The folder of a path; "" for the root."""
    return path.rpartition("/")[0]


def join(base: str, path: str) -> str | None:
    """`path` as seen from the folder `base`, without "." and ".."; None where it leaves the repository."""
    steps = base.split("/") if base else []
    for step in path.split("/"):
        if step == "..":
            if not steps:
                return None
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def ancestors(base: str) -> list[str]:
    """A folder and all above it, the nearest first; "" is the last."""
    found = [base]
    while base:
        base = folder(base)
        found.append(base)
    return found


def shared_steps(one: str, other: str) -> int:
    """How many leading steps two folders share."""
    if not one or not other:
        return 0
    count = 0
    for a, b in zip(one.split("/"), other.split("/"), strict=False):
        if a != b:
            break
        count += 1
    return count


class Tree:
    """Paths to numbers. `paths` are unique; a number is a path's place in them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self.numbers = {path: number for number, path in enumerate(paths)}
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.in_folder: dict[str, list[int]] = defaultdict(list)
        self.folders: set[str] = {""}
        for number, path in enumerate(paths):
            base, _, name = path.rpartition("/")
            self.by_name[name].append(number)
            self.in_folder[base].append(number)
            while base not in self.folders:
                self.folders.add(base)
                base = folder(base)
        self._endings: dict[str, list[int]] = {}

    def get(self, path: str | None) -> int | None:
        """The number of a path, if it is there."""
        return None if path is None else self.numbers.get(path)

    def first(self, paths: Iterable[str | None]) -> int | None:
        """The number of the first path that is there."""
        for path in paths:
            if path is not None and (found := self.numbers.get(path)) is not None:
                return found
        return None

    def ending(self, end: str) -> list[int]:
        """All paths that are `end` or end with "/" + `end`."""
        if end not in self._endings:
            tail = "/" + end
            named = self.by_name.get(end.rpartition("/")[2], ())
            self._endings[end] = [n for n in named if self.paths[n] == end or self.paths[n].endswith(tail)]
        return self._endings[end]

    def nearest(self, numbers: Iterable[int], base: str) -> int | None:
        """The path that shares most folders with `base`; of those the shortest, then the first by name."""
        return min(
            numbers,
            key=lambda n: (
                -shared_steps(folder(self.paths[n]), base), self.paths[n].count("/"), self.paths[n]
            ),
            default=None,
        )  # fmt: skip
