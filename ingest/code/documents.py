"""From the files of one repository, archive or tree to Documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome
from arcmill.syntax import LANGUAGE_KEY
from ingest import spdx
from ingest.code.decode import Text, decode
from ingest.code.items import Item, Source, dropped
from ingest.code.language import detect
from ingest.code.licences import Licences
from ingest.code.marks import tags

if TYPE_CHECKING:
    from ingest.code.stage import IngestCode


class Origin(NamedTuple):
    """Whose files they are. `revision` is the commit, the version, or the name of the input: what ids are made of."""

    kind: str  # git, sdist, wheel, npm, crate, archive or tree
    repo: str
    revision: str
    created: str | None = None  # ISO 8601, UTC
    commit: str | None = None
    version: str | None = None

    def key(self, path: str) -> str:
        """The id of the Document of a path."""
        return stable_id(self.kind, self.repo, self.revision, path)


class Described(NamedTuple):
    """What a source file is, as every ingest stage says it."""

    language: str | None
    tags: list[str]

    def metadata(self) -> dict[str, str]:
        """For Document.metadata."""
        return {LANGUAGE_KEY: self.language} if self.language else {}


def describe(path: str, text: str) -> Described:
    """Language and tags of a source file by its path in the repository and its text."""
    language = detect(path, text)
    return Described(language, tags(path, language, text))


def documents(source: Source, origin: Origin, licences: Licences, config: IngestCode) -> Iterator[Document | Failure]:
    """Every file of a source as a Document, or the reason why it is none."""
    allowed = allowed_licences(config.licenses)
    for number, item in enumerate(source.items()):
        key = origin.key(item.path or f"#{number}")
        try:
            made = item.outcome or _document(item, key, origin, licences, allowed, config)
        except Exception as error:  # a file that breaks a rule must not end its repository
            made = Outcome("unreadable", "errored", detail=f"{item.path}: {type(error).__name__}: {error}")
        if isinstance(made, Outcome):
            yield Failure(key, _at(made, origin))
        else:
            yield made


def _at(outcome: Outcome, origin: Origin) -> Outcome:
    from dataclasses import replace

    return replace(outcome, detail=f"{origin.repo}: {outcome.detail or ''}")


def _document(
    item: Item, key: str, origin: Origin, licences: Licences, allowed: Collection[str] | None, config: IngestCode
) -> Document | Outcome:
    decoded = decode(item.data)
    if not isinstance(decoded, Text):
        return dropped(decoded, item.path)
    if not decoded.text.strip():
        return dropped("empty", item.path)
    license_ = licences.of(item.path, decoded.text)
    if allowed is not None and not spdx.allows(license_, allowed):
        return dropped("license", f"{item.path}: {license_ or 'none found'}")
    described = describe(item.path, decoded.text)
    if unwanted := next((tag for tag in described.tags if tag in config.drop_tags), None):
        return dropped(unwanted, item.path)
    metadata = described.metadata() | {"kind": origin.kind}
    facts = {"commit": origin.commit, "version": origin.version, "repository_license": licences.repository,
             "charset": decoded.charset if decoded.charset != "utf-8" else None}  # fmt: skip
    metadata |= {name: value for name, value in facts.items() if value}
    return Document(
        key, decoded.text, config.source, repo=origin.repo, path=item.path, license=license_, created=origin.created,
        tags=described.tags or None, metadata=dict(sorted(metadata.items())),
    )  # fmt: skip


def allowed_licences(names: list[str]) -> Collection[str] | None:
    """The licences that a config allows, its presets spelt out; None: all."""
    if not names:
        return None
    return frozenset(one for name in names for one in (spdx.PERMISSIVE if name == "permissive" else (name,)))
