"""What every stage that reads tables is told: the format, its delimiter, how long a line may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import field_validator

from arcmill.config import Field, StageConfig


class TableConfig(StageConfig):
    """Settings of a stage that reads JSON lines, CSV or Parquet; see `arcmill.tables.read`."""

    format: Literal["auto", "jsonl", "csv", "parquet"] = Field(
        "auto", description="auto: by the suffix of the file. Compression (gz, zst, bz2, xz) is found by content"
    )
    delimiter: str | None = Field(None, description="one character between CSV fields; null: tab for .tsv, else comma")
    max_line_bytes: int = Field(
        64 << 20,
        ge=64,
        description="bytes; a longer line (of Parquet: a cell) is passed by without being held, and errored",
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ValueError("a delimiter is one character, not a quote or a newline")
        return delimiter


def check_columns(columns: Mapping[str, str | None], record: str, fields: Sequence[str], needed: str) -> None:
    """ValueError for a field that the record lacks, an empty name, or no column for the field that is needed."""
    for name, column in columns.items():
        if name not in fields:
            raise ValueError(f"'{name}' is no field of {record}; accepted: {', '.join(fields)}")
        if column == "" or (name == needed and column is None):
            raise ValueError(f"'{name}' needs the name of a column")
