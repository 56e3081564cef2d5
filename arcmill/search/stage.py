"""index-documents: a search index over any documents, for the tools `search` and `open` (docs/search.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from arcmill.dataset import Dataset


class IndexDocuments(StageConfig):
    """How documents are cut and scored."""

    passage_characters: int = Field(
        1200, ge=100, le=1_000_000, description="length of a passage, the unit that is scored; characters"
    )
    k1: float = Field(
        1.5, ge=0, le=10, description="BM25's k1 (no unit): how soon further mentions of a word count less"
    )
    b: float = Field(
        0.75, ge=0, le=1, description="BM25's b (no unit): how much long passages are held back; 0 not at all"
    )
    max_postings: int = Field(
        100_000_000,
        ge=1,
        description="terms in passages, at most: scoring needs about 50 bytes of memory for each; the stage stops above it",
    )


def core(inputs: Mapping[str, Dataset], config: IndexDocuments, output: Path) -> dict[str, Any]:
    """Write the files of the index into `output`; returns counts."""
    from arcmill.search.build import COLUMNS, build

    counts: dict[str, Any] = build(inputs["input"].batches(columns=COLUMNS), config, Path(output))
    if "embeddings" in inputs:
        from arcmill.search.dense import add_vectors

        counts |= add_vectors(inputs["embeddings"], Path(output))
    return counts


STAGE = Stage(
    name="index-documents",
    version=1,
    help="Index documents for search (BM25 over passages, English and Chinese; optionally with embeddings).",
    example="arcmill index-documents --input corpus --output index\narcmill search index 'who maintains numpy'",
    config=IndexDocuments,
    reads={"input": "Document", "embeddings?": "Embedding"},
    writes="Model",
    engine="local",
    core=core,
)
