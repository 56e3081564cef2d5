"""What a Python environment holds: modules of the standard library, installed distributions and their files.

Everything is sorted by name and nothing depends on the clock, the user or the place on disk. Only
`site-packages` and `dist-packages` count as installed, so the folder that a command is started from adds
nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from arcmill.installed import Installed, installed

# Written in C, of use to a reader, and without any effect when they are imported.
EXTENSION_MODULES = (
    "array", "atexit", "binascii", "builtins", "cmath", "errno", "faulthandler", "fcntl", "gc", "grp",
    "itertools", "marshal", "math", "mmap", "posix", "pwd", "pyexpat", "resource", "select", "sys",
    "syslog", "termios", "time", "unicodedata", "zlib",
)  # fmt: skip
_TESTS = frozenset({"test", "tests", "testing", "idle_test", "conftest.py", "site-packages", "dist-packages"})
_LICENSE = re.compile(r"(^|[._/-])(un)?licen[cs]es?([._-]|$)|^(copying|notice|copyright)([._-]|$)", re.IGNORECASE)
_LICENSE_SUFFIXES = frozenset({"", ".txt", ".md", ".rst", ".apache", ".bsd", ".mit", ".lesser", ".apache2"})
# Written at installation: they hold paths of the machine, or say who installed.
_OF_THE_MACHINE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


@cache
def standard_library() -> dict[str, Path]:
    """Standard library: module name -> source, sorted; without tests and what describes the machine."""
    root = Path(sysconfig.get_path("stdlib"))
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f.isidentifier() and f not in _TESTS and f != "__pycache__"]
        for name in names:
            if name.endswith(".py") and not name.startswith(("_sysconfigdata", "test_")):
                path = Path(folder, name)
                found[module_name(path.relative_to(root).as_posix())] = path
    return dict(sorted(found.items()))


def module_name(path: str) -> str:
    """`a/b/__init__.py` -> `a.b`, `a/c.py` -> `a.c`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def module_files(files: Sequence[str]) -> list[str]:
    """Python modules among the files of a distribution, those nearest the root first, without tests."""
    chosen = [
        file for file in files
        if file.endswith(".py") and "/test_" not in f"/{file}" and not _TESTS & set(file.split("/"))
    ]  # fmt: skip
    return sorted(chosen, key=lambda file: (file.count("/") - file.endswith("/__init__.py"), file))


def license_files(files: Sequence[str]) -> list[str]:
    """Licence texts among the files of a distribution."""
    chosen = []
    for file in files:
        folder, _, name = file.rpartition("/")
        marked = _LICENSE.search(name) or _LICENSE.search(folder.rpartition("/")[2])
        suffix = os.path.splitext(name)[1].lower()
        # "LICENSE.Apache-2.0" and the like have no suffix that means a format
        if marked and (suffix in _LICENSE_SUFFIXES or suffix[1:].isdigit()) and "author" not in name.lower():
            chosen.append(file)
    return chosen


def document_files(files: Sequence[str]) -> list[str]:
    """Markdown and reStructuredText among the files of a distribution that is not a licence."""
    licenses = set(license_files(files))
    return [f for f in files if f.endswith((".md", ".rst")) and f not in licenses and "author" not in f.lower()]


def digest(patterns: Sequence[str] | None) -> str:
    """SHA-256 of what the environment holds: Python, the sizes of its library, the hashes in each RECORD."""
    sha = hashlib.sha256()
    sha.update(f"python {sys.implementation.name} {sys.version.split()[0]}\n".encode())
    for name, path in standard_library().items():
        sha.update(f"{name} {path.stat().st_size}\n".encode())
    for item in installed(patterns):
        sha.update(f"{item.name} {item.version}\n".encode())
        for line in _recorded(item):
            sha.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return sha.hexdigest()


def _recorded(item: Installed) -> Iterator[str]:
    record = item.distribution.read_text("RECORD")
    if record is None:  # installed by the system: the metadata alone must tell
        yield item.distribution.read_text("METADATA") or item.distribution.read_text("PKG-INFO") or ""
        return
    for line in sorted(record.splitlines()):
        path = line.partition(",")[0].strip('"')
        if not path.startswith(("..", "/")) and "__pycache__" not in path and not path.endswith(_OF_THE_MACHINE):
            yield line
