"""ingest-forge: issues, pull requests, reviews and commits to Documents, linked and without names of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.records import Document
from arcmill.repository import checked
from arcmill.stage import Failure, SourceFile, Stage


class IngestForge(StageConfig):
    """What is read of a history or a dump, and how much."""

    source: str = Field("forge", min_length=1, description="`source` of every document")
    revision: str = Field(
        "HEAD", min_length=1, description="branch, tag or full commit id from which a history is read back"
    )
    repo: str | None = Field(
        None,
        description='what the repository of every history is called, "owner/name" or an address, instead of what `origin` or '
        "its folder says; and that of objects and rows which do not name theirs",
    )
    salt: str = Field(
        "",
        description="text that placeholders of people depend on; a secret one keeps them from being looked up by known logins; a digest "
        "of it reaches the manifest",
    )
    merges: bool = Field(
        True, description="whether commits of several parents become documents (against their first parent)"
    )
    max_commits: int = Field(
        100_000, ge=1, description="commits of one repository, the newest; the older are one dropped row"
    )
    max_diff_files: int = Field(300, ge=1, description="files of a commit; a commit of more is dropped")
    max_diff_bytes: int = Field(256 << 10, ge=1, description="characters of a diff; a commit of more is dropped")
    max_file_bytes: int = Field(
        1 << 20, ge=1, description="bytes of a changed file; a larger one is named in the diff, not shown"
    )
    max_dump_bytes: int = Field(
        1 << 30, ge=1, description="bytes of JSON of one input, which is held in memory; more is one errored row"
    )

    def identity(self) -> dict[str, Any]:
        """As of any stage; of the salt a digest, for whoever has a manifest could look up people by it."""
        return {**super().identity(), "salt": self.salt and sha256(f"salt {self.salt}".encode()).hexdigest()}

    @field_validator("repo")
    @classmethod
    def _named(cls, repo: str | None) -> str | None:
        return checked(repo)


def find(urls: Sequence[str], config: IngestForge) -> list[SourceFile]:
    """Histories and dumps, each one unit of work."""
    from ingest.forge.inputs import find_inputs

    return find_inputs(urls, config)


def core(file: SourceFile, config: IngestForge) -> Iterator[Document | Failure]:
    """The documents of one history, dump or table."""
    from ingest.forge.inputs import read_input

    return read_input(file, config)


STAGE = Stage(
    name="ingest-forge",
    version=3,
    help="Read issues, pull requests, reviews and commits: git histories, JSON of GitHub's API, rows of issues with patches.",
    example="arcmill ingest-forge --input repo/ --input dump/ --output forge",
    config=IngestForge,
    reads={"input": "Files"},
    writes="Document",
    engine="datatrove",
    core=core,
    find=find,
)
