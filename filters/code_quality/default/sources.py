"""Fetches the packages of `packages.tsv` by name and version with the registries' own clients, and unpacks them.

Nothing of a package is run by us: wheels, npm packages and Debian packages are only unpacked. pip itself asks an sdist's
build backend for its metadata before it keeps the file; only packages where that needs no compiler are in the table.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from arcmill.errors import EngineError
from filters.code_quality.default.corpus import SUFFIXES, Package

__all__ = ["fetch"]

_BATCH = {"pypi": 20, "sdist": 1, "npm": 20, "deb": 60}  # packages for one start of a client, which may take seconds


def fetch(packages: Iterable[Package], root: Path) -> None:
    """Put each package into its folder below `root`, unless it is there; only source files are kept.

    EngineError names the packages that a client could not bring.
    """
    missing = [package for package in packages if not (root / package.folder).exists()]
    failed: list[str] = []
    for registry, size in _BATCH.items():
        some = [package for package in missing if package.registry == registry]
        for start in range(0, len(some), size):
            failed += _fetched(some[start : start + size], root)
    if failed:
        raise EngineError(f"{len(failed)} packages could not be fetched: {'; '.join(failed)}")


def _fetched(packages: list[Package], root: Path) -> list[str]:
    """What went wrong, by package. A batch that fails is tried again, each package on its own."""
    scratch = root / "fetched"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    done = subprocess.run(_command(packages), cwd=scratch, capture_output=True, text=True)
    failed: list[Package] = []
    for package in packages:
        files = [path for path in scratch.iterdir() if path.is_file() and _is_of(path.name, package)]
        if len(files) == 1:
            _unpacked(files[0], root / package.folder)
        else:
            failed.append(package)
    shutil.rmtree(scratch)
    if failed and len(packages) > 1:
        return [message for package in failed for message in _fetched([package], root)]
    return [f"{one.registry} {one.name} {one.version}: {done.stderr.strip()[-300:]}" for one in failed]


def _command(packages: list[Package]) -> list[str]:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    start, between = {
        "pypi": ([*pip, "--only-binary", ":all:"], "=="),
        "sdist": ([*pip, "--no-build-isolation", "--no-binary", ":all:"], "=="),
        "npm": (["npm", "pack", "--silent"], "@"),
        "deb": (["apt-get", "download"], "="),
    }[packages[0].registry]
    return [*start, *(f"{package.name}{between}{package.version}" for package in packages)]


def _is_of(file: str, package: Package) -> bool:
    """Whether a client gave a file this name for the package."""
    if package.registry == "npm":
        return file == f"{package.name.replace('@', '').replace('/', '-')}-{package.version}.tgz"
    if package.registry == "deb":
        return file.startswith(f"{package.name}_")
    wanted = re.sub(r"[-_.]+", "-", f"{package.name}-{package.version}".lower())
    return re.sub(r"[-_.]+", "-", file.lower()).startswith(wanted)


def _unpacked(file: Path, folder: Path) -> None:
    """Unpack beside the archive, drop what is no source file, and move the rest to its place."""
    unpacked = file.parent / "unpacked"
    unpacked.mkdir()
    _unpack(file, unpacked)
    for path in list(unpacked.rglob("*")):
        if path.is_symlink() or (path.is_file() and path.suffix not in SUFFIXES):
            path.unlink()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unpacked.rename(folder)


def _unpack(file: Path, folder: Path) -> None:
    if file.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(file), str(folder)], check=True)
        for archive in sorted(folder.rglob("src.zip")):  # of a JDK
            if archive.is_file() and not archive.is_symlink():
                _unpack(archive, folder / "s")
    elif file.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(file) as archive_file:
            archive_file.extractall(folder)
    else:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")
