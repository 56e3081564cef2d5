"""The algorithm on vectors: exactness, recall, the published reference, and what must not change a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from arcmill.errors import EngineError
from dedup.semantic import greedy, kmeans
from dedup.semantic.codes import centroid_codes, encode
from dedup.semantic.membership import Membership, closeness, members
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
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "float16")
    assert result(device="cpu:0") == first  # in a GPU's arithmetic
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "float32")
    assert result() == first
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "int8")
    assert result() == first
    monkeypatch.setattr("dedup.semantic.neighbours.ROWS", 7)
    monkeypatch.setattr("dedup.semantic.neighbours.COLUMNS", 13)
    monkeypatch.setattr(kmeans, "PRODUCTS", 300)
    monkeypatch.setattr(kmeans, "BLOCK", 100)
    assert result() == first


def test_waves_do_not_change_the_result() -> None:
    vectors = families(600, seed=4)
    held = Vectors(vectors)
    shared = members(held, kmeans.train(held, np.arange(300), 5, 5), 2, 0.05, 1)
    whole = greedy.merge(held, shared, 0.95)
    assert len(whole.gone) > 50
    for wave, edges in ((3, 1 << 20), (50, 40), (1000, 15)):
        cut = greedy.merge(held, shared, 0.95, wave=wave, edges=edges)
        assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


def compared(shared: Membership, total: int) -> Any:
    """Which pairs share a cluster, as a matrix."""
    clusters = len(shared.starts) - 1
    inside = np.zeros((total, clusters), np.float32)
    inside[shared.rows, np.repeat(np.arange(clusters), np.diff(shared.starts))] = 1
    return inside @ inside.T > 0


def test_two_probes_find_what_a_border_cuts() -> None:
    """A pair is found if it shares a cluster: the share of all true pairs, for 1 and 2 probes of 40 clusters."""
    vectors = families(4000, seed=7)
    held = Vectors(vectors)
    a, b = np.nonzero(np.triu(exact(vectors) >= 0.95, 1))
    centroids = kmeans.train(held, np.arange(4000), 40, 10)
    recall = [compared(members(held, centroids, probes, 0.05, 1), 4000)[a, b].mean() for probes in (1, 2)]
    assert len(a) > 500
    assert recall[0] < recall[1]
    assert recall[1] >= 0.99


def test_what_is_compared_is_what_is_merged() -> None:
    """The plain walk over exactly the pairs that share a cluster; guests of two clusters meet in a third."""
    vectors = families(800, width=16, seed=12)
    held = Vectors(vectors)
    shared = members(held, kmeans.train(held, np.arange(800), 40, 10), 2, 0.2, 1)
    inside = compared(shared, 800)
    alike = exact(vectors) >= 0.8
    assert (alike & ~inside).any()
    own = np.zeros((800, 800), bool)
    for cluster in range(40):
        rows = shared.rows[shared.starts[cluster] : shared.starts[cluster + 1]]
        own[np.ix_(rows, rows[shared.label[rows] == cluster])] = True
    assert (alike & inside & ~own & ~own.T).any()
    merged = greedy.merge(held, shared, 0.8)
    wanted = plain_greedy(alike & inside, np.arange(800))
    assert dict(zip(merged.gone.tolist(), merged.into.tolist(), strict=True)) == wanted


def test_skipping_a_probe_far_from_the_border_loses_no_pair() -> None:
    """With every cluster probed, the rule that skips some of them must not part a single pair."""
    held = Vectors(families(1500, width=12, seed=8))
    for eps in (0.01, 0.05, 0.2):
        a, b = np.nonzero(np.triu(exact(held.values) >= 1 - eps, 1))
        shared = members(held, kmeans.train(held, np.arange(1500), 9, 10), 9, eps, 1)
        assert compared(shared, 1500)[a, b].all()
        assert len(shared.rows) < 0.9 * 1500 * 9


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_blocks_nominate_every_pair_and_are_sure_of_no_other(kind: str) -> None:
    """Also of rows whose rounding is coarse: one large number beside many small ones; and of lengths not quite 1."""
    vectors = families(600, width=64, seed=13)
    vectors[:200, 0] += 3
    vectors = (unit(vectors) * np.random.default_rng(1).uniform(0.995, 1.005, (600, 1))).astype(np.float16)
    held, cosine = Vectors(vectors, "cpu", kind), exact(vectors)
    for threshold in (0.8, 0.95, 0.99):
        pairs = held.near(np.arange(600), np.arange(600), threshold, np.arange(600))
        named = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
        true = set(zip(*(part.tolist() for part in np.nonzero(np.tril(cosine >= threshold, -1))), strict=True))
        assert true <= named
        assert len(named) == len(pairs.a)
        assert (cosine[pairs.a[pairs.sure], pairs.b[pairs.sure]] >= threshold).all()
        assert threshold > 0.8 or pairs.sure.sum() > 50
        reached = held.reaching(pairs, threshold)
        assert set(zip(*(part.tolist() for part in reached), strict=True)) == true


def test_rounding_is_bounded_as_it_says() -> None:
    vectors = families(300, width=40, seed=14)
    vectors[0] = 0
    vectors[0, 5] = 1
    made = encode(vectors, "cpu", "int8")
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    off = np.linalg.norm(wide - made.codes.numpy() * made.unit[:, None].astype(np.float64), axis=1)
    assert (off <= made.error).all()
    assert made.error.max() < 0.02
    assert int(made.codes.abs().max()) == 127


def test_the_published_maxima() -> None:
    """Six vectors whose largest similarities to earlier ones another implementation of SemDeDup publishes."""
    vectors = unit([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12], [1, 2, 3], [1, 2, 3]])
    for precision in ("float32", "int8"):
        score, nearest = earlier_maxima(Vectors(vectors, "cpu", precision), np.arange(6))
        np.testing.assert_allclose(score, [0, 0.974631, 0.998190, 0.999618, 1, 1], atol=1e-6)
        assert nearest.tolist() == [-1, 0, 1, 2, 0, 0]


def test_reference_is_the_triangle_of_similarities() -> None:
    vectors = families(500, seed=11)
    merged, _ = semdedup(vectors, keys(500), DedupSemantic(mode="reference", clusters=6, keep="hard", eps=0.1), 1)
    held = Vectors(vectors)
    centroids = kmeans.train(held, np.lexsort((keys(500).id, keys(500).hash))[:384], 6, 10)
    shared = members(held, centroids, 1, 0.1, 1)
    near = closeness(held, centroids, shared.label)
    cosine = exact(vectors)
    gone = []
    for cluster in range(6):
        rows = np.flatnonzero(shared.label == cluster)
        rows = rows[np.lexsort((rows, near[rows]))]
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
    held = Vectors(vectors)
    centroids = kmeans.train(held, np.arange(17), 2, 10)
    near = closeness(held, centroids, members(held, centroids, 1, 0.05, 1).label)[:12]
    assert kept["hard"] == [int(near.argmin())]
    assert kept["easy"] == [int(near.argmax())]
    drawn = {
        tuple(semdedup(vectors, keys(17, seed=s), DedupSemantic(keep="random", clusters=1), 1)[0].gone)
        for s in range(4)
    }
    assert len(drawn) > 1


def test_nearest_is_exact_and_ties_go_to_the_smaller_number() -> None:
    vectors = families(300, width=384)
    centroids = centroid_codes(families(40, width=384, seed=1).astype(np.float64))
    centroids[7] = centroids[3]
    many = centroids.copy()
    many[20:30] = many[30]
    rows = encode(vectors, "cpu", "int8").codes
    # faiss and torch order a tie as they like, so only int8 is asked about many equals.
    for given, device, known in (
        (rows, "cpu", centroids), (rows, "cpu", many), (rows.float(), "cpu", centroids), (rows.float(), "cpu:0", centroids)
    ):  # fmt: skip
        true = rows.numpy().astype(np.int64) @ known.astype(np.int64).T
        for count in (1, 2, 3):
            scores, labels = kmeans.nearest(given, known, count, device, 2)
            order = np.lexsort((np.broadcast_to(np.arange(40), true.shape), -true), axis=-1)[:, :count]
            assert np.array_equal(labels, order)
            assert np.array_equal(scores.astype(np.int64), np.take_along_axis(true, order, 1))


def test_nothing_and_one() -> None:
    assert len(semdedup(np.empty((0, 8), np.float16), keys(0), DedupSemantic(), 1)[0].gone) == 0
    assert len(semdedup(families(1), keys(1), DedupSemantic(clusters=3), 1)[0].gone) == 0


def test_training_as_on_a_gpu_gives_the_same_centroids() -> None:
    """Sums by index_add in float64, the nearest by max: clusters without rows and rows of one number among them."""
    rows = families(3000)
    rows[100:140] = rows[100]
    sample = np.random.default_rng(2).permutation(3000)[:2500]
    made = [kmeans.train(Vectors(rows, device), sample, 300, 6) for device in ("cpu", "cpu:0")]
    np.testing.assert_array_equal(*made)
    kmeans.prove_exact("cpu:0")


def test_a_device_whose_products_are_rounded_is_refused(monkeypatch: Any) -> None:
    import torch

    plain = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: plain(a.bfloat16(), b.bfloat16()).float())
    kmeans.prove_exact.cache_clear()
    with pytest.raises(EngineError, match="not exact on cpu:0"):
        kmeans.prove_exact("cpu:0")
