"""Greedy against survivors by two likenesses: near in meaning (cosine of the vectors), or pages of one template (frames).

Meaning decides first. What survives that is compared by frames, the best first. A document that went into one which a
template took afterwards is judged again against the survivors, so that every document that goes is itself like the one
that it goes into, and no survivor is found to be like another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.semantic.frames import Evidence, Frames, Sweep
from dedup.semantic.greedy import Merged, merge
from dedup.semantic.membership import Membership
from dedup.semantic.neighbours import Vectors

if TYPE_CHECKING:
    from dedup.semantic.stage import DedupSemantic

Longs = npt.NDArray[np.int64]


class Removed(NamedTuple):
    """`gone` are the removed rows, `into` the survivor of each, `score` their cosine; `evidence` where a template decided."""

    gone: Longs
    into: Longs
    score: npt.NDArray[np.float64]
    evidence: list[Evidence | None]

    @classmethod
    def by_meaning(cls, merged: Merged) -> Removed:
        """The same, when templates decided nothing."""
        return cls(*merged, [None] * len(merged.gone))

    def at(self, order: Longs) -> Removed:
        """The same with `order[rank]` in place of each rank."""
        return Removed(order[self.gone], order[self.into], self.score, self.evidence)


def with_templates(
    merged: Merged, vectors: Vectors, pages: Frames, config: DedupSemantic, threads: int
) -> tuple[Removed, int]:
    """What goes by meaning or by template, and how often a bucket had more pages than are looked at. Rows are ranks."""
    assert config.template_similarity is not None
    sweep = Sweep(pages, config.template_similarity, config.template_words, config.template_passage)
    total = len(vectors.values)
    into = np.full(total, -1, np.int64)
    framed = np.zeros(total, np.bool_)  # went by its template
    survivors: Longs = np.empty(0, np.int64)
    rows, found = np.arange(total), merged
    while True:
        into[rows] = -1
        into[found.gone] = found.into
        kept = rows[into[rows] < 0]
        into[kept] = sweep.run(kept)
        framed[kept] = into[kept] >= 0
        survivors = np.concatenate([survivors, kept[into[kept] < 0]])
        rows = found.gone[framed[found.into]]
        if not len(rows):
            break
        found = _by_meaning(rows, np.sort(survivors), vectors, 1 - config.eps, threads)
    gone = np.flatnonzero(into >= 0)
    evidence = [sweep.evidence(into[b], b) if framed[b] else None for b in gone.tolist()]
    return Removed(gone, into[gone], vectors.cosines(gone, into[gone]), evidence), sweep.full


def _by_meaning(rows: Longs, survivors: Longs, vectors: Vectors, threshold: float, threads: int) -> Merged:
    """Rows that are near a survivor, into the best such; of the others, those near one of them that is better."""
    worse, better = vectors.reaching(vectors.near(rows, survivors, threshold), threshold)
    total = len(vectors.values)
    best = np.full(total, total, np.int64)
    np.minimum.at(best, worse, better)
    gone, left = rows[best[rows] < total], rows[best[rows] == total]
    nothing = np.empty(0)
    if not len(left):
        return Merged(gone, best[gone], nothing)
    alone = Membership(left, np.array([0, len(left)]), np.zeros(total, np.int64))
    among = merge(vectors, alone, threshold, threads)
    return Merged(np.concatenate([gone, among.gone]), np.concatenate([best[gone], among.into]), nothing)
