"""The Documents of a forge, of any origin: their ids, texts and metadata."""

from __future__ import annotations

from collections.abc import Mapping

from arcmill.records import Document, stable_id


def document(
    source: str,
    repo: str,
    kind: str,
    key: str,
    text: str,
    created: str | None,
    facts: Mapping[str, str | None],
    license_: str | None = None,
) -> Document:
    """A Document of a kind (issue, pull, review, commit); `key` tells it from others of its kind in the repository."""
    metadata = {"kind": kind} | {name: value for name, value in facts.items() if value}
    return Document(
        stable_id("forge", repo.lower(), kind, key), text.strip() + "\n", source, repo=repo, created=created, license=license_,
        metadata=dict(sorted(metadata.items())),
    )  # fmt: skip
