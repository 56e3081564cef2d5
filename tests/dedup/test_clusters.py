from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from arcmill.errors import EngineError
from dedup.candidates import pairs_of, stream_pairs
from dedup.clusters import greedy


def test_a_chain_keeps_its_ends() -> None:
    """0 ~ 1 ~ 2 ~ 3: 1 goes into 0; 2 is like no survivor and stays; 3 goes into 2."""
    better, worse = np.array([0, 1, 2]), np.array([1, 2, 3])
    assert greedy(better, worse).tolist() == [-1, 0, -1, 2]


def test_the_best_survivor_takes_a_document_that_several_are_like() -> None:
    better, worse = np.array([1, 0, 2]), np.array([3, 3, 3])
    assert greedy(better, worse).tolist()[3] == 1


def test_greedy_is_independent_of_the_order_of_pairs_and_meets_its_definition() -> None:
    rng = np.random.default_rng(0)
    ends = np.unique(np.sort(rng.integers(0, 200, (400, 2)), axis=1), axis=0)
    ends = ends[ends[:, 0] < ends[:, 1]]
    first = greedy(ends[:, 0], ends[:, 1])
    into = {worse: ends[edge, 0] for worse, edge in enumerate(first) if edge >= 0}
    for _ in range(5):
        mixed = rng.permutation(ends)
        again = greedy(mixed[:, 0], mixed[:, 1])
        assert {worse: mixed[edge, 0] for worse, edge in enumerate(again) if edge >= 0} == into
    removed = set(into)
    for worse in range(200):
        like = [a for a, b in ends.tolist() if b == worse and a not in removed]
        assert into.get(worse) == (min(like) if like else None)


def test_no_pairs() -> None:
    none = np.empty(0, np.int64)
    assert greedy(none, none).size == 0


def bucket(*sizes: int, short: bool = False) -> tuple[np.ndarray, ...]:
    keys = np.repeat(np.arange(len(sizes)), sizes)
    return keys, np.arange(keys.size)[::-1].copy() + 100, np.full(keys.size, 7), np.full(keys.size, short)


def test_small_buckets_give_every_pair_once_smaller_uid_first() -> None:
    pairs = pairs_of(*bucket(1, 3, 2), cap=10, anchors=1)
    assert set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == {(102, 103), (102, 104), (103, 104), (100, 101)}
    assert (pairs.skipped, pairs.hot) == (0, 0)
    assert pairs.size.tolist() == [14] * 4


def test_hot_buckets_compare_with_anchors_and_count_the_rest() -> None:
    pairs = pairs_of(*bucket(10), cap=9, anchors=2)
    assert pairs.a.size == 9 + 8
    assert pairs.a.size + pairs.skipped == 10 * 9 // 2
    assert pairs.hot == 1
    assert set(pairs.b.tolist()) >= {109}  # the best stands first


def test_short_buckets_need_only_their_best() -> None:
    pairs = pairs_of(*bucket(50, short=True), cap=9, anchors=2)
    assert pairs.b.tolist() == [149] * 49
    assert (pairs.skipped, pairs.hot) == (0, 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 100])
def test_batches_do_not_cut_buckets(rows: int) -> None:
    columns = bucket(1, 4, 12, 1, 1, 3, 6)
    whole = pairs_of(*columns, cap=8, anchors=2)
    table = pa.RecordBatch.from_arrays([pa.array(c) for c in columns], names=["key", "uid", "size", "short"])
    batches = [table.slice(0, 0), *(table.slice(i, rows) for i in range(0, table.num_rows, rows))]
    found = list(stream_pairs(iter(batches), cap=8, anchors=2))
    assert np.concatenate([p.a for p in found]).tolist() == whole.a.tolist()
    assert np.concatenate([p.b for p in found]).tolist() == whole.b.tolist()
    assert sum(p.skipped for p in found) == whole.skipped > 0
    assert sum(p.hot for p in found) == whole.hot == 1


def test_keys_out_of_order_are_refused() -> None:
    """An engine that forgets the order would lose pairs without a word."""

    def batch(*keys: int) -> pa.RecordBatch:
        rows = {"key": keys, "uid": range(len(keys)), "size": [1] * len(keys)}
        columns = {name: pa.array(values, pa.int64()) for name, values in rows.items()}
        return pa.RecordBatch.from_pydict({**columns, "short": pa.array([False] * len(keys))})

    for batches in ([batch(1, 3, 2)], [batch(1, 3), batch(2, 4)]):
        with pytest.raises(EngineError, match="out of order"):
            list(stream_pairs(iter(batches), cap=8, anchors=2))
