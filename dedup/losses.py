"""What each source lost to merging, and an alarm where it is more than its share.

A public audit found that near-duplicate removal without verification had taken a median of 76 % of a source;
a source that loses much is looked at by a person before it is trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PAIRS = 3  # sample pairs of a source that lost more than its share
_LISTED = 1000  # sources told in the manifest, those that lost most first


def losses_by_source(documents: DataFrame, removed: DataFrame, alarm_share: float, stage: str) -> dict[str, Any]:
    """Count rows and removed rows of each `source` in one Spark job; warn of shares above `alarm_share` (0-1).

    `removed` has the columns source, id, into_id, score and verified; the sum of the last is told too, and of a source
    that is warned of a few pairs to look at.
    """
    from pyspark.sql import functions as F

    # Rollup adds the row of all sources (its source is null); it has the most rows and losses, so it comes
    # first.
    counts = (
        documents.select("source", F.lit(0).alias("out"), F.lit(0).cast("long").alias("verified"))
        .unionAll(removed.select("source", F.lit(1).alias("out"), "verified"))
        .rollup("source")
        .agg(F.sum(1 - F.col("out")).alias("rows"), F.sum("out").alias("removed"), F.sum("verified").alias("verified"))
        .orderBy(F.desc("removed"), F.desc("rows"), F.asc_nulls_first("source"))
        .limit(_LISTED + 1)
        .collect()
    )
    total = next((row for row in counts if row["source"] is None), None)
    sources, alarms = losses(
        ((r["source"], r["rows"], r["removed"]) for r in counts if r["source"] is not None), alarm_share, stage
    )
    return {
        "rows": (total and total["rows"]) or 0,
        "removed": (total and total["removed"]) or 0,
        "verified_pairs": (total and total["verified"]) or 0,
        "sources": sources,
        "alarms": alarms,
        "alarm_pairs": alarm_pairs(removed, alarms) if alarms else [],
    }


def alarm_pairs(removed: DataFrame, alarms: list[str]) -> list[dict[str, Any]]:
    """Up to `_PAIRS` removed documents of each source, chosen by a hash of their ids: source, id, into_id, score."""
    from pyspark.sql import functions as F

    draw = F.xxhash64("id")
    rows = (
        removed.where(F.col("source").isin(alarms))
        .groupBy("source", F.pmod(draw, F.lit(_PAIRS)))
        .agg(F.min(F.struct(draw.alias("draw"), "id", "into_id", "score")).alias("pair"))
        .select("source", "pair.id", "pair.into_id", "pair.score")
        .collect()
    )
    return sorted((row.asDict() for row in rows), key=lambda row: (row["source"], row["id"]))


def sample_pairs(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same from pairs that are at hand: a few of each source, by a hash of their ids."""
    chosen: dict[str, list[tuple[bytes, str, dict[str, Any]]]] = {}
    for pair in pairs:
        drawn = (blake2b(pair["id"].encode(), digest_size=8).digest(), pair["id"], pair)
        best = sorted([*chosen.get(pair["source"], []), drawn], key=lambda entry: entry[:2])
        chosen[pair["source"]] = best[:_PAIRS]
    return sorted((pair for best in chosen.values() for *_, pair in best), key=lambda p: (p["source"], p["id"]))


def losses(
    counts: Iterable[tuple[str, int, int]], alarm_share: float, stage: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """From (source, rows, removed): what the manifest tells of each source, and those above `alarm_share`, warned of."""
    ordered = sorted(counts, key=lambda count: (-count[2], -count[1], count[0]))[:_LISTED]
    sources = [
        {"source": source, "rows": rows, "removed": removed, "share": round(removed / rows, 6)}
        for source, rows, removed in ordered
    ]
    alarms = [source for source, rows, removed in ordered if round(removed / rows, 6) > alarm_share]
    for name in alarms:
        logging.getLogger("arcmill").warning(
            "%s: source %r loses more than %.0f %% of its documents", stage, name, 100 * alarm_share
        )
    return sources, alarms
