"""dedup-minhash: near-duplicates by MinHash banding, verified by exact Jaccard; the best survives.

With `known` documents and their signatures (`sign-minhash`) the input is compared with them as well: they were there
before, so they survive, and they are not signed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field
from arcmill.stage import Stage
from dedup.sign import Banding

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class DedupMinhash(Banding):
    """Settings of dedup-minhash."""

    min_jaccard: float = Field(
        0.7, gt=0, le=1, description="smallest exact Jaccard index (0-1) of the shingle sets of duplicates"
    )
    bucket_cap: int = Field(
        128, ge=2, description="documents in a band's bucket up to which every pair is compared; in a larger bucket "
        "each is compared with the `anchors` best, and with what those are merged into"
    )  # fmt: skip
    anchors: int = Field(16, ge=1, description="best documents of a too large bucket that all others are compared with")
    variants: Literal["keep", "merge"] = Field(
        "keep", description="Problems of nearly the same words: keep = merge them only where numbers, signs, LaTeX "
        "commands, words in capitals and (if both have one) the answers are the same, since others are other problems; "
        "merge = merge them as documents are"
    )  # fmt: skip
    alarm_share: float = Field(
        0.5, ge=0, le=1, description="share of a source's documents (0-1) above which its loss is warned of"
    )


def core(df: DataFrame, config: DedupMinhash, inputs: dict[str, Any]) -> tuple[DataFrame, dict[str, Any]]:
    """Decisions and statistics; see `dedup.minhash_plan` for the steps."""
    from dedup.minhash_plan import find_duplicates

    return find_duplicates(df, config, STAGE.name, inputs.get("known", []), inputs.get("known_signatures", []))


STAGE = Stage(
    name="dedup-minhash",
    version=2,
    help="Merge near-duplicates: MinHash candidates, each verified by exact Jaccard; the best survives.",
    example="arcmill dedup-minhash --input web-exact --output web-unique --set min_jaccard=0.8\n"
    "arcmill dedup-minhash --input june --input known=may-unique --input known_signatures=may-signatures "
    "--output june-unique",
    config=DedupMinhash,
    reads={"input": "Document|Problem", "known?": "Document|Problem", "known_signatures?": "Signature"},
    writes="Document|Problem",
    engine="spark",
    core=core,
)
