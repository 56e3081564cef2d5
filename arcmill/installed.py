"""The distributions that are installed beside arcmill: sorted, and the same wherever the environment lies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, distributions
from pathlib import Path


@dataclass(frozen=True)
class Installed:
    """An installed distribution. `name` is normalised (PEP 503)."""

    name: str
    version: str
    distribution: Distribution

    def files(self) -> list[str]:
        """Paths of its files, with '/', sorted; bytecode and scripts outside the folder are left out."""
        found = {file.as_posix() for file in self.distribution.files or ()}
        return sorted(f for f in found if not f.startswith(("..", "/")) and not f.endswith((".pyc", ".pyo")))

    def locate(self, path: str) -> Path:
        return Path(str(self.distribution.locate_file(path)))


def normalised(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(patterns: Sequence[str] | None = None) -> list[Installed]:
    """Distributions whose name matches one of the globs (None: all), sorted. The first on the path counts."""
    folders = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    found: dict[str, Installed] = {}
    for distribution in distributions(path=folders):
        name = normalised(distribution.metadata["Name"] or "")
        if name and name not in found and (patterns is None or any(fnmatchcase(name, p.lower()) for p in patterns)):
            found[name] = Installed(name, distribution.version, distribution)
    return [found[name] for name in sorted(found)]
