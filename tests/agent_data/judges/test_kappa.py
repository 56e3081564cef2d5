"""Kappas against published examples, and the sums against whole tables."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest

from agent_data.judges.kappa import Agreement, against_truth, fleiss, majority, of_panel, tallies

# Ten subjects, fourteen raters, five categories: the worked example of Fleiss' kappa, 0.210.
SUBJECTS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1), (7, 7, 0, 0, 0), (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip


def whole_table(table: list[tuple[int, ...]]) -> float:
    """The definition, subject by subject (Fleiss 1971, equations 1 to 9)."""
    raters = sum(table[0])
    agreement = [(sum(cell * cell for cell in row) - raters) / (raters * (raters - 1)) for row in table]
    shares = [sum(row[place] for row in table) / (len(table) * raters) for place in range(len(table[0]))]
    observed, chance = sum(agreement) / len(table), sum(share * share for share in shares)
    return (observed - chance) / (1 - chance)


def test_fleiss_kappa_of_the_published_example() -> None:
    sums = [sum(row[place] for row in SUBJECTS) for place in range(5)]
    found = fleiss(10, 14, sums, sum(cell * cell for row in SUBJECTS for cell in row))
    assert found == pytest.approx(whole_table(SUBJECTS)) and round(found or 0, 3) == 0.210


def test_cohens_kappa_of_the_published_example() -> None:
    found = Agreement(20, 5, 10, 15)  # 50 proposals read by two
    assert (
        found.observed == pytest.approx(0.7)
        and found.chance == pytest.approx(0.5)
        and found.kappa == pytest.approx(0.4)
    )
    assert found.error == pytest.approx((0.7 * 0.3 / (50 * 0.25)) ** 0.5)


def test_what_chance_explains_has_no_kappa() -> None:
    assert fleiss(5, 3, [15, 0], 45) is None and fleiss(0, 3, [0, 0], 0) is None and fleiss(5, 1, [3, 2], 5) is None
    assert Agreement(7, 0, 0, 0).kappa is None and Agreement(0, 0, 0, 0).observed is None
    assert Agreement(5, 0, 0, 5).kappa == 1 and Agreement(0, 5, 5, 0).kappa == -1


def test_sums_over_rows_give_what_the_whole_table_gives() -> None:
    numbers = random.Random(1)
    rows = [[numbers.random() < 0.7 for _ in range(5)] for _ in range(200)]
    truths = [numbers.random() < 0.5 for _ in rows]
    sums: Counter[str] = Counter()
    for votes, truth in zip(rows, truths, strict=True):
        sums.update(tallies(votes, truth))
    assert of_panel(sums, 5) == pytest.approx(whole_table([(sum(votes), 5 - sum(votes)) for votes in rows]))
    found = against_truth(sums, "judge3")
    assert (
        found.both == sum(votes[3] and truth for votes, truth in zip(rows, truths, strict=True)) and found.rows == 200
    )
    assert against_truth(sums, "majority").first == sum(
        sum(votes) > 2 and not truth for votes, truth in zip(rows, truths, strict=True)
    )


def test_a_majority_is_more_than_half_of_all_judges() -> None:
    for votes in product((True, False, None), repeat=3):
        assert majority(votes) == (votes.count(True) >= 2)
    assert not majority([True, False]) and not majority([])
    assert tallies([True, None], None) == {"panel.incomplete": 1, "panel.unread": 1}
