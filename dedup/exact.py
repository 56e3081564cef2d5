"""dedup-exact: of documents with the same normalised text, the best one survives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


class DedupExact(StageConfig):
    """Settings of dedup-exact."""

    normalise: Literal["none", "whitespace", "case"] = Field(
        "whitespace",
        description="what is made equal before texts are compared: none = nothing, bytes count; whitespace = Unicode "
        "NFC, runs of white space are one space; case = whitespace, and upper and lower case",
    )
    alarm_share: float = Field(
        0.5, ge=0, le=1, description="share of a source's documents (0-1) above which its loss is warned of"
    )


def text_key(text: str, normalise: str) -> bytes:
    """BLAKE2b-128 of the normalised text: equal keys mean equal texts (2^64 texts to an even chance of error)."""
    import hashlib
    import unicodedata

    if normalise != "none":
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        if normalise == "case":
            # Folding can undo composition, so compose again (Unicode 3.13, D145).
            text = unicodedata.normalize("NFC", text.casefold())
        text = " ".join(text.split())
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def core(df: DataFrame, config: DedupExact, inputs: dict[str, str]) -> tuple[DataFrame, dict[str, Any]]:
    """Decisions and statistics. Texts are hashed where they lie; only hashes and the ranking columns are shuffled."""
    from pyspark.sql import functions as F

    from arcmill.engines.frames import keep
    from dedup.losses import losses_by_source
    from dedup.survivor import locate, locator, rank

    normalise = config.normalise

    def keyed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            keys = pa.array([text_key(text, normalise) for text in batch.column("text").to_pylist()], pa.binary())
            yield pa.RecordBatch.from_arrays([*batch.columns[:-1], keys], names=[*batch.schema.names[:-1], "key"])

    schema = "uid long, id string, source string, quality double, size long, key binary"
    documents = keep(locate(df).mapInArrow(keyed, schema))
    # min() of a struct combines before the shuffle: a text that occurs a million times sends one row a task.
    groups = (
        documents.groupBy("key").agg(F.count(F.lit(1)).alias("copies"), F.min(rank()).alias("best")).where("copies > 1")
    )
    merged = keep(
        documents.join(groups, "key")
        .where(F.col("uid") != F.col("best.uid"))
        .select(
            *locator(),
            "source",
            "id",
            F.col("best.id").alias("into_id"),
            F.lit(1.0).alias("score"),
            F.lit(1).cast("long").alias("verified"),
        )
    )
    statistics = losses_by_source(documents, merged, config.alarm_share, STAGE.name)
    del statistics["verified_pairs"]  # every one is
    decisions = merged.select(
        "_part",
        "_row",
        F.lit("merged").alias("outcome"),
        F.lit("exact").alias("rule"),
        "score",
        F.lit(1.0).alias("threshold"),
        "into_id",
    )
    return decisions, statistics


STAGE = Stage(
    name="dedup-exact",
    version=1,
    help="Merge documents whose normalised text is the same; the best one survives.",
    example="arcmill dedup-exact --input web-scored --output web-exact",
    config=DedupExact,
    reads={"input": "Document"},
    writes="Document",
    engine="spark",
    core=core,
)
