"""Which rows are compared in which cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.semantic.cosine import cosines
from dedup.semantic.kmeans import Floats, blocks, nearest

if TYPE_CHECKING:
    from dedup.semantic.neighbours import Vectors

Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


class Membership(NamedTuple):
    """`rows[starts[c]:starts[c + 1]]` are the rows compared in cluster c, ascending."""

    rows: Longs
    starts: Longs
    label: Longs  # the own cluster of each row, the nearest; in others it is a guest

    @classmethod
    def of(cls, rows: Longs, cluster: Longs, clusters: int, label: Longs) -> Membership:
        """From pairs of row and cluster."""
        # One key, none twice: at millions of rows several times as fast as sorting by two.
        order = np.argsort(cluster * (len(label) + 1) + rows)
        starts = np.concatenate([[0], np.cumsum(np.bincount(cluster, minlength=clusters))])
        return cls(rows[order], starts, label)

    def in_ranks(self, rank: Longs) -> Membership:
        """The same with each row's rank in place of its number."""
        clusters = len(self.starts) - 1
        label = np.empty_like(self.label)
        label[rank] = self.label
        return Membership.of(rank[self.rows], np.repeat(np.arange(clusters), np.diff(self.starts)), clusters, label)


def members(vectors: Vectors, centroids: Floats, probes: int, eps: float, threads: int) -> Membership:
    """Each row in its nearest cluster, and a guest in the next `probes` - 1 unless no near row can be there.

    If a (nearest to centroid p) and b (nearest to q) are unit vectors with cosine 1 - eps or more, then
    <a, p> - <a, q> <= <a - b, p - q> <= sqrt(2 eps) |p - q|: a row farther inside its cell needs no look into q. The
    rounding of a and b adds the length of what it took off each, e_a + e_b, to sqrt(2 eps).
    """
    total, count = len(vectors.values), min(probes, len(centroids))
    label = np.empty(total, np.int64)
    rows: list[Longs] = []
    clusters: list[Longs] = []
    depths: list[Doubles] = []  # how far inside its cell a row lies, less what its own rounding may hide
    worst = np.zeros(len(centroids))
    for block in blocks(total):
        coded = vectors.coded(block)
        scores, labels = nearest(coded.codes, centroids, count, vectors.device, threads)
        label[block] = labels[:, 0]
        np.maximum.at(worst, labels[:, 0], coded.error)
        for probe in range(1, count):
            apart = np.sqrt(_squares(centroids, labels[:, 0], labels[:, probe], vectors.device))
            inside = (scores[:, 0] - scores[:, probe]).astype(np.float64) * coded.unit
            depth = np.divide(inside, apart, out=np.zeros(len(block)), where=apart > 0) - coded.error
            rows.append(block)
            clusters.append(labels[:, probe])
            depths.append(np.asarray(depth, np.float64))
    row, cluster = (np.concatenate([np.empty(0, np.int64), *column]) for column in (rows, clusters))
    near = np.concatenate([np.empty(0), *depths]) <= np.sqrt(2 * eps) + worst[cluster] + 1e-5
    both = np.concatenate([np.arange(total), row[near]]), np.concatenate([label, cluster[near]])
    return Membership.of(*both, len(centroids), label)


def _squares(centroids: Floats, one: Longs, other: Longs, device: str) -> Doubles:
    """Squared distances of pairs of centroids: sums of squares of integers, so exact on any device."""
    import torch

    if device != "cpu":
        known = torch.from_numpy(centroids).to(device)
        a, b = (torch.from_numpy(np.ascontiguousarray(numbers)).to(device) for numbers in (one, other))
        between = (known.index_select(0, a) - known.index_select(0, b)).double()
        return np.asarray((between * between).sum(dim=1).cpu().numpy(), np.float64)
    couples, which = np.unique(one * len(centroids) + other, return_inverse=True)
    between = (centroids[couples // len(centroids)] - centroids[couples % len(centroids)]).astype(np.float64)
    squares: Doubles = (between**2).sum(axis=1)[which]
    return squares


def closeness(vectors: Vectors, centroids: Floats, label: Longs) -> Doubles:
    """Cosine of each row to its own centroid; 0 where that is the zero vector."""
    return np.nan_to_num(cosines(vectors.values, np.arange(len(label)), centroids, label))
