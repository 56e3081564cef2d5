"""dedup-minhash: near-duplicates by MinHash banding, verified by exact Jaccard; the best survives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class DedupMinhash(StageConfig):
    """Settings of dedup-minhash; a pair of Jaccard s becomes a candidate with chance 1 - (1 - s^rows)^bands."""

    ngram: int = Field(5, ge=1, le=64, description="tokens in a shingle (characters, in scripts without spaces)")
    bands: int = Field(14, ge=1, le=256, description="bands of the signature; more find more, and cost more")
    rows: int = Field(8, ge=1, le=64, description="MinHash values in a band; more make candidates more alike")
    min_jaccard: float = Field(
        0.7, gt=0, le=1, description="smallest exact Jaccard index (0-1) of the shingle sets of duplicates"
    )
    bucket_cap: int = Field(
        128, ge=2, description="documents in a band's bucket up to which every pair is compared; in a larger bucket "
        "each is compared with the `anchors` best only"
    )  # fmt: skip
    anchors: int = Field(16, ge=1, description="best documents of a too large bucket that all others are compared with")
    seed: int = Field(1, ge=0, lt=1 << 64, description="seed of the permutations")
    alarm_share: float = Field(
        0.5, ge=0, le=1, description="share of a source's documents (0-1) above which its loss is warned of"
    )


def core(df: DataFrame, config: DedupMinhash, inputs: dict[str, str]) -> tuple[DataFrame, dict[str, Any]]:
    """Decisions and statistics; see `dedup.minhash_plan` for the steps."""
    from dedup.minhash_plan import find_duplicates

    return find_duplicates(df, config, STAGE.name)


STAGE = Stage(
    name="dedup-minhash",
    version=1,
    help="Merge near-duplicates: MinHash candidates, each verified by exact Jaccard; the best document survives.",
    example="arcmill dedup-minhash --input web-exact --output web-unique --set min_jaccard=0.8",
    config=DedupMinhash,
    reads={"input": "Document"},
    writes="Document",
    engine="spark",
    core=core,
)
