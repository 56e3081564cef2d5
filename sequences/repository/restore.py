"""The pieces of a context again, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from arcmill.errors import InputError
from arcmill.records import Document


class Piece(NamedTuple):
    """A file or post of a context. `path` is the title of a post."""

    id: str
    path: str
    text: str


def restore(document: Document) -> Iterator[Piece]:
    """The pieces of a Document that concat-repo made, in order. InputError where `metadata["files"]` does not fit it."""
    data = document.text.encode("utf-8")
    try:
        files = json.loads((document.metadata or {})["files"])
        spans = [(file["id"], file["path"], int(file["start"]), int(file["bytes"])) for file in files]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"document {document.id}: metadata 'files' is not that of a context ({error})") from None
    before = 0
    for id, path, start, size in spans:
        if start < before or size < 0 or start + size > len(data):
            raise InputError(f"document {document.id}: {path} is said to be at bytes {start} to {start + size}")
        before = start + size
        try:
            yield Piece(id, path, data[start:before].decode("utf-8"))
        except UnicodeDecodeError:
            raise InputError(f"document {document.id}: the bytes of {path} begin or end within a character") from None
