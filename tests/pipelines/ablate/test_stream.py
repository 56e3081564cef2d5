"""The order in which a training sees an arm: every token once a pass, any window at any time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.ablate.draw import keys_of
from pipelines.ablate.stream import FACTS, KEYS, MASK, STARTS, TOKENS, Stream

LENGTHS = (5, 1, 12, 7, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    total = sum(LENGTHS)
    np.arange(total, dtype=np.uint16).tofile(tmp_path / TOKENS)
    (np.arange(total) % 3 > 0).astype(np.uint8).tofile(tmp_path / MASK)
    np.save(tmp_path / STARTS, np.cumsum([0, *LENGTHS]))
    np.save(tmp_path / KEYS, keys_of([f"d{n}" for n in range(len(LENGTHS))]))
    (tmp_path / FACTS).write_text(json.dumps({"dtype": "uint16", "masked": True}))
    return tmp_path


def test_a_pass_holds_each_document_whole_and_once_and_the_next_has_another_order(folder: Path) -> None:
    stream = Stream(folder, 3)
    passes = [stream.window(number * stream.length, stream.length)[0].tolist() for number in range(4)]
    documents = [list(range(end - size, end)) for size, end in zip(LENGTHS, np.cumsum(LENGTHS), strict=True)]
    for found in passes:
        assert sorted(found) == list(range(stream.length))
        for document in documents:
            at = found.index(document[0])
            assert found[at : at + len(document)] == document
    assert len({tuple(found) for found in passes}) > 1
    firsts = {tuple(Stream(folder, order).window(0, stream.length)[0].tolist()) for order in range(40)}
    assert len(firsts) > 25, "other seeds, other orders"


def test_any_window_is_a_part_of_the_whole(folder: Path) -> None:
    whole, masks = Stream(folder, 9).window(0, 90)
    assert np.array_equal(masks, whole % 3 > 0)
    for start, count in [(0, 1), (27, 2), (28, 60), (50, 3), (11, 40)]:
        ids, mask = Stream(folder, 9).window(start, count)
        assert np.array_equal(ids, whole[start : start + count])
        assert np.array_equal(mask, masks[start : start + count])


def test_samples_are_the_windows_of_the_stream_each_once_in_another_order(folder: Path) -> None:
    stream = Stream(folder, 2)
    found = [stream.sample(number, 23, 4)[0].tolist() for number in range(23)]
    windows = [stream.window(number * 4, 5)[0].tolist() for number in range(23)]
    assert sorted(found) == sorted(windows) and found != windows
    for first in range(0, 21, 7):  # a pass of 28 tokens
        assert sorted(found[first : first + 7]) == sorted(windows[first : first + 7])
    assert [Stream(folder, 2).sample(number, 23, 4)[0].tolist() for number in (22, 3, 9)] == [
        found[n] for n in (22, 3, 9)
    ]
