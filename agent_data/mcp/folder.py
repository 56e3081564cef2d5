"""The working folder of a server: what it holds at the start, and what it holds now.

A server may have put anything there: links, pipes, a million files. Nothing but regular files is opened, and no link followed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from agent_data.mcp.failure import ServerFailed
from arcmill.errors import UsageError

MOST_FILES = 20_000


def check_seed(folder: str) -> Path:
    """The folder that episodes begin with. UsageError where it is none, or holds a link that leads out of it."""
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"files: {folder} is not a folder")
    for path in root.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"files: {path} is a link that leads out of {folder}")
    return root


def fill(work: str, seed: Path) -> None:
    """Copy the files of `seed` to the folder `work`."""
    shutil.copytree(seed, work, symlinks=True, dirs_exist_ok=True)


def contents(work: str, most_bytes: int, ignore: tuple[str, ...] = ()) -> dict[str, str]:
    """Path -> SHA-256 of each file, "-> target" of a link, "folder" of an empty one; times and owners do not count.

    `ignore`: patterns of paths (fnmatch), as ".git/index". ServerFailed("flood") beyond `most_bytes` or MOST_FILES.
    """
    found: dict[str, str] = {}
    size = 0
    for path, name in _walk(work, ""):
        if any(fnmatch(name, pattern) for pattern in ignore):
            continue
        if len(found) >= MOST_FILES:
            raise ServerFailed("flood", f"more than {MOST_FILES} files in its folder")
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            found[name] = "-> " + os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            size += status.st_size
            if size > most_bytes:
                raise ServerFailed("flood", f"more than {most_bytes} bytes in its folder")
            found[name] = ("x " if status.st_mode & 0o100 else "") + _digest(path, most_bytes)
        else:
            found[name] = "folder" if stat.S_ISDIR(status.st_mode) else "special"
    return found


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    """(path, name below the root) of all but folders that hold something, in the order of their names."""
    names = sorted(os.listdir(folder), key=os.fsencode)
    for name in names:
        path = os.path.join(folder, name)
        shown = prefix + os.fsencode(name).decode("utf-8", "backslashreplace")
        if os.path.isdir(path) and not os.path.islink(path) and os.listdir(path):
            yield from _walk(path, shown + "/")
        else:
            yield path, shown


def _digest(path: str, most: int) -> str:
    digest = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        read = 0
        while piece := file.read(1 << 20):
            read += len(piece)
            if read > most:
                raise ServerFailed("flood", f"more than {most} bytes in its folder")
            digest.update(piece)
    return digest.hexdigest()
