"""The files of one commit of a git repository, as items."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator

from ingest.code.git_objects import Corrupt, Missing, TooLarge
from ingest.code.git_repository import Entry, Repository
from ingest.code.items import Item, Limits, dropped, errored, too_large, unsafe


class Revision:
    """The tree of a commit."""

    def __init__(self, repository: Repository, tree: bytes, limits: Limits) -> None:
        self._repository, self._limits = repository, limits
        self._entries: list[Entry] = []
        self._broken: str | None = None
        try:
            self._entries.extend(repository.entries(tree, limits.files))
        except (Corrupt, Missing, TooLarge) as error:
            # What was listed before the damage is still read.
            self._broken = str(error)

    def context(self, wanted: Callable[[str], bool]) -> tuple[dict[str, bytes], list[str]]:
        """See `items.Source`."""
        found: dict[str, bytes] = {}
        for path, mode, name in self._entries:
            if wanted(path) and stat.S_ISREG(mode):
                try:
                    found[path] = self._repository.blob(name, 1 << 18)
                except (Missing, Corrupt, TooLarge):
                    continue  # told when its turn comes
        return found, [entry.path for entry in self._entries]

    def items(self) -> Iterator[Item]:
        """See `items.Source`."""
        for path, mode, name in self._entries:
            if why := unsafe(path):
                yield Item(path, b"", dropped("unsafe-path", f"{path!r}: {why}"))
            elif stat.S_ISLNK(mode):
                yield Item(path, b"", dropped("symlink", f"{path}: links are not followed"))
            elif mode & 0o170000 == 0o160000:
                yield Item(path, b"", dropped("submodule", f"{path}: at commit {name.hex()}, not followed"))
            else:
                yield self._file(path, name)
        if self._broken:
            yield Item("", b"", errored("corrupt", f"the rest of the tree: {self._broken}"))

    def _file(self, path: str, name: bytes) -> Item:
        try:
            return Item(path, self._repository.blob(name, self._limits.file_bytes))
        except TooLarge as error:
            return Item(path, b"", too_large(error.size, self._limits))
        except Missing as error:
            return Item(path, b"", errored("missing-object", f"{path}: {error}"))
        except Corrupt as error:
            return Item(path, b"", errored("corrupt", f"{path}: {error}"))
