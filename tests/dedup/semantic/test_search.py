"""The algorithm on vectors: exactness, recall, the published reference, and what must not change a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dedup.semantic import greedy, kmeans
from dedup.semantic.membership import members
from dedup.semantic.neighbours import Vectors
from dedup.semantic.plan import Keys, semdedup
from dedup.semantic.reference import earlier_maxima, survivors
from dedup.semantic.stage import DedupSemantic

pytest.importorskip("torch", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")


def unit(rows: Any) -> Any:
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def families(count: int, width: int = 48, seed: int = 0) -> Any:
    """Float16 unit vectors in loose topics; a third are copies of another at a cosine between 0.9 and 1."""
    random = np.random.default_rng(seed)
    topics = random.standard_normal((max(2, count // 50), width))
    rows = unit(topics[random.integers(0, len(topics), count)] + 1.2 * random.standard_normal((count, width)))
    to = random.permutation(count)[: count // 3]
    away = unit(random.standard_normal((len(to), width))) * random.uniform(0, 0.48, (len(to), 1))
    rows[to] = unit(rows[random.integers(0, count, len(to))] + away)
    return rows.astype(np.float16)


def keys(count: int, seed: int = 1, quality: Any = None) -> Keys:
    ids = pa.array([f"doc-{i:06d}" for i in range(count)], pa.large_string())
    nan = np.full(count, np.nan)
    return Keys(ids, nan if quality is None else quality, np.zeros(count, np.int64), seed)


def exact(vectors: Any) -> Any:
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return wide @ wide.T


def plain_greedy(similar: Any, order: Any) -> dict[int, int]:
    """Walk from the best to the worst; into the best survivor that is like it."""
    alive: list[int] = []
    into: dict[int, int] = {}
    for row in order.tolist():
        near = [other for other in alive if similar[row, other]]
        if near:
            into[row] = near[0]
        else:
            alive.append(row)
    return into


def test_one_cluster_is_the_plain_greedy_walk() -> None:
    vectors = families(700)
    quality = np.random.default_rng(5).random(700)
    quality[::7] = np.nan
    known = keys(700, quality=quality)
    merged, facts = semdedup(vectors, known, DedupSemantic(), 1)
    cosine = exact(vectors)
    order = sorted(range(700), key=lambda row: (np.isnan(quality[row]), -np.nan_to_num(quality[row]), row))
    wanted = plain_greedy(cosine >= 0.95, np.array(order))
    assert dict(zip(merged.gone.tolist(), merged.into.tolist(), strict=True)) == wanted
    assert len(wanted) > 100
    np.testing.assert_allclose(merged.score, cosine[merged.gone, merged.into], atol=1e-12)
    assert facts["clusters"] == 1


@pytest.mark.parametrize("keep", ["quality", "hard", "easy", "random"])
@pytest.mark.parametrize("mode", ["greedy", "reference"])
def test_same_result_for_threads_blocks_arithmetic_and_order(keep: str, mode: str, monkeypatch: Any) -> None:
    vectors = families(900, seed=3)
    config = DedupSemantic(clusters=12, keep=keep, mode=mode)
    named = keys(900)

    def result(threads: int = 1, device: str = "cpu", order: Any = None) -> dict[int, tuple[int, float]]:
        at = np.arange(900) if order is None else order
        ids = pa.array([f"doc-{i:06d}" for i in at], pa.large_string())
        known = named if order is None else Keys(ids, np.full(900, np.nan), np.zeros(900, np.int64), 1)
        merged, _ = semdedup(vectors[at], known, config, threads, device)
        into = zip(at[merged.gone].tolist(), at[merged.into].tolist(), merged.score.tolist(), strict=True)
        return {gone: (survivor, score) for gone, survivor, score in into}

    first = result()
    assert len(first) > 100
    assert result(threads=3) == first
    assert result(order=np.random.default_rng(9).permutation(900)) == first
    assert result(device="cpu:0") == first  # the search by torch, as on a GPU
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "float32")
    assert result() == first
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "bfloat16")
    monkeypatch.setattr("dedup.semantic.neighbours.ROWS", 7)
    monkeypatch.setattr(kmeans, "BLOCK", 100)
    assert result() == first


def test_waves_do_not_change_the_result() -> None:
    vectors = families(600, seed=4)
    held = Vectors(vectors)
    centroids = kmeans.train(vectors[:300], 5, 5)
    shared = members(vectors, centroids, 2, 0.05, "cpu", 1)
    whole = greedy.merge(held, shared, 0.95)
    assert len(whole.gone) > 50
    for wave, edges in ((3, 1 << 20), (50, 40), (1000, 15)):
        cut = greedy.merge(held, shared, 0.95, wave=wave, edges=edges)
        assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


def test_two_probes_find_what_a_border_cuts() -> None:
    """A pair is found if it shares a cluster: the share of all true pairs, for 1 and 2 probes of 40 clusters."""
    vectors = families(4000, seed=7)
    a, b = np.nonzero(np.triu(exact(vectors) >= 0.95, 1))
    centroids = kmeans.train(vectors, 40, 10)
    recall = []
    for probes in (1, 2):
        shared = members(vectors, centroids, probes, 0.05, "cpu", 1)
        inside = np.zeros((4000, 40), bool)
        inside[shared.rows, np.repeat(np.arange(40), np.diff(shared.starts))] = True
        recall.append((inside[a] & inside[b]).any(axis=1).mean())
    assert len(a) > 500
    assert recall[0] < recall[1]
    assert recall[1] >= 0.99


def test_skipping_a_probe_far_from_the_border_loses_no_pair() -> None:
    """With every cluster probed, the rule that skips some of them must not part a single pair."""
    vectors = families(1500, width=12, seed=8)
    for eps in (0.01, 0.05, 0.2):
        a, b = np.nonzero(np.triu(exact(vectors) >= 1 - eps, 1))
        shared = members(vectors, kmeans.train(vectors, 9, 10), 9, eps, "cpu", 1)
        inside = np.zeros((1500, 9), bool)
        inside[shared.rows, np.repeat(np.arange(9), np.diff(shared.starts))] = True
        assert (inside[a] & inside[b]).any(axis=1).all()
        assert not inside.all()


def test_the_published_maxima() -> None:
    """Six vectors whose largest similarities to earlier ones another implementation of SemDeDup publishes."""
    vectors = unit([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12], [1, 2, 3], [1, 2, 3]])
    for precision in ("float32", "bfloat16"):
        score, nearest = earlier_maxima(Vectors(vectors, "cpu", precision), np.arange(6))
        np.testing.assert_allclose(score, [0, 0.974631, 0.998190, 0.999618, 1, 1], atol=1e-6)
        assert nearest.tolist() == [-1, 0, 1, 2, 0, 0]


def test_reference_is_the_triangle_of_similarities() -> None:
    vectors = families(500, seed=11)
    merged, _ = semdedup(vectors, keys(500), DedupSemantic(mode="reference", clusters=6, keep="hard", eps=0.1), 1)
    centroids = kmeans.train(vectors[np.lexsort((keys(500).id, keys(500).hash))[:384]], 6, 10)
    shared = members(vectors, centroids, 1, 0.1, "cpu", 1)
    cosine = exact(vectors)
    gone = []
    for cluster in range(6):
        rows = shared.rows[shared.starts[cluster] : shared.starts[cluster + 1]]
        rows = rows[np.lexsort((rows, shared.closeness[rows]))]
        gone += rows[np.triu(cosine[np.ix_(rows, rows)], 1).max(axis=0, initial=0) > 0.9].tolist()
    assert merged.gone.tolist() != []
    assert sorted(merged.gone.tolist()) == sorted(gone)
    assert not set(merged.into.tolist()) & set(merged.gone.tolist())


def test_a_chain_is_cut_by_greedy_only() -> None:
    """a ~ b ~ c with a unlike c: SemDeDup drops b and c, greedy keeps c, which no survivor is like."""
    angles = np.deg2rad([0, 15, 30])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)
    quality = np.array([0.9, 0.5, 0.1])
    greedily, _ = semdedup(vectors, keys(3, quality=quality), DedupSemantic(), 1)
    published, _ = semdedup(vectors, keys(3, quality=quality), DedupSemantic(mode="reference"), 1)
    assert (greedily.gone.tolist(), greedily.into.tolist()) == ([1], [0])
    assert (sorted(published.gone.tolist()), published.into.tolist()) == ([1, 2], [0, 0])
    assert survivors(np.array([-1, 0, 1]), np.array([False, True, True])).tolist() == [-1, 0, 0]


def test_hard_easy_and_random_choose_as_they_say() -> None:
    random = np.random.default_rng(2)
    centre = unit(random.standard_normal((1, 32)))[0]
    rows = unit(centre + np.linspace(0.01, 0.2, 12)[:, None] * unit(random.standard_normal((12, 32))))
    vectors = np.concatenate([rows, np.repeat(-rows[:1], 5, axis=0)]).astype(np.float16)
    kept = {}
    for keep in ("hard", "easy"):
        merged, _ = semdedup(vectors, keys(17), DedupSemantic(clusters=2, keep=keep), 1)
        kept[keep] = sorted(set(range(12)) - set(merged.gone.tolist()))
    closeness = members(vectors, kmeans.train(vectors[:], 2, 10), 1, 0.05, "cpu", 1).closeness[:12]
    assert kept["hard"] == [int(closeness.argmin())]
    assert kept["easy"] == [int(closeness.argmax())]
    drawn = {
        tuple(semdedup(vectors, keys(17, seed=s), DedupSemantic(keep="random", clusters=1), 1)[0].gone)
        for s in range(4)
    }
    assert len(drawn) > 1


def test_nearest_is_exact_and_ties_go_to_the_smaller_number() -> None:
    vectors = families(300, width=384)
    centroids = kmeans.quantise(families(40, width=384, seed=1))
    centroids[7] = centroids[3]
    rows = kmeans.quantise(vectors)
    true = rows.astype(np.int64) @ centroids.astype(np.int64).T
    for device in ("cpu", "cpu:0"):
        for count in (1, 2):
            scores, labels = kmeans.nearest(rows, centroids, count, device, 2)
            order = np.lexsort((np.broadcast_to(np.arange(40), true.shape), -true), axis=-1)[:, :count]
            assert np.array_equal(labels, order)
            assert np.array_equal(scores.astype(np.int64), np.take_along_axis(true, order, 1))


def test_nothing_and_one() -> None:
    assert len(semdedup(np.empty((0, 8), np.float16), keys(0), DedupSemantic(), 1)[0].gone) == 0
    assert len(semdedup(families(1), keys(1), DedupSemantic(clusters=3), 1)[0].gone) == 0
