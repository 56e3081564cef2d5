"""The steps of dedup-semantic: match vectors to documents, cluster, rank, merge; and what is told of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dedup.losses import losses, sample_pairs
from dedup.semantic import kmeans
from dedup.semantic.codes import int8_is_fast
from dedup.semantic.frames import Evidence, Frames
from dedup.semantic.greedy import Merged, merge
from dedup.semantic.inputs import Documents, match, read_documents, read_vectors, usable
from dedup.semantic.libraries import require
from dedup.semantic.membership import closeness, members
from dedup.semantic.neighbours import Vectors, find_device
from dedup.semantic.reference import earlier_maxima, survivors
from dedup.semantic.templates import Removed, with_templates

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.dataset import Dataset
    from dedup.semantic.stage import DedupSemantic

Longs = npt.NDArray[np.int64]
EXACT_ROWS = 8192  # up to here one cluster, so every pair is compared


def find_duplicates(
    inputs: Sequence[Dataset], embeddings: Sequence[Dataset], config: DedupSemantic, threads: int, stage: str
) -> tuple[pa.Table, dict[str, Any]]:
    """Decisions (merged and errored rows) and statistics for the manifest."""
    require(stage, "torch")
    if find_device() == "cpu" and not int8_is_fast():
        require(stage, "faiss")  # elsewhere torch searches
    templates = config.mode == "greedy" and config.template_similarity is not None
    documents = read_documents(inputs, sizes=config.keep == "quality", framed=templates)
    vector_ids, vectors = read_vectors(embeddings)
    place = match(documents.ids, vector_ids)
    missing = np.flatnonzero(place < 0)
    fine = usable(vectors)
    present = np.flatnonzero(place >= 0)
    good = fine[place[present]]
    rows, broken = present[good], present[~good]
    pages = (
        (documents.frames if len(rows) == len(documents.ids) else documents.frames.take(rows)) if templates else None
    )
    removed, facts = semdedup(vectors[place[rows]], Keys.of(documents, rows, config.seed), config, threads, pages=pages)
    gone, into = rows[removed.gone], rows[removed.into]
    told = _losses(documents, gone, into, _scores(removed), config, stage)
    facts |= {
        "threshold": 1 - config.eps, "rows": len(documents.ids), "removed": len(gone),
        "removed_by_template": sum(found is not None for found in removed.evidence), "without_vector": len(missing),
        "unused_vectors": len(vector_ids) - len(present), **told,
    }  # fmt: skip
    return _decisions(documents, removed, gone, into, missing, broken, config), facts


class Keys:
    """What orders rows whatever their order in the input: a seeded hash of the id, the id, quality and size."""

    def __init__(self, ids: pa.Array, quality: npt.NDArray[np.float64], size: Longs, seed: int) -> None:
        import pyarrow.compute as pc

        salt = seed.to_bytes(8, "little")
        digests = b"".join(hashlib.blake2b(i.encode(), digest_size=8, key=salt).digest() for i in ids.to_pylist())
        self.hash = np.frombuffer(digests, np.uint64)
        # Rows that share an id stay in the order of the input: nothing else tells them apart.
        self.id = np.empty(len(ids), np.int64)
        self.id[pc.array_sort_indices(ids).to_numpy().astype(np.int64)] = np.arange(len(ids))
        self.quality, self.size = quality, size

    @classmethod
    def of(cls, documents: Documents, rows: Longs, seed: int) -> Keys:
        """The keys of some of the documents."""
        import pyarrow as pa

        return cls(documents.ids.take(pa.array(rows)), documents.quality[rows], documents.size[rows], seed)

    def best_first(self, keep: str, closeness: npt.NDArray[np.float64] | None = None) -> Longs:
        """Row numbers, the one that should survive first; `closeness` to the own centroid decides hard and easy."""
        if keep == "quality":
            missing = np.isnan(self.quality)
            quality = np.where(missing, 0.0, self.quality)
            return np.lexsort((self.id, -self.size, -quality, missing))
        if closeness is None:
            return np.lexsort((self.id, self.hash))
        return np.lexsort((self.id, closeness if keep == "hard" else -closeness))


def semdedup(
    vectors: npt.NDArray[Any], keys: Keys, config: DedupSemantic, threads: int, device: str | None = None,
    pages: Frames | None = None,
) -> tuple[Removed, dict[str, Any]]:  # fmt: skip
    """Which rows of `vectors` (unit length) go into which survivors, with their cosines; and facts about the clusters.

    With the frames of the `pages` those of one template go too.
    """
    total = len(vectors)
    count = config.clusters or (1 if total <= EXACT_ROWS else round(total**0.5))
    count = max(1, min(count, total))
    facts = {"clusters": count, "trained_on": min(total, count * config.sample) if count > 1 else 0}
    nothing: Longs = np.empty(0, np.int64)
    if not total:
        return Removed(nothing, nothing, np.empty(0), []), facts | {"largest_cluster": 0}
    device = device or find_device()
    greedy = config.mode == "greedy"
    sample = np.lexsort((keys.id, keys.hash))[: facts["trained_on"]] if count > 1 else np.array([0])
    held = Vectors(vectors, device)
    centroids = kmeans.train(held, sample, count, config.iterations, threads)
    membership = members(held, centroids, config.probes if greedy else 1, config.eps, threads)
    near = closeness(held, centroids, membership.label) if config.keep in ("hard", "easy") else None
    order = keys.best_first(config.keep, near)
    rank = np.empty(total, np.int64)
    rank[order] = np.arange(total)
    ranked = membership.in_ranks(rank)
    held = held.ranked(order)
    facts["largest_cluster"] = int(np.bincount(membership.label).max())
    threshold = 1 - config.eps
    if greedy:
        merged = merge(held, ranked, threshold, threads)
    else:
        score, nearest = np.zeros(total), np.full(total, -1, np.int64)
        for low, high in pairwise(ranked.starts):
            inside = ranked.rows[low:high]
            score[inside], nearest[inside] = earlier_maxima(held, inside, threshold)
        over = score > threshold
        gone = np.flatnonzero(over)
        merged = Merged(gone, survivors(nearest, over)[gone], score[gone])
    removed = Removed.by_meaning(merged)
    if pages is not None and greedy and config.template_similarity is not None:
        removed, facts["full_template_buckets"] = with_templates(merged, held, pages.take(order), config, threads)
    return removed.at(order), facts


def _scores(removed: Removed) -> npt.NDArray[np.float64]:
    """The likeness that decided: the cosine, or that of the frames."""
    pairs = zip(removed.score.tolist(), removed.evidence, strict=True)
    return np.array([cosine if found is None else found.similarity for cosine, found in pairs], np.float64)


def _losses(
    documents: Documents, gone: Longs, into: Longs, score: npt.NDArray[np.float64], config: DedupSemantic, stage: str
) -> dict[str, Any]:
    names = documents.source.dictionary_encode()
    number = names.indices.to_numpy().astype(np.int64)
    known = names.dictionary.to_pylist()
    rows = np.bincount(number, minlength=len(known)).tolist()
    removed = np.bincount(number[gone], minlength=len(known)).tolist()
    sources, alarms = losses(zip(known, rows, removed, strict=True), config.alarm_share, stage)
    pairs = [
        {"source": known[number[a]], "id": documents.ids[a].as_py(), "into_id": documents.ids[b].as_py(), "score": s}
        for a, b, s in zip(gone.tolist(), into.tolist(), score.tolist(), strict=True)
        if known[number[a]] in alarms
    ]
    return {"sources": sources, "alarms": alarms, "alarm_pairs": sample_pairs(pairs)}


def _decisions(
    documents: Documents, removed: Removed, gone: Longs, into: Longs, missing: Longs, broken: Longs,
    config: DedupSemantic,
) -> pa.Table:  # fmt: skip
    import pyarrow as pa

    rows = np.concatenate([gone, missing, broken])
    errors = len(missing) + len(broken)
    none: list[None] = [None] * errors
    ids = documents.ids.take(pa.array(into)).cast(pa.string())
    return pa.table(
        {
            "_part": pa.array(documents.part[rows], pa.int32()),
            "_row": pa.array(documents.row[rows], pa.int64()),
            "outcome": ["merged"] * len(gone) + ["errored"] * errors,
            "rule": ["template" if found else "semantic" for found in removed.evidence]
            + ["no-embedding"] * len(missing)
            + ["bad-embedding"] * len(broken),
            "score": pa.array([*_scores(removed).tolist(), *none], pa.float64()),
            "threshold": pa.array(
                [config.template_similarity if found else 1 - config.eps for found in removed.evidence] + none,
                pa.float64(),
            ),
            "into_id": pa.concat_arrays([ids, pa.nulls(errors, pa.string())]),
            "detail": pa.array(
                [told(*pair) for pair in zip(removed.evidence, removed.score.tolist(), strict=True)]
                + ["the embeddings hold no vector of this id"] * len(missing)
                + ["the vector is not finite, or not of length 1"] * len(broken),
                pa.string(),
            ),
        }
    )


def told(found: Evidence | None, cosine: float) -> str | None:
    """What the ledger says of a page that went by its template."""
    if found is None:
        return None
    return f"{found.common} word pairs in common, longest passage of its own {found.passage}, cosine {cosine:.4f}"
