"""ingest-text: tables of texts (JSON lines, CSV, Parquet) to Documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.records import DOCUMENT_FIELDS, Document
from arcmill.stage import Failure, SourceFile, Stage
from ingest.formats import ACCEPTED, format_of, suffix_of


class IngestText(StageConfig):
    """Which columns are taken, and what a row may weigh."""

    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="document field -> column; `meta.url` names a value inside an object. A field not "
        "named is taken from the column of its own name where there is one; null leaves it out. Without an "
        "id column, the id is a hash of source and url, or of source and text where there is no url: rows "
        "of the same text then share an id",
    )
    source: str | None = Field(
        None, description='`source` of every document; null: the column `source` of the row, else "text"'
    )
    format: Literal["auto", "jsonl", "csv", "parquet"] = Field(
        "auto",
        description="auto: by the suffix of the file. Compression (gz, zst, bz2, xz) is found by content",
    )
    delimiter: str | None = Field(None, description="one character between CSV fields; null: tab for .tsv, else comma")
    metadata_columns: list[str] = Field(
        default_factory=list,
        description='further columns kept as strings in `metadata`; ["*"] keeps every other column',
    )
    max_line_bytes: int = Field(
        64 << 20, ge=64, description="bytes; a longer line is passed by without being held, and errored"
    )
    max_text_bytes: int = Field(16 << 20, ge=1, description="bytes of UTF-8; a longer text is dropped")

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: dict[str, str | None]) -> dict[str, str | None]:
        for name, column in columns.items():
            if name not in DOCUMENT_FIELDS:
                raise ValueError(f"'{name}' is no field of Document; accepted: {', '.join(DOCUMENT_FIELDS)}")
            if column == "" or (name == "text" and column is None):
                raise ValueError(f"'{name}' needs the name of a column")
        return columns

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ValueError("a delimiter is one character, not a quote or a newline")
        return delimiter


def core(file: SourceFile, config: IngestText) -> Iterator[Document | Failure]:
    """Every row of a file as a Document or a Failure. InputError where a header lacks the text column."""
    from ingest import tables
    from ingest.columns import RowMapper

    mapper = RowMapper(config, file.name)
    kind = config.format if config.format != "auto" else format_of(file)
    if kind == "parquet":
        return tables.parquet(file, mapper)
    if kind == "csv":
        delimiter = config.delimiter or ("\t" if suffix_of(file.name) == ".tsv" else ",")
        return tables.separated(file, mapper, config.max_line_bytes, delimiter)
    return tables.jsonl(file, mapper, config.max_line_bytes, whole_too=suffix_of(file.name) == ".json")


STAGE = Stage(
    name="ingest-text",
    version=1,
    help="Read JSON lines, CSV or Parquet tables of texts, with a column mapping.",
    example="arcmill ingest-text --input rows.jsonl.gz --set columns.text=body --output texts",
    config=IngestText,
    reads={"input": "Files"},
    writes="Document",
    engine="datatrove",
    core=core,
    accepts=ACCEPTED,
)
