"""The licence of each file of a repository: its own header, else the nearest statement up the tree.

In a folder, what its package metadata states (package.json, Cargo.toml, PKG-INFO …) comes before its licence texts, because
only it can say "either"; several texts are joined by AND, those of Rust's habit (LICENSE-MIT and LICENSE-APACHE) by OR.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingest import spdx
from ingest.code.decode import Text, decode
from ingest.code.package import METADATA_NAMES, described

_TEXT = re.compile(
    r"^(?:un)?licen[cs]es?(?:[._-].*)?$|^copying(?:[._-].*)?$|^copyright(?:\.(?:txt|md))?$|^[\w.]{2,12}[-_]licen[cs]e(?:\.(?:txt|md|rst))?$",
    re.IGNORECASE,
)
_NOT_TEXT = re.compile(
    r"\.(?:py|js|ts|java|go|rs|c|h|cc|cpp|rb|php|cs|sh|html?|json|ya?ml|xml|toml|svg|png|css|tmpl|j2)$", re.IGNORECASE
)
_DIST_INFO = re.compile(r"^[^/]+\.dist-info(?:/licenses)?$")


def wanted(path: str) -> bool:
    """Whether a path is a licence text or the metadata of a package."""
    name = path.rpartition("/")[2]
    if name in METADATA_NAMES:
        return name != "METADATA" or ".dist-info/" in path
    return _TEXT.match(name) is not None and not _NOT_TEXT.search(name)


class Licences:
    """The licences of one repository. `files` are those that are `wanted`, `stated` what its own metadata says."""

    def __init__(self, files: Mapping[str, bytes], stated: str | None) -> None:
        self._folders: dict[str, dict[str, bytes]] = {}
        for path, data in sorted(files.items()):
            folder, _, name = path.rpartition("/")
            if _DIST_INFO.match(folder):
                folder = ""  # a wheel keeps there what belongs to its root
            self._folders.setdefault(folder, {})[f"{path}" if folder == "" and "/" in path else name] = data
        self._known: dict[str, str | None] = {}
        if stated:
            self._known[""] = stated
        self.repository = self._of_folder("")

    def of(self, path: str, text: str) -> str | None:
        """The SPDX expression of a file, or None."""
        return spdx.of_header(text) or self._of_folder(path.rpartition("/")[0])

    def _of_folder(self, folder: str) -> str | None:
        if folder in self._known:
            return self._known[folder]
        found = self._stated(self._folders.get(folder, {}))
        if found is None and folder:
            found = self._of_folder(folder.rpartition("/")[0])
        self._known[folder] = found
        return found

    def _stated(self, files: Mapping[str, bytes]) -> str | None:
        texts: dict[str, str] = {}
        for path, data in files.items():
            name = path.rpartition("/")[2]
            if name in METADATA_NAMES:
                package = described(name, data)
                if package is not None and package.license:
                    return package.license
                continue
            decoded = decode(data)
            if isinstance(decoded, Text) and (found := spdx.of_text(decoded.text) or spdx.of_header(decoded.text)):
                texts[name.upper()] = found
        choice = {texts[name] for name in texts if name.startswith(("LICENSE-MIT", "LICENSE-APACHE"))}
        if choice == {"MIT", "Apache-2.0"} and set(texts.values()) == choice:
            return "Apache-2.0 OR MIT"
        values = set(texts.values())
        for lesser in ("LGPL-3.0-only", "LGPL-3.0-or-later"):
            if lesser in values:  # the lesser licence is a supplement to the text of the other
                values -= {"GPL-3.0-only", "GPL-3.0-or-later"}
        return spdx.both(values)
