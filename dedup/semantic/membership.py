"""Which rows are compared in which cluster."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.semantic.kmeans import SCALE, Floats, assign

Longs = npt.NDArray[np.int64]


class Membership(NamedTuple):
    """`rows[starts[c]:starts[c + 1]]` are the rows compared in cluster c, ascending."""

    rows: Longs
    starts: Longs
    own: Longs  # the nearest cluster of each row
    closeness: npt.NDArray[np.float64]  # cosine of each row to its own centroid, within rounding

    def in_ranks(self, rank: Longs) -> Membership:
        """The same with each row's rank in place of its number."""
        cluster = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        ranks = rank[self.rows]
        own, closeness = np.empty_like(self.own), np.empty_like(self.closeness)
        own[rank], closeness[rank] = self.own, self.closeness
        return Membership(ranks[np.lexsort((ranks, cluster))], self.starts, own, closeness)


def members(
    vectors: npt.NDArray[Any], centroids: Floats, probes: int, eps: float, device: str, threads: int
) -> Membership:
    """Each row in its nearest cluster, and in the next `probes` - 1 unless no near row can be there.

    If a (nearest to centroid p) and b (nearest to q) are unit vectors with cosine 1 - eps or more, then
    <a, p> - <a, q> <= <a - b, p - q> <= sqrt(2 eps) |p - q|: a row farther inside its cell needs no look into q.
    """
    count = min(probes, len(centroids))
    size = np.sqrt((centroids.astype(np.float64) ** 2).sum(axis=1))
    # Rounding to integers moves a vector by at most half a unit in each dimension; there are two of them.
    slack = np.sqrt(vectors.shape[1]) / SCALE
    reach = np.sqrt(2 * eps) + slack
    own = np.empty(len(vectors), np.int64)
    closeness = np.empty(len(vectors), np.float64)
    rows: list[Longs] = []
    clusters: list[Longs] = []
    low = 0
    for scores, labels in assign(vectors, centroids, count, device, threads):
        high = low + len(scores)
        first = labels[:, 0]
        own[low:high] = first
        closeness[low:high] = scores[:, 0] / (SCALE * np.where(size[first] > 0, size[first], 1))
        for probe in range(count):
            other = labels[:, probe]
            if probe:
                couples, which = np.unique(first * len(centroids) + other, return_inverse=True)
                ends = centroids[couples // len(centroids)], centroids[couples % len(centroids)]
                apart = np.sqrt(((ends[0] - ends[1]).astype(np.float64) ** 2).sum(axis=1))[which]
                near = np.flatnonzero((scores[:, 0] - scores[:, probe]) / SCALE <= reach * apart)
            else:
                near = np.arange(len(other))
            rows.append(low + near)
            clusters.append(other[near])
        low = high
    row, cluster = np.concatenate(rows), np.concatenate(clusters)
    order = np.lexsort((row, cluster))
    starts = np.searchsorted(cluster[order], np.arange(len(centroids) + 1))
    return Membership(row[order], starts, own, closeness)
