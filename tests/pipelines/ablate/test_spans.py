"""Measures: what their values are, and that they come back from disk."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pipelines.ablate.spans import METRICS, Items, Measure, value

NATS = np.array([2.0, 3.0, 3.0, 1.0])
RIGHT = np.array([True, False, False, True])


@pytest.mark.parametrize(
    ("kind", "spans", "sizes", "expected"),
    [
        ("nats", (0, 1), (), 5.0),
        ("bits", (0, 3), (), 3 / math.log(2)),
        ("gain", (1, 0), (), 1 / math.log(2)),
        ("exact", (0,), (), 1.0),
        ("exact", (1,), (), 0.0),
        ("choice", (0, 1, 2), (1, 1, 1), 1.0),
        ("choice", (0, 1, 3), (1, 1, 1), 0.0),
        ("choice", (0, 3), (4, 1), 1.0),  # fewer nats a byte
        ("choice", (1, 2), (1, 1), 0.0),  # a tie is not right
    ],
)
def test_a_measure_has_the_value_of_its_kind(
    kind: str, spans: tuple[int, ...], sizes: tuple[int, ...], expected: float
) -> None:
    found = value(Measure("set", "loss", "d", kind, spans, 1.0, sizes), NATS, RIGHT)
    assert found == pytest.approx(expected)


def test_items_come_back_as_they_were(tmp_path: Path) -> None:
    items = Items()
    spans = (items.span(np.array([1, 2, 3]), 1), items.span(np.array([70_000, 2]), 1))
    items.measures.append(Measure("sét", "continuation", "d\n1", "choice", spans, 1.0, (3, 4)))
    assert all(measure.metric in METRICS for measure in items.measures)
    items.save(tmp_path / "items.npz")
    again = Items.load(tmp_path / "items.npz")
    assert again.measures == items.measures and again.since == items.since and again.digest == items.digest
    again.since[0] = 2
    assert again.digest != items.digest
