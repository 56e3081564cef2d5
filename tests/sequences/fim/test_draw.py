from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sequences.fim.draw import WORD, below, happens, span, words


@given(st.integers(0, 30), st.integers(1, 12), st.none() | st.integers(1, 40))
def test_every_span_within_the_bounds_once(length: int, shortest: int, longest: int | None) -> None:
    most = min(length, longest or length)
    expected = sorted((start, start + size) for size in range(shortest, most + 1) for start in range(length - size + 1))
    if not expected:
        assert span(length, shortest, longest, 5, 7) is None
        return
    found = []
    for rank in range(len(expected)):  # the least number that is scaled to this rank
        high, low = divmod(-(-rank * WORD**2 // len(expected)), WORD)
        found.append(span(length, shortest, longest, high, low))
    assert sorted(each for each in found if each) == expected


@given(st.integers(1, 1 << 30), st.integers(0, WORD - 1), st.integers(0, WORD - 1))
def test_a_span_of_a_long_text_lies_in_it(length: int, high: int, low: int) -> None:
    drawn = span(length, 1, None, high, low)
    assert drawn is not None
    assert 0 <= drawn[0] < drawn[1] <= length


def test_words_follow_from_seed_and_parts_alone() -> None:
    assert words(1, "a") == words(1, "a")
    assert len({words(seed, *parts) for seed in (0, 1) for parts in (("a",), ("b",), ("a", "1"), ("a", 1, 2))}) == 8
    assert words(0, "1", "a") != words(0, "1a")
    assert len(words(0, "\ud800")) == 8  # an id may hold a lone surrogate
    assert words(7, "document") == (  # a change here changes every dataset: raise the versions of the stages
        15422985263377525083, 15615342282779804032, 5130642836432459853, 17092804931307701666,
        364087830746735793, 13086519491087095996, 10581980218862003150, 4438434164560041643,
    )  # fmt: skip


def test_rates_and_numbers() -> None:
    drawn = [words(3, str(number))[0] for number in range(4000)]
    for rate in (0.0, 0.2, 0.9, 1.0):
        share = sum(happens(word, rate) for word in drawn) / len(drawn)
        assert abs(share - rate) <= 5 * (rate * (1 - rate) / len(drawn)) ** 0.5
    counts = Counter(below(7, word, turn) for word in drawn for turn in (0, 1))
    assert set(counts) == set(range(7))
    assert max(abs(count - 8000 / 7) for count in counts.values()) < 5 * (8000 * 6 / 49) ** 0.5 * 2
