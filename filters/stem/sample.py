"""Stage `sample-stem`: draws the documents that are to be labelled, as many from each stratum, by a hash of the id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class SampleStem(StageConfig):
    per_stratum: int = Field(200, ge=1, description="documents taken from each stratum, or all where it has fewer")
    by: list[Literal["source", "language", "quality_bucket", "stem_score"]] = Field(
        ["source"], description="what makes a stratum; stem_score: the whole part of an earlier score (metadata), so that "
        "a second round labels as many high as low. Empty: one stratum"
    )  # fmt: skip
    min_characters: int = Field(200, ge=0, description="characters of text; shorter documents are not drawn")
    seed: int = Field(0, ge=0, lt=1 << 63, description="seed of the draw")


def core(df: DataFrame, config: SampleStem, inputs: dict[str, str]) -> tuple[DataFrame, dict[str, Any]]:
    """Drops what is not drawn (rules `not-sampled`, `short-text`); statistics: documents and draws of each stratum."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    parts = [F.coalesce(_part(name), F.lit("")) for name in config.by]
    stratum = F.concat_ws(" | ", *parts) if parts else F.lit("all")
    rows = df.select(
        "_part",
        "_row",
        (F.length("text") < config.min_characters).alias("short"),
        stratum.alias("stratum"),
        F.sha2(F.concat(F.lit(f"{config.seed} "), F.col("id")), 256).alias("draw"),
    )
    order = Window.partitionBy("stratum", "short").orderBy("draw", "_part", "_row")
    placed = rows.withColumn("place", F.row_number().over(order))
    taken = ~F.col("short") & (F.col("place") <= config.per_stratum)
    counts = placed.groupBy("stratum").agg(
        F.count(F.lit(1)).alias("documents"),
        F.sum(F.when(F.col("short"), 1).otherwise(0)).alias("short"),
        F.sum(F.when(taken, 1).otherwise(0)).alias("drawn"),
    )
    strata = sorted((row.asDict() for row in counts.collect()), key=lambda row: str(row["stratum"]))
    decisions = placed.where(~taken).select(
        "_part",
        "_row",
        F.lit("dropped").alias("outcome"),
        F.when(F.col("short"), "short-text").otherwise("not-sampled").alias("rule"),
    )
    return decisions, {"strata": strata}


def _part(name: str) -> Column:
    from pyspark.sql import functions as F

    if name == "stem_score":
        return F.regexp_extract(F.element_at("metadata", "stem_score"), r"^(\d+)", 1)
    return F.col(name).cast("string")


STAGE = Stage(
    name="sample-stem",
    version=1,
    help="Draw documents to be labelled for train-stem, as many from each stratum.",
    example="arcmill sample-stem --input web --output sample --set per_stratum=500 --set by=[source,language]",
    config=SampleStem,
    reads={"input": "Document"},
    writes="Document",
    engine="spark",
    core=core,
)
