"""What a package says of itself in its own files: kind, name, version, licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.parser import HeaderParser
from email.policy import compat32
from typing import Any, NamedTuple

import orjson

from ingest.spdx import loose

METADATA_NAMES = frozenset({"PKG-INFO", "METADATA", "package.json", "Cargo.toml", "pyproject.toml", "composer.json"})
_WHEEL = re.compile(r"^[^/]+\.dist-info/METADATA$")
_SPDX = re.compile(r"^[\w.+-]+$")


class Package(NamedTuple):
    """A field is None where the package does not say it, or says it wrongly."""

    kind: str  # sdist, wheel, npm, crate, or "" for any other
    name: str | None = None
    version: str | None = None
    license: str | None = None


def of_root(files: Mapping[str, bytes]) -> Package:
    """The package whose root folder the files are in."""
    if "PKG-INFO" in files:
        return _python(files["PKG-INFO"], "sdist")
    if wheel := next((path for path in sorted(files) if _WHEEL.match(path)), None):
        return _python(files[wheel], "wheel")
    for name, kind in (("package.json", "npm"), ("Cargo.toml", "crate"), ("pyproject.toml", ""), ("composer.json", "")):
        if name in files:
            found = described(name, files[name])
            if found is not None:
                return found._replace(kind=kind)
    return Package("")


def described(name: str, data: bytes) -> Package | None:
    """The package that a metadata file of this name describes; None where it cannot be read."""
    if name in ("PKG-INFO", "METADATA"):
        return _python(data, "")
    try:
        if name.endswith(".json"):
            return _json(orjson.loads(data))
        import tomllib

        return _toml(tomllib.loads(data.decode("utf-8")))
    except (ValueError, RecursionError, UnicodeDecodeError):
        return None


def _python(data: bytes, kind: str) -> Package:
    message = HeaderParser(policy=compat32).parsestr(data.decode("utf-8", "replace"))

    def field(name: str) -> str:
        return str(message.get(name) or "").strip()

    from ingest.environment_licenses import spdx

    classifiers = [str(value) for value in message.get_all("Classifier") or []]
    license_ = spdx(field("License-Expression"), field("License"), classifiers, ())
    return Package(kind, _plain(field("Name")), _plain(field("Version")), license_)


def _json(data: Any) -> Package | None:
    if not isinstance(data, dict):
        return None
    held = data.get("license", data.get("licenses"))
    if isinstance(held, dict):
        held = held.get("type")
    if isinstance(held, list):
        names = [entry.get("type") if isinstance(entry, dict) else entry for entry in held]
        held = " OR ".join(str(name) for name in names if name)
    return Package(
        "", _plain(data.get("name")), _plain(data.get("version")), loose(held if isinstance(held, str) else None)
    )


def _toml(data: dict[str, Any]) -> Package:
    table: Any = data.get("package") or data.get("project") or {}
    table = table if isinstance(table, dict) else {}
    held = table.get("license")
    if isinstance(held, dict):
        held = held.get("text") if _SPDX.match(str(held.get("text"))) else None
    return Package(
        "", _plain(table.get("name")), _plain(table.get("version")), loose(held if isinstance(held, str) else None)
    )


def _plain(value: Any) -> str | None:
    """A short string that can stand in a column."""
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= 214 and value.isprintable() else None
