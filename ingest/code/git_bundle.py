"""Bundles of git: a list of references and a pack (format: git's gitformat-bundle), read as a repository."""

from __future__ import annotations

import hashlib
import re

from ingest.code.git_objects import CEILING, NAMES, Corrupt, Missing, Objects, Pack, TooLarge
from ingest.code.git_repository import HEX, BadRepository, Repository

BUNDLE = re.compile(rb"\A# v([23]) git bundle\n")
_MAX_REFERENCES = 64 << 20  # bytes of the list


def open_bundle(path: str) -> Repository:
    """Open a bundle of versions 2 and 3 (format: git's gitformat-bundle). It is indexed in memory; raises BadRepository."""
    references, start, prerequisites = bundle_references(path)
    index: dict[bytes, int] = {}
    try:
        with open(path, "rb") as stream:
            pack = Pack(stream, start, index.get, 20)
    except (Corrupt, ValueError, OSError) as error:
        raise BadRepository("corrupt", f"the bundle's pack: {error}") from None
    try:
        _index(pack, index)
    except (Corrupt, Missing) as error:
        pack.close()
        why = "it builds on commits that it does not hold" if prerequisites else str(error)
        raise BadRepository("incomplete" if prerequisites else "corrupt", why) from None
    return Repository(Objects([pack], None, 20), references.get, None)


def bundle_references(path: str) -> tuple[dict[str, str], int, int]:
    """(references with HEAD, byte at which the pack begins, number of prerequisites). Raises BadRepository."""
    references: dict[str, str] = {}
    prerequisites = 0
    with open(path, "rb") as stream:
        if not BUNDLE.match(stream.readline(64)):
            raise BadRepository("unsupported", "not a bundle of version 2 or 3")
        while (line := stream.readline(1 << 16)) != b"\n":
            if not line.endswith(b"\n") or stream.tell() > _MAX_REFERENCES:
                raise BadRepository("corrupt", "the bundle's list of references is cut")
            if line.startswith(b"@object-format=") and line.strip() != b"@object-format=sha1":
                raise BadRepository("unsupported", "a bundle of another object format")
            if line.startswith((b"@", b"-")):
                prerequisites += line.startswith(b"-")
                continue
            digits, _, name = line.decode("utf-8", "replace").strip().partition(" ")
            if not HEX.match(digits):
                raise BadRepository("corrupt", "the bundle's list of references is broken")
            references[name] = digits
        start = stream.tell()
    if "HEAD" not in references:
        heads = sorted(name for name in references if name.startswith("refs/heads/"))
        usual = [name for name in ("refs/heads/main", "refs/heads/master", "refs/heads/trunk") if name in heads]
        for name in (usual or heads or sorted(references))[:1]:
            references["HEAD"] = references[name]
    return references, start, prerequisites


def _index(pack: Pack, index: dict[bytes, int]) -> None:
    """Fill the index of a pack that has none: ids of whole objects while passing, those of deltas by making them."""
    waiting: list[int] = []
    for start, kind, _, name in pack.entries():
        if kind in NAMES:
            index[name] = start
        else:
            waiting.append(start)
    while waiting:
        later: list[int] = []
        for start in waiting:
            try:
                kind, data = pack.read(start, CEILING)
            except TooLarge:
                continue  # it can never be a document, and what is built on it neither
            except Missing:
                later.append(start)
                continue
            index[hashlib.sha1(b"%s %d\0" % (NAMES[kind], len(data)) + data).digest()] = start
        if len(later) == len(waiting):
            raise Missing("the base of a delta is not in the bundle")
        waiting = later
