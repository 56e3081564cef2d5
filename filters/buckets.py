"""bucket-quality: quality buckets by token-weighted quantiles of the score, language by language.

After Nemotron-CC (arXiv 2412.02595, section 2.2): scores are cut into 20 bins of equal token mass, and the
bins are folded into a few buckets; each bucket has an epoch weight. GLM-4.5 (arXiv 2508.06471, section 2.2)
drops the lowest bucket and sees the highest 3.2 times.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BINS = 20
GRID = 1_000_000  # scores are compared in steps of 1e-6, which bounds the distinct values and makes sums exact
POOLED = ""  # the group of languages with too few documents; in the manifest it is called
OTHER = "other"
EVERY = "*"  # all documents
Edges = dict[str, list[int]]  # group to the first grid step of bins 1 to 19
_NEMOTRON_FOLD = (7, 12, 18, 19)  # low 0-6, medium-low 7-11, medium 12-17, medium-high 18, high 19


class BucketQuality(StageConfig):
    """Settings of bucket-quality."""

    buckets: int = Field(5, ge=2, le=BINS, description="number of quality buckets; 0 is the lowest and is dropped")
    fold: list[int] | None = Field(
        None, description="for each bucket but the lowest, the first of its bins (bins 0-19, rising); null: 7, 12, 18, "
        "19 for five buckets (Nemotron-CC), else buckets of equal token mass"
    )  # fmt: skip
    epochs: list[float] | None = Field(
        None, description="epoch weight of each bucket, lowest first, never falling; a bucket of weight 0 is dropped; "
        "null: 0 for the lowest, then rising evenly from 1 to `top_epochs`"
    )  # fmt: skip
    top_epochs: float = Field(3.2, ge=1, description="epoch weight of the highest bucket, where `epochs` is null")
    min_documents: int = Field(
        200, ge=1, description="scored documents that a language needs for thresholds of its own; languages with "
        "fewer, and documents without a language, share one group"
    )  # fmt: skip
    bytes_per_token: float = Field(4.0, gt=0, description="UTF-8 bytes in a token, for the estimate of token mass")

    @model_validator(mode="after")
    def _consistent(self) -> BucketQuality:
        fold, epochs = self.fold, self.epochs
        if fold is not None and (
            len(fold) != self.buckets - 1
            or any(a >= b for a, b in pairwise(fold))
            or not all(0 < edge < BINS for edge in fold)
        ):
            raise ValueError(f"fold needs {self.buckets - 1} rising bins between 1 and {BINS - 1}, not {fold}")
        if epochs is not None and (
            len(epochs) != self.buckets or any(a > b for a, b in pairwise(epochs)) or epochs[0] < 0 or epochs[-1] == 0
        ):
            raise ValueError(f"epochs needs {self.buckets} weights of 0 or more, never falling, not {epochs}")
        return self

    def bin_to_bucket(self) -> list[int]:
        """The bucket of each of the 20 bins."""
        fold = self.fold
        if fold is None:
            even = [round(BINS * bucket / self.buckets) for bucket in range(1, self.buckets)]
            fold = list(_NEMOTRON_FOLD) if self.buckets == 5 else even
        return [sum(edge <= number for edge in fold) for number in range(BINS)]

    def weights(self) -> list[float]:
        """The epoch weight of each bucket."""
        if self.epochs is not None:
            return list(self.epochs)
        last = self.buckets - 1
        if last == 1:
            return [0.0, self.top_epochs]
        return [0.0, *(round(1 + (self.top_epochs - 1) * step / (last - 1), 6) for step in range(last))]


def core(df: DataFrame, config: BucketQuality, inputs: dict[str, str]) -> tuple[DataFrame, dict[str, Any]]:
    """Decisions and statistics. A score equal to a threshold is in the upper bin, so equal scores share a bucket."""
    from pyspark.sql import functions as F

    score = F.col("quality_score").cast("double")
    usable = score.isNotNull() & ~F.isnan(score) & (F.abs(score) < F.lit(1e9))
    documents = df.select(
        "_part",
        "_row",
        F.coalesce("language", F.lit(POOLED)).alias("language"),
        score.alias("score"),
        F.when(usable, F.round(score * GRID).cast("long")).alias("level"),
        F.greatest(F.lit(1), F.ceil(F.octet_length("text") / F.lit(config.bytes_per_token)))
        .cast("long")
        .alias("tokens"),
    )
    mass = documents.where("level is not null").groupBy("language", "level").agg(
        F.sum("tokens").alias("tokens"), F.count(F.lit(1)).alias("documents")
    )  # fmt: skip
    if "thresholds" in inputs:
        edges = _read_thresholds(inputs["thresholds"])
        bins = _masses(mass, edges)
    else:
        edges, bins = _quantiles(mass, config.min_documents)
    fold, weights = config.bin_to_bucket(), config.weights()
    placed = documents.withColumn("group", _group_of(edges)).withColumn("bin", _bin_of(edges))
    bucket = F.element_at(F.array(*map(F.lit, fold)), F.col("bin") + 1)
    placed = placed.withColumn("quality_bucket", bucket).withColumn(
        "epochs", F.element_at(F.array(*map(F.lit, weights)), F.col("quality_bucket") + 1)
    )
    lowest_kept = next(b for b, weight in enumerate(weights) if weight > 0)
    first_bin = fold.index(lowest_kept)  # what stays has reached the threshold of this bin
    missing = F.col("level").isNull()
    leaving = ~missing & (F.col("epochs") == 0)
    threshold = F.element_at(F.element_at(_literal(edges), F.col("group")), F.lit(max(first_bin, 1))) / GRID
    decisions = placed.select(
        "_part",
        "_row",
        F.when(missing, "errored").when(leaving, "dropped").alias("outcome"),
        F.when(missing, "no-score").when(leaving, "lowest-bucket").alias("rule"),
        F.when(leaving, F.col("score")).alias("score"),
        F.when(leaving, threshold).alias("threshold"),
        F.when(missing, "quality_score is null or not a number").alias("detail"),
        "quality_bucket",
        "epochs",
    )
    return decisions, _statistics(edges, bins, fold, weights)


def _quantiles(mass: DataFrame, min_documents: int) -> tuple[Edges, list[dict[str, Any]]]:
    """Thresholds of each group, in grid steps, and what lies in its bins: exact, in one Spark job.

    The bin of a level is floor(20 * tokens below it / all tokens) of its group, so bin k starts where the
    mass below first reaches k/20. All sums are integers, so no partitioning changes them.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    language = Window.partitionBy("language")
    own = (F.sum("documents").over(language) >= min_documents) & (F.col("language") != POOLED)
    named = mass.withColumn("own", F.when(own, F.col("language")).otherwise(POOLED))
    groups = named.select(F.explode(F.array("own", F.lit(EVERY))).alias("group"), "level", "tokens", "documents")
    levels = groups.groupBy("group", "level").agg(
        F.sum("tokens").alias("tokens"), F.sum("documents").alias("documents")
    )
    group = Window.partitionBy("group")
    rows = (
        levels.withColumn("below", F.sum("tokens").over(group.orderBy("level")) - F.col("tokens"))
        .withColumn("total", F.sum("tokens").over(group))
        .groupBy("group", F.expr(f"cast((below * {BINS}) div total as int)").alias("bin"))
        .agg(
            F.min("level").alias("level"),
            F.max("level").alias("top"),
            F.sum("tokens").alias("tokens"),
            F.sum("documents").alias("documents"),
        )
        .collect()
    )
    bins = sorted((row.asDict() for row in rows), key=lambda row: (row["group"], row["bin"]))
    edges: Edges = {}
    for name in {row["group"] for row in bins}:
        starts = {row["bin"]: row["level"] for row in bins if row["group"] == name}
        # A bin that one heavy score swallowed starts where the next one does, or above all scores.
        following, falling = max(row["top"] for row in bins if row["group"] == name) + 1, []
        for number in range(BINS - 1, 0, -1):
            following = starts.get(number, following)
            falling.append(following)
        edges[name] = falling[::-1]
    every = edges.pop(EVERY, [0] * (BINS - 1))
    if sum(row["documents"] for row in bins if row["group"] == POOLED) < min_documents:
        # Even together they are too few: they are measured by all documents.
        edges[POOLED] = every
        if any(row["group"] == POOLED for row in bins):
            return edges, _masses(mass, edges)
    return edges, [row for row in bins if row["group"] != EVERY]


def _masses(mass: DataFrame, edges: Edges) -> list[dict[str, Any]]:
    """Documents and tokens of each group and bin, under given thresholds."""
    from pyspark.sql import functions as F

    sums = F.sum("tokens").alias("tokens"), F.sum("documents").alias("documents")
    rows = mass.groupBy(_group_of(edges).alias("group"), _bin_of(edges).alias("bin")).agg(*sums).collect()
    return sorted((row.asDict() for row in rows), key=lambda row: (row["group"], row["bin"]))


def _literal(edges: Edges) -> Column:
    """The thresholds as a constant map<string, array<long>>."""
    from pyspark.sql import functions as F

    return F.from_json(F.lit(json.dumps(edges, sort_keys=True)), "map<string, array<bigint>>")


def _group_of(edges: Edges) -> Column:
    from pyspark.sql import functions as F

    own = sorted(name for name in edges if name != POOLED)
    return F.when(F.col("language").isin(own), F.col("language")).otherwise(POOLED) if own else F.lit(POOLED)


def _bin_of(edges: Edges) -> Column:
    from pyspark.sql import functions as F

    return F.size(F.filter(F.element_at(_literal(edges), _group_of(edges)), lambda edge: edge <= F.col("level")))


def _statistics(edges: Edges, bins: list[dict[str, Any]], fold: list[int], weights: list[float]) -> dict[str, Any]:
    """What the manifest keeps: thresholds for the next crawl, and the mass of each group and bucket."""
    found: dict[tuple[str, int], list[int]] = {}
    for row in bins:
        sums = found.setdefault((row["group"], fold[row["bin"]]), [0, 0])
        sums[0] += row["documents"]
        sums[1] += row["tokens"]
    return {
        "bins": BINS,
        "bin_to_bucket": fold,
        "epochs": weights,
        "thresholds": {name or OTHER: [level / GRID for level in edges[name]] for name in sorted(edges)},
        "buckets": [
            {"language": group or OTHER, "bucket": bucket, "documents": documents, "tokens": tokens}
            for (group, bucket), (documents, tokens) in sorted(found.items())
        ],
    }


def _read_thresholds(path: str) -> Edges:
    """The thresholds in the manifest of a dataset that bucket-quality made."""
    statistics = Dataset.open(path).manifest.get("statistics") or {}
    thresholds = statistics.get("thresholds")
    if statistics.get("bins") != BINS or not isinstance(thresholds, dict) or OTHER not in thresholds:
        raise InputError(f"thresholds={path}: its manifest has no thresholds; give a dataset made by bucket-quality")
    return {
        POOLED if name == OTHER else name: [round(value * GRID) for value in values]
        for name, values in thresholds.items()
    }


STAGE = Stage(
    name="bucket-quality",
    version=1,
    help="Sort documents into quality buckets with epoch weights, by token-weighted quantiles of the score.",
    example="arcmill bucket-quality --input web-unique --output web-bucketed --set buckets=5",
    config=BucketQuality,
    reads={"input": "Document", "thresholds?": "Dataset"},
    writes="Document",
    engine="spark",
    core=core,
)
