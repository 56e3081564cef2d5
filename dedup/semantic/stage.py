"""dedup-semantic: SemDeDup over document vectors (arXiv 2303.09540), greedy against survivors; the best survives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.dataset import Dataset


class DedupSemantic(StageConfig):
    """Settings of dedup-semantic. The threshold depends on the model: `arcmill inspect --pairs` helps to choose it."""

    eps: float = Field(
        0.05, ge=0, lt=1, description="duplicates have a cosine similarity of at least 1 - eps (SemDeDup's epsilon)"
    )
    template_similarity: float | None = Field(
        0.4, gt=0, le=1, description="pages of one template share at least this (0-1) of their pairs of neighbouring "
        "words, numbers left out (Jaccard index), whatever their cosine; with fewer than 64 pairs in common at least "
        "1 - common/64; null = meaning alone decides",
    )  # fmt: skip
    template_words: int = Field(
        20, ge=1, description="pairs of words that pages of one template have in common at the least: what is shorter "
        "(a one-line problem, a short definition) is judged by its meaning alone",
    )  # fmt: skip
    template_passage: int = Field(
        15, ge=0, description="pairs of words in the longest passage of its own that a page may have and still go as "
        "one of a template: a sentence of its own between menus is not a value",
    )  # fmt: skip
    keep: Literal["quality", "hard", "easy", "random"] = Field(
        "quality", description="who survives: quality = higher quality_score, then the longer text; as in SemDeDup: "
        "hard = farthest from its cluster's centroid, easy = nearest to it, random = by a seeded hash of the id",
    )  # fmt: skip
    mode: Literal["greedy", "reference"] = Field(
        "greedy", description="greedy = compared with survivors, in `probes` clusters; reference = exactly SemDeDup: its "
        "own cluster only, no templates, and an item goes that is like an earlier one, even if that one went itself",
    )  # fmt: skip
    clusters: int | None = Field(
        None, ge=1, description="clusters of the k-means; null = 1 (every pair is compared) up to 8,192 documents, the "
        "square root of their number above that",
    )  # fmt: skip
    probes: int = Field(
        2, ge=1, le=16, description="nearest clusters in which a document is compared; 2 find pairs that a border cuts"
    )
    sample: int = Field(64, ge=1, description="documents per cluster that the k-means is trained on")
    iterations: int = Field(10, ge=1, description="rounds of the k-means")
    seed: int = Field(1, ge=0, lt=1 << 64, description="seed of the sample, of the first centroids, and of keep=random")
    alarm_share: float = Field(
        0.5, ge=0, le=1, description="share of a source's documents (0-1) above which its loss is warned of"
    )


def core(
    inputs: Mapping[str, Sequence[Dataset]], config: DedupSemantic, threads: int
) -> tuple[pa.Table, dict[str, Any]]:
    """Decisions and statistics; see `dedup.semantic.plan`."""
    from dedup.semantic.plan import find_duplicates

    return find_duplicates(inputs["input"], inputs["embeddings"], config, threads, STAGE.name)


STAGE = Stage(
    name="dedup-semantic",
    version=2,
    help="Merge documents of like meaning (SemDeDup over vectors) and pages of one template, greedy against survivors.",
    example="arcmill dedup-semantic --input web-unique --input embeddings=web-vectors --output web-distinct "
    "--set eps=0.05",
    config=DedupSemantic,
    reads={"input": "Document", "embeddings": "Embedding"},
    writes="Document",
    engine="faiss",
    core=core,
)
