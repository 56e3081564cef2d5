from __future__ import annotations

import hashlib
import itertools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_sequences import row_values, sequence_rows, write_sequences

from arcmill.errors import InputError, UsageError
from sequences.boundaries import cu_seqlens, position_ids
from sequences.reader import SequenceReader

PARTS = ((5, 3), (7,), (4, 4, 2))
ROWS = 25


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_sequences(tmp_path_factory.mktemp("sequences") / "packed", PARTS)


def numbers(batches: Any, steps: int | None = None) -> list[list[int]]:
    return [batch["rows"].tolist() for batch in itertools.islice(batches, steps)]


def together(url: str, world: int, steps: int, consumed: int = 0, **settings: Any) -> list[list[int]]:
    """Rows of each step, of all ranks in their order."""
    ranks = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for rank in range(world):
            reader = SequenceReader(url, rank=rank, world_size=world, **settings)
            ranks.append(numbers(reader.batches(consumed), steps))
    return [[row for rows in step for row in rows] for step in zip(*ranks, strict=True)]


def test_a_batch_holds_what_the_rows_hold(url: str) -> None:
    ids, masks = row_values(url)
    rows = sequence_rows(0, ROWS, 16)
    for batch in SequenceReader(url, global_batch=4, epochs=1, drop_last=False, labels=True, segments=True).batches():
        chosen = batch["rows"]
        assert np.array_equal(batch["input_ids"], ids[chosen]) and batch["input_ids"].dtype == np.int64
        assert np.array_equal(batch["loss_mask"], masks[chosen])
        assert batch["segments"] == [rows[row]["segments"] for row in chosen]
        alone = [cu_seqlens(rows[row]["segments"], 16) for row in chosen]
        expected = [0, *(16 * n + end for n, ends in enumerate(alone) for end in ends[1:])]
        assert batch["cu_seqlens"].tolist() == expected and batch["cu_seqlens"].dtype == np.int32
        assert batch["max_seqlen"] == max(np.diff(expected))
        positions = np.stack([position_ids(rows[row]["segments"], 16) for row in chosen])
        assert np.array_equal(batch["position_ids"], positions)
        for row, labels, place in zip(chosen, batch["labels"], positions, strict=True):
            for token in range(16):
                trained = masks[row][token] and place[token]
                assert labels[token] == (ids[row][token] if trained else -100)


@pytest.mark.parametrize("window", [1, 2, 9])
@pytest.mark.parametrize("batch", [1, 4, 7, 64])
def test_each_epoch_has_each_row_once_and_in_another_order(url: str, window: int, batch: int) -> None:
    reader = SequenceReader(url, global_batch=batch, epochs=3, drop_last=False, window=window, seed=5)
    read = [row for rows in numbers(reader.batches()) for row in rows]
    assert len(read) == 3 * ROWS
    epochs = [read[n * ROWS : (n + 1) * ROWS] for n in range(3)]
    assert all(sorted(epoch) == list(range(ROWS)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert read == reader.sample_rows(0, 3 * ROWS).tolist()


def test_the_seed_and_the_data_decide_the_order(url: str, tmp_path: Path) -> None:
    def first(of: str, seed: int) -> list[int]:
        return SequenceReader(of, global_batch=4, seed=seed).sample_rows(0, ROWS).tolist()

    assert first(url, 1) == first(url, 1) != first(url, 2)
    assert first(write_sequences(tmp_path / "same", PARTS), 1) == first(url, 1)
    assert first(write_sequences(tmp_path / "other", PARTS, seed=9), 1) != first(url, 1)


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6, 12])
def test_a_step_has_the_same_rows_in_any_world(url: str, world: int) -> None:
    alone = together(url, 1, 10, global_batch=12, seed=3)
    assert together(url, world, 10, global_batch=12, seed=3) == alone


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_workers_take_turns(url: str, workers: int) -> None:
    reader = SequenceReader(url, global_batch=4, epochs=2)
    whole = numbers(reader.batches())
    each = [numbers(reader.batches(worker=w, workers=workers)) for w in range(workers)]
    assert [rows for turn in itertools.zip_longest(*each) for rows in turn if rows is not None] == whole
    assert numbers(reader.batches(worker=workers - 1, workers=workers, skip=2)) == each[-1][2:]


def test_a_run_goes_on_in_other_worlds_with_other_batches(url: str) -> None:
    reader = SequenceReader(url, global_batch=8, seed=4)
    read = reader.sample_rows(0, 60).tolist()
    state = json.loads(json.dumps(reader.state(16, 2)))
    for world, batch in ((2, 8), (3, 8), (4, 4), (1, 11)):
        ranks = []
        for rank in range(world):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                later = SequenceReader(url, global_batch=batch, seed=4, rank=rank, world_size=world)
            consumed, step = later.resume(state)
            assert (consumed, step) == (16, 2)
            ranks.append(list(itertools.islice(later.batches(consumed, step), 4)))
        for number, shares in enumerate(zip(*ranks, strict=True)):
            first = 16 + number * batch
            assert [row for share in shares for row in share["rows"].tolist()] == read[first : first + batch]
            assert {share["step"] for share in shares} == {2 + number}
            assert {share["consumed"] for share in shares} == {first + batch}


def test_micro_batches_are_a_step_in_pieces(url: str) -> None:
    whole = SequenceReader(url, global_batch=12, rank=1, world_size=2, seed=1)
    pieces = SequenceReader(url, global_batch=12, rank=1, world_size=2, seed=1, micro_batch=4)
    assert (whole.micro_batches, pieces.micro_batches) == (1, 2)
    steps = numbers(whole.batches(), 4)
    batches = list(itertools.islice(pieces.batches(), 8))
    assert [batch["micro"] for batch in batches] == [0, 1] * 4
    assert [len(batch["rows"]) for batch in batches] == [4, 2] * 4
    both = [batches[n]["rows"].tolist() + batches[n + 1]["rows"].tolist() for n in range(0, 8, 2)]
    assert both == steps


def test_the_last_step(url: str) -> None:
    short = SequenceReader(url, global_batch=10, epochs=1, drop_last=False)
    assert [len(rows) for rows in numbers(short.batches())] == [10, 10, 5]
    assert (short.samples, short.steps(), short.steps(10), short.steps(25)) == (25, 3, 2, 0)
    full = SequenceReader(url, global_batch=10, epochs=1)
    assert [len(rows) for rows in numbers(full.batches())] == [10, 10]
    assert (full.samples, full.steps(), full.steps(20)) == (20, 2, 0)
    assert SequenceReader(url, global_batch=10).steps() is None
    tail = [
        numbers(SequenceReader(url, global_batch=10, epochs=1, drop_last=False, rank=r, world_size=10).batches())
        for r in range(10)
    ]
    assert {len(rank) for rank in tail} == {3}, "every rank makes the same number of steps"
    assert sorted(row for rank in tail for step in rank for row in step) == list(range(ROWS))


def test_step_rows_says_beforehand_what_a_step_holds(url: str) -> None:
    for rank in range(2):
        reader = SequenceReader(url, global_batch=6, rank=rank, world_size=2, epochs=2)
        for step, rows in enumerate(numbers(reader.batches())):
            assert reader.step_rows(step, of_rank=True).tolist() == rows
            assert reader.step_rows(step).tolist()[rank * 3 : rank * 3 + 3] == rows


def test_a_row_is_found_again(url: str) -> None:
    reader = SequenceReader(url, global_batch=4)
    assert reader.locate(0) == (url, "part-00000.parquet", 0)
    assert reader.locate(14) == (url, "part-00001.parquet", 6)
    assert reader.locate(24) == (url, "part-00002.parquet", 9)
    with pytest.raises(UsageError, match="rows 0 to 24"):
        reader.locate(25)


def test_several_datasets_are_read_as_one(url: str, tmp_path: Path) -> None:
    second = write_sequences(tmp_path / "second", ((3, 3),), seed=7)
    reader = SequenceReader([url, second], global_batch=4, epochs=1, drop_last=False)
    assert reader.rows == ROWS + 6
    both = np.concatenate((row_values(url)[0], row_values(second)[0]))
    read: list[int] = []
    for batch in reader.batches():
        assert np.array_equal(batch["input_ids"], both[batch["rows"]])
        read += batch["rows"].tolist()
    assert sorted(read) == list(range(ROWS + 6))
    assert reader.locate(ROWS + 1) == (second, "part-00000.parquet", 1)
    assert reader.fingerprint != SequenceReader([second, url], global_batch=4).fingerprint


def test_without_shuffling_rows_come_in_their_order(url: str) -> None:
    reader = SequenceReader(url, global_batch=5, epochs=1, shuffle=False)
    assert [row for rows in numbers(reader.batches()) for row in rows] == list(range(ROWS))


def test_memory_holds_the_windows_of_the_lanes_and_no_more(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "d", ((4,) * 40, (4,) * 40), length=4)
    reader = SequenceReader(url, global_batch=2, lanes=4, epochs=2, prefetch=1)
    from sequences.ahead import Windows

    windows = Windows(reader._store, reader._order, 1)
    most, waiting = 0, []
    for sample in range(0, 640, 2):
        waiting.append(windows.plan(sample, sample + 2))
        most = max(most, len(windows._held))
        if len(waiting) > 1:
            for piece in waiting.pop(0):
                windows.done(piece)
    windows.close()
    assert most <= 4 + 4, "those that the lanes are in, and those that they have just left"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fingerprint": "0" * 64}, "another dataset"),
        ({"seed": 9}, "made with seed 9, this reader has 0"),
        ({"window": 3}, "made with window 3"),
        ({"shuffle": False}, "made with shuffle False"),
        ({"format": 2}, "not a state of this reader"),
    ],
)
def test_a_state_of_something_else_is_refused(url: str, change: dict[str, Any], told: str) -> None:
    reader = SequenceReader(url, global_batch=4)
    with pytest.raises(UsageError, match=told):
        reader.resume({**reader.state(8, 2), **change})


def test_settings_that_do_not_fit_are_refused(url: str) -> None:
    def reader(**settings: Any) -> SequenceReader:
        return SequenceReader(url, **{"global_batch": 4, **settings})

    with pytest.raises(UsageError, match="rank 2 of 2"):
        reader(rank=2, world_size=2)
    with pytest.raises(UsageError, match="leaves some of 8 ranks"):
        reader(world_size=8)
    with pytest.warns(UserWarning, match="not a multiple of 3 ranks"):
        reader(world_size=3)
    with pytest.raises(UsageError, match="which micro_batch needs"):
        reader(world_size=3, micro_batch=1)
    with pytest.raises(UsageError, match="at least 1"):
        reader(global_batch=0)
    with pytest.raises(UsageError, match="dtype"):
        reader(dtype="float32")
    with pytest.raises(UsageError, match="made with lanes"):
        reader(lanes=2).resume(reader().state(0, 0))


def test_a_part_that_breaks_while_it_is_read_stops_the_run(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "d", PARTS, length=64)
    reader = SequenceReader(url, global_batch=4, epochs=1)
    path = Path(url) / "part-00002.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"part-00002\.parquet"):
        list(reader.batches())


@pytest.mark.parametrize("change", [{"lanes": 0}, {"lanes": "x"}, {"run": None}, {"consumed": -5}, {"step": 1.5}])
def test_a_damaged_state_is_refused(url: str, change: dict[str, Any]) -> None:
    reader = SequenceReader(url, global_batch=4)
    with pytest.raises(UsageError, match="the state is damaged"):
        reader.resume({**reader.state(8, 2), **change})


def told_order(
    parts: tuple[tuple[int, ...], ...], key: str, lanes: int, run: int, window: int, samples: int
) -> list[int]:
    """The order as docs/handoff.md tells it, in plain Python."""

    def shuffled(count: int, *name: object) -> list[int]:
        text = "\0".join([key, *map(str, name)])
        state = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        outputs = []
        for _ in range(count):
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            value = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
            outputs.append(value ^ value >> 31)
        return sorted(range(count), key=outputs.__getitem__)

    rows = sum(map(sum, parts))
    read: list[int] = []
    for epoch in range(-(-samples // rows)):
        line: list[int] = []
        for part in shuffled(len(parts), epoch, "parts"):
            sizes = parts[part]
            groups = shuffled(len(sizes), epoch, "groups", part)
            for number in range(0, len(groups), window):
                held = [
                    sum(map(sum, parts[:part])) + sum(sizes[:group]) + row
                    for group in groups[number : number + window]
                    for row in range(sizes[group])
                ]
                line += [held[n] for n in shuffled(len(held), epoch, "rows", part, number // window)]
        lane_of = [g // run % lanes for g in range(epoch * rows, (epoch + 1) * rows)]
        stretches: dict[int, list[int]] = {}
        for lane in shuffled(lanes, epoch, "lanes"):
            stretches[lane], line = line[: lane_of.count(lane)], line[lane_of.count(lane) :]
        read += [stretches[lane].pop(0) for lane in lane_of]
    return read[:samples]


@pytest.mark.parametrize(("window", "lanes", "run"), [(1, 4, 3), (2, 7, 1), (3, 32, 1)])
def test_the_order_is_the_one_that_the_contract_tells(url: str, window: int, lanes: int, run: int) -> None:
    reader = SequenceReader(url, global_batch=4, seed=11, window=window, lanes=lanes, run=run)
    expected = told_order(PARTS, f"{reader.fingerprint}\0{11}", lanes, run, window, 70)
    assert reader.sample_rows(0, 70).tolist() == expected
