from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest

from sequences.trim import EXHAUSTIVE, trim


def rest(missing: int, inside: list[int], outside: list[int], moved: tuple[list[int], list[int]]) -> int:
    out, into = moved
    assert len(set(out)) == len(out)
    assert len(set(into)) == len(into)
    return missing + sum(inside[n] for n in out) - sum(outside[n] for n in into)


@pytest.mark.parametrize("seed", range(6))
def test_of_few_documents_the_result_is_the_nearest_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside, outside = ([int(n) for n in rng.integers(1, 900, size)] for size in (5, 6))
    missing = int(rng.integers(-700, 700))
    changes = [-n for n in inside] + outside
    subsets = chain.from_iterable(combinations(changes, size) for size in range(len(changes) + 1))
    nearest = min(abs(missing - sum(subset)) for subset in subsets)
    assert abs(rest(missing, inside, outside, trim(missing, inside, outside, 0))) == nearest


@pytest.mark.parametrize("missing", [-90_000, -1234, -1, 1, 77, 4321, 90_000])
@pytest.mark.parametrize("largest", [50, 3000, 100_000])
def test_of_many_documents_little_is_missing_afterwards(missing: int, largest: int) -> None:
    rng = np.random.default_rng(largest)
    inside, outside = ([int(n) for n in rng.integers(1, largest, 2500)] for _ in range(2))
    moved = trim(missing, inside, outside, 3)
    left = abs(rest(missing, inside, outside, moved))
    assert left <= 3 or sum(inside if missing < 0 else outside) < abs(missing)
    assert trim(missing, inside, outside, 3) == moved


def test_documents_that_are_all_alike_and_none_at_all() -> None:
    inside, outside = [1000] * 40, [1000] * 40
    assert abs(rest(1700, inside, outside, trim(1700, inside, outside, 1))) == 300
    assert abs(rest(-400, inside, outside, trim(-400, inside, outside, 1))) == 400
    assert trim(500, [], [], 0) == ([], [])
    assert trim(5, [1, 2], [5], 5) == ([], [])
    assert trim(10**9, [], [7] * (EXHAUSTIVE + 10), 0) == ([], list(range(EXHAUSTIVE + 10)))
