"""Several raw files as one unit of work, for stages whose rows belong together wherever they were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from arcmill.stage import SourceFile
from arcmill.storage import file_sha256, list_files, locate


@dataclass(frozen=True, slots=True)
class Gathered(SourceFile):
    """Several files as one."""

    files: tuple[SourceFile, ...] = ()


def gathered(urls: Sequence[str], accepts: tuple[str, ...], beside: str) -> list[SourceFile]:
    """One unit of all files that are named, with a digest of them all, and of what is read `beside` them."""
    files = list_files(urls, accepts)
    digest = sha256(beside.encode())
    for file in files:
        try:
            held = file_sha256(*locate(file.path))
        except OSError as error:  # it is errored where it is read
            held = f"unreadable: {error.strerror or type(error).__name__}"
        digest.update(f"{file.name}\0{held}\n".encode("utf-8", "surrogateescape"))
    name = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
    return [Gathered(files[0].path, name, sum(file.size for file in files), digest.hexdigest(), tuple(files))]
