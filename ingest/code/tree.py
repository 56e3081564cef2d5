"""A plain folder of source files. Links are not followed, devices and pipes not opened, repositories in it not entered."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from ingest.code.items import Item, Limits, dropped, errored, too_large

VERSION_CONTROL = frozenset({".hg", ".svn", "CVS", ".bzr", "_darcs"})


class Tree:
    """A folder (or one file) below `root`. `skip` says which paths are inputs of their own."""

    def __init__(self, root: str, limits: Limits, skip: Callable[[str], bool], only: str | None = None) -> None:
        self.root, self.limits, self._skip, self._only = root, limits, skip, only

    def paths(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every path below the root that is no folder, sorted folder by folder, with what lstat says."""
        if self._only is not None:
            yield self._only, os.lstat(f"{self.root}/{self._only}")
            return
        left = self.limits.files
        stack = [""]
        while stack:
            prefix = stack.pop()
            try:
                names = sorted(os.listdir(f"{self.root}/{prefix}"))
            except OSError:
                continue  # told by `items`, which tries it too
            folders = []
            for name in names:
                path = prefix + name
                full = f"{self.root}/{path}"
                if self._skip(full):
                    continue
                try:
                    status = os.lstat(full)
                except OSError:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    if name not in VERSION_CONTROL:
                        folders.append(path + "/")
                    continue
                left -= 1
                if left < 0:
                    return
                yield path, status
            stack.extend(reversed(folders))

    def context(self, wanted: Callable[[str], bool]) -> tuple[dict[str, bytes], list[str]]:
        """See `items.Source`."""
        found: dict[str, bytes] = {}
        paths = []
        for path, status in self.paths():
            paths.append(path)
            if wanted(path) and stat.S_ISREG(status.st_mode) and status.st_size <= 1 << 18:
                data = self._read(path)
                if isinstance(data, bytes):
                    found[path] = data
        return found, paths

    def items(self) -> Iterator[Item]:
        """See `items.Source`."""
        number = 0
        for path, status in self.paths():
            number += 1
            mode = status.st_mode
            if stat.S_ISLNK(mode):
                yield Item(path, b"", dropped("symlink", f"{path}: links are not followed"))
            elif path.rpartition("/")[2] == ".git":
                yield Item(
                    path, b"", dropped("git-file", f"{path}: names a repository elsewhere, which is not followed")
                )
            elif not stat.S_ISREG(mode):
                yield Item(path, b"", dropped("not-a-file", f"{path}: a device, pipe or socket"))
            elif status.st_size > self.limits.file_bytes:
                yield Item(path, b"", too_large(status.st_size, self.limits))
            else:
                data = self._read(path)
                if isinstance(data, bytes):
                    yield Item(path, data)
                else:
                    yield Item(path, b"", errored("unreadable", f"{path}: {data.strerror}"))
        if number >= self.limits.files:
            yield Item("", b"", errored("too-many-files", f"more than {self.limits.files:,} files (max_files)"))

    def _read(self, path: str) -> bytes | OSError:
        """The bytes of a file that was a regular one a moment ago."""
        try:
            handle = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    return OSError(0, "is no file any more")
                return stream.read(self.limits.file_bytes + 1)
        except OSError as error:
            return error
