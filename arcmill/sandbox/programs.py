"""Programs of the host that a sandbox may hold beside its Python, read-only: found, and with the libraries that they load."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arcmill.errors import EngineError

FOLDERS = "/usr/bin:/bin"  # the system's own; what a user's PATH puts before them is not taken
INSIDE = "/usr/bin"
# Debian's packages, for the command that mends; what is not named here is of coreutils.
PACKAGES = {
    "awk": "mawk", "diff": "diffutils", "cmp": "diffutils", "find": "findutils", "xargs": "findutils", "grep": "grep",
    "sed": "sed", "sh": "dash",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """An executable of the host: where it is, and what its loader asks for, by the names under which it does."""

    name: str
    path: str
    libraries: tuple[str, ...]


def missing(names: Sequence[str]) -> list[str]:
    """Those that cannot be had here, in their order."""
    return [name for name in names if not _can_be_had(name)]


def mend(names: Sequence[str]) -> str:
    """The command that brings programs which are missing."""
    return f"apt-get install {' '.join(sorted({PACKAGES.get(name, 'coreutils') for name in names}))}"


def programs(names: Sequence[str]) -> tuple[Program, ...]:
    """Raises EngineError for a name that is none, or a program that cannot be had."""
    for name in names:
        if not name or "/" in name or name.startswith(".") or "\0" in name:
            raise EngineError(f"{name!r} is no name of a program")
    if lacking := missing(names):
        raise EngineError(f"the sandbox cannot have {', '.join(lacking)} of this machine; {mend(lacking)}")
    return tuple(_program(name) for name in names)


@cache
def _can_be_had(name: str) -> bool:
    try:
        _program(name)
    except EngineError:
        return False
    return True


@cache
def _program(name: str) -> Program:
    from arcmill.sandbox.launch import COVERED, readable

    found = shutil.which(name, path=FOLDERS)
    if found is None:
        raise EngineError(f"{name} is not in {FOLDERS}")
    path = os.path.realpath(found)
    libraries = _libraries(path)
    for needed in (path, *libraries):
        if not readable(needed) or needed.startswith(COVERED):
            raise EngineError(f"{name}: {needed} is out of the sandbox's reach")
    return Program(name, path, libraries)


def _libraries(path: str) -> tuple[str, ...]:
    """What the executable's own loader says that it loads, and the loader. Raises EngineError for what is no ELF program."""
    try:
        loader = _loader(Path(path).read_bytes())
        if loader is None:
            return ()
        shown = subprocess.run(
            [loader, "--list", path], capture_output=True, timeout=60, check=True, cwd="/", env={"LC_ALL": "C.UTF-8"}
        ).stdout
    except (OSError, ValueError, IndexError, struct.error, subprocess.SubprocessError) as error:
        raise EngineError(f"{path}: its libraries cannot be told ({error})") from None
    words = (word for line in os.fsdecode(shown).splitlines() for word in line.split())
    return tuple(sorted({loader, *(word for word in words if word.startswith("/"))}))


def _loader(elf: bytes) -> str | None:
    """The program interpreter of a 64-bit little-endian ELF file; None of a static one. ValueError for another file."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit ELF file")
    table, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    for place in range(table, table + size * count, size):
        if struct.unpack_from("<I", elf, place)[0] == 3:  # PT_INTERP
            start, length = struct.unpack_from("<Q", elf, place + 8)[0], struct.unpack_from("<Q", elf, place + 32)[0]
            return os.fsdecode(elf[start : start + length].rstrip(b"\0"))
    return None


def binds(held: Sequence[Program], python: str, there: Sequence[str]) -> list[str]:
    """bubblewrap's arguments for them, at /usr/bin; `python` (also as python3) stands for the sandbox's own interpreter.

    `there` are the paths that are bound already.
    """
    made: list[str] = []
    known = set(there)
    for program in held:
        for source, target in ((program.path, f"{INSIDE}/{program.name}"), *((one, one) for one in program.libraries)):
            if target not in known:
                known.add(target)
                made += ["--ro-bind", source, target]
    for name in ("python3", "python"):
        if f"{INSIDE}/{name}" not in known:
            made += ["--symlink", python, f"{INSIDE}/{name}"]
    if not any(path.startswith("/bin/") for path in known):
        made += ["--symlink", "usr/bin", "/bin"]
    return made
