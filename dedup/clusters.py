"""Who survives among verified pairs: greedy in rank order, so that no chain removes the unlike.

Walking from the best document to the worst, a document is merged if it is verified like one that already
survives (into the best such), and survives otherwise. Every merged document is therefore itself like its
survivor; a connected component may keep several documents. The result depends on the pairs and ranks alone.

Of a bucket too large for all pairs (`dedup.candidates`) a document is compared with a few others, which may be merged
themselves, into one that it was never compared with. Such pairs are followed: a document is compared with the best
survivor of those that it is like, and all is decided anew, at most `FOLLOWS` times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Longs = npt.NDArray[np.int64]
FOLLOWS = 4


@njit(cache=True)
def _greedy(better, worse, survivor):  # type: ignore[no-untyped-def]
    for edge in range(better.size):
        a, b = better[edge], worse[edge]
        if survivor[a] < 0 and survivor[b] < 0:
            survivor[b] = edge


def greedy(better: Longs, worse: Longs) -> Longs:
    """For pairs of ranks (better < worse): the number of the edge that merges each rank, -1 where it survives."""
    order = np.lexsort((better, worse))
    survivor = np.full(int(worse.max()) + 1 if worse.size else 0, -1, np.int64)
    # Sorted by the worse document: all edges into the better one, which decide it, come before those out of
    # it.
    _greedy(better[order], worse[order], survivor)
    return np.where(survivor >= 0, order[survivor], -1)


def followed(
    better: Longs, worse: Longs, merging: Longs, known: npt.NDArray[np.bool_], tried: Longs
) -> tuple[Longs, Longs]:
    """Pairs (better, worse) of ranks to compare yet, after `merging` of `greedy`; `tried`: better * ranks + worse of those that were.

    Each document with the best of what stands for those that it is like, where that is better than what stands for itself.
    `known`: of each rank, whether it was there before; two such are never compared.
    """
    ranks = known.size
    stands = np.arange(ranks)
    edges = merging[merging >= 0]
    stands[worse[edges]] = better[edges]
    best = stands.copy()
    np.minimum.at(best, np.concatenate((better, worse)), stands[np.concatenate((worse, better))])
    beside = np.flatnonzero((best < stands) & ~(known & known[best]))
    keys = best[beside] * ranks + beside
    keys = keys[~np.isin(keys, tried)]
    return keys // ranks, keys % ranks


def followed_pairs(edges: DataFrame, merged: DataFrame, tried: DataFrame) -> DataFrame:
    """As `followed`, for a graph too large for one task: a, b (uids, a < b) to compare yet; `tried` has a and b."""
    from pyspark.sql import functions as F

    from dedup.candidates import KNOWN
    from dedup.survivor import rank

    def ends(one: str, other: str) -> DataFrame:
        return edges.select(
            F.col(f"{one}_uid").alias("uid"),
            rank(f"{one}_").alias("own"),
            F.col(f"{other}_uid").alias("like"),
            rank(f"{other}_").alias("best"),
        )

    stands = merged.select(F.col("b_uid").alias("gone"), rank("a_").alias("stands"))
    both = ends("a", "b").union(ends("b", "a"))
    near = both.join(stands, both["like"] == stands["gone"], "left").select(
        "uid", "own", F.coalesce("stands", "best").alias("best")
    )
    best = near.groupBy("uid").agg(F.min("own").alias("own"), F.min("best").alias("best"))
    found = best.join(stands, best["uid"] == stands["gone"], "left").select(
        "uid", F.coalesce("stands", "own").alias("own"), "best"
    )
    apart = found.where(F.col("best") < F.col("own")).select("uid", F.col("best.uid").alias("other"))
    apart = apart.where(F.least("uid", "other") < KNOWN)
    pairs = apart.select(F.least("uid", "other").alias("a"), F.greatest("uid", "other").alias("b"))
    return pairs.join(tried, ["a", "b"], "left_anti")


def merged_in_rounds(edges: DataFrame) -> DataFrame:
    """The edges that merge, for a graph too large for one task: the same result, in rounds.

    Each round settles the documents that no undecided better one is like: they survive, and what is like them
    goes. `edges` has a_uid (the better one), b_uid, and quality, size and id of a; it should be kept.
    """
    from pyspark.sql import functions as F

    from arcmill.engines.frames import settle
    from dedup.survivor import rank

    left = edges.select("a_uid", "b_uid")
    gone: DataFrame | None = None
    while True:
        survivors = left.select("a_uid").distinct().join(left.select(F.col("b_uid").alias("a_uid")), "a_uid", "anti")
        removed = left.join(survivors, "a_uid", "semi").select(F.col("b_uid").alias("uid")).distinct()
        removed = settle(removed)
        gone = removed if gone is None else gone.union(removed)
        for end in ("a_uid", "b_uid"):
            left = left.join(removed.withColumnRenamed("uid", end), end, "anti")
        left = settle(left)
        if left.isEmpty():
            break
    kept = edges.join(gone.withColumnRenamed("uid", "a_uid"), "a_uid", "anti")
    best = kept.groupBy("b_uid").agg(F.min(rank("a_")).alias("best"))
    return kept.join(best, "b_uid").where(F.col("a_uid") == F.col("best.uid")).drop("best")
