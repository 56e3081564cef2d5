"""ingest-environment: the corpus that every machine has, the Python installation that arcmill runs in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.records import Document
from arcmill.stage import Failure, Stage

Kind = Literal["docs", "readme", "license", "source"]


class IngestEnvironment(StageConfig):
    """What is taken of the environment, and how much."""

    kinds: list[Kind] = Field(
        default=["docs", "readme", "license"],
        min_length=1,
        description="docs: a page a module (env-stdlib, env-docs) and pydoc's topics; readme: descriptions, "
        "Markdown files (env-readme); license: licence texts (env-license); source: code files (env-source)",
    )
    distributions: list[str] | None = Field(
        None, description="globs of distribution names, such as num*; null: all, and the standard library"
    )
    max_documents: int | None = Field(
        None, ge=1, description="documents, at most; each unit of work may give its share; null: all"
    )
    max_pages: int | None = Field(
        200, ge=1, description="documentation pages a distribution, those nearest its root first; null: all"
    )
    max_file_bytes: int = Field(1 << 20, ge=1, description="bytes; a larger file is dropped")
    min_characters: int = Field(
        200, ge=0, description="characters of documentation; a page or readme with fewer is dropped"
    )
    keep_html: bool = Field(False, description="keep the HTML page of each module in `html`")

    @field_validator("kinds")
    @classmethod
    def _each_once(cls, kinds: list[Kind]) -> list[Kind]:
        return sorted(set(kinds))


def splits(config: IngestEnvironment) -> list[str]:
    """Units of work: ranges of sorted names, which say what they hold. `#n` at the end allows n documents."""
    from ingest import environment_core

    return environment_core.splits(config)


def identity(config: IngestEnvironment) -> str:
    """Digest of Python and of the distributions: another environment is another corpus."""
    from ingest import environment_holdings

    return environment_holdings.digest(config.distributions)


def core(split: str, config: IngestEnvironment) -> Iterator[Document | Failure]:
    """The documents of one unit of work. Modules are not imported, but for a list of harmless ones."""
    from ingest import environment_core

    return environment_core.documents(split, config)


STAGE = Stage(
    name="ingest-environment",
    version=2,
    help="Read the documentation, licences and sources of this Python: real text without a download.",
    example="arcmill ingest-environment --output corpus",
    config=IngestEnvironment,
    writes="Document",
    engine="datatrove",
    core=core,
    splits=splits,
    identity=identity,
)
