"""Fetches the packages of `default_packages.tsv` by name and version with the registries' own clients, and unpacks them.

Nothing of a package is run by us: wheels, npm packages and Debian packages are only unpacked. pip itself asks an sdist's
build backend for its metadata before it keeps the file; only packages where that needs no compiler are in the table.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from arcmill.errors import EngineError
from filters.code_quality.default_corpus import Package

__all__ = ["fetch"]


def fetch(package: Package, root: Path) -> Path:
    """The folder of an unpacked package below `root`, fetched unless it is there. EngineError where the client fails."""
    folder = root / package.folder
    if folder.exists():
        return folder
    scratch = root / "fetched" / package.folder
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    done = subprocess.run(_command(package), cwd=scratch, capture_output=True, text=True)
    files = sorted(path for path in scratch.iterdir() if path.is_file())
    if done.returncode or len(files) != 1:
        raise EngineError(f"{package.registry} {package.name} {package.version}: {done.stderr.strip()[-300:]}")
    unpacked = scratch / "unpacked"
    unpacked.mkdir()
    _unpack(files[0], unpacked)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unpacked.rename(folder)
    shutil.rmtree(scratch)
    return folder


def _command(package: Package) -> list[str]:
    pinned = f"{package.name}=={package.version}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    return {
        "pypi": [*pip, "--only-binary", ":all:", pinned],
        "sdist": [*pip, "--no-build-isolation", "--no-binary", ":all:", pinned],
        "npm": ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        "deb": ["apt-get", "download", f"{package.name}={package.version}"],
    }[package.registry]


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
