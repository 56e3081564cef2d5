from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_sequences import row_values, write_sequences

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402  torch may be missing

from arcmill.errors import InputError, UsageError  # noqa: E402
from sequences.reader import SequenceReader  # noqa: E402
from sequences.torch_data import SequenceDataset, SequenceLoader  # noqa: E402

PARTS = ((5, 3), (7,), (4, 4, 2))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_sequences(tmp_path_factory.mktemp("sequences") / "packed", PARTS)


def rows_of(loader: Any, steps: int | None = None) -> list[list[int]]:
    return [batch["rows"].tolist() for batch in itertools.islice(loader, steps)]


@pytest.mark.parametrize(("workers", "method"), [(0, None), (1, "fork"), (2, "fork"), (4, "fork"), (2, "spawn")])
@pytest.mark.filterwarnings("ignore:This DataLoader")
def test_batches_are_those_of_the_reader_for_any_workers(url: str, workers: int, method: str | None) -> None:
    loader = SequenceLoader(
        url, global_batch=4, epochs=1, workers=workers, start_method=method, labels=True, segments=True
    )
    assert len(loader) == 6
    expected = list(SequenceReader(url, global_batch=4, epochs=1, labels=True, segments=True).batches())
    got = list(loader)
    assert len(got) == len(expected) == 6
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            if isinstance(value, np.ndarray):
                assert mine[key].dtype == torch.from_numpy(value).dtype and np.array_equal(mine[key].numpy(), value), (
                    key
                )
            else:
                assert mine[key] == value
    assert loader.state_dict()["consumed"] == 24 and len(loader) == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_only_what_the_loop_received_is_consumed(url: str, workers: int) -> None:
    loader = SequenceLoader(url, global_batch=4, workers=workers, prefetch_factor=4)
    whole = rows_of(SequenceReader(url, global_batch=4).batches(), 9)
    assert loader.state_dict()["consumed"] == 0
    read = rows_of(loader, 3)
    assert (loader.state_dict()["consumed"], loader.state_dict()["step"]) == (12, 3)
    assert rows_of(loader, 2) == whole[3:5], "a second loop goes on"
    state = json.loads(json.dumps(loader.state_dict()))
    later = SequenceLoader(url, global_batch=4, workers=2 - workers)
    later.load_state_dict(state)
    batches = list(itertools.islice(later, 4))
    assert [batch["rows"].tolist() for batch in batches] == whole[5:9]
    assert [batch["step"] for batch in batches] == [5, 6, 7, 8]
    assert read + whole[3:5] == whole[:5]


def test_a_step_of_micro_batches_counts_when_it_is_whole(url: str) -> None:
    loader = SequenceLoader(url, global_batch=4, micro_batch=1, epochs=1)
    assert len(loader) == 24
    consumed = []
    for _ in itertools.islice(loader, 9):
        consumed.append(loader.state_dict()["consumed"])
    assert consumed == [0, 0, 0, 4, 4, 4, 4, 8, 8]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_of_ones_own(url: str, workers: int) -> None:
    dataset = SequenceDataset(url, global_batch=4, epochs=2)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    expected = rows_of(SequenceReader(url, global_batch=4, epochs=2).batches())
    batches = list(loader)
    assert [batch["rows"].tolist() for batch in batches] == expected
    again = SequenceDataset(url, global_batch=4, epochs=2)
    again.load_state_dict(dataset.state_after(batches[4]))
    assert rows_of(DataLoader(again, batch_size=None, num_workers=workers)) == expected[5:]
    assert again.state_dict()["consumed"] == 20


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_data_loader(url: str, workers: int) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    expected = rows_of(SequenceReader(url, global_batch=2, epochs=1).batches())
    loader = stateful(SequenceDataset(url, global_batch=2, epochs=1), batch_size=None, num_workers=workers)
    read = iter(loader)
    assert [next(read)["rows"].tolist() for _ in range(5)] == expected[:5]
    state = loader.state_dict()
    later = stateful(SequenceDataset(url, global_batch=2, epochs=1), batch_size=None, num_workers=workers)
    later.load_state_dict(state)
    assert rows_of(later) == expected[5:]


def test_rank_and_world_of_torchruns_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    mine = SequenceLoader(url, global_batch=4).reader
    assert (mine.rank, mine.world_size) == (1, 2)
    given = SequenceLoader(url, global_batch=4, rank=0, world_size=4).reader
    assert (given.rank, given.world_size) == (0, 4)
    with pytest.raises(UsageError, match="both, or neither"):
        SequenceLoader(url, global_batch=4, rank=0)


SCRIPT = """
import json, sys
import torch.distributed as dist
from sequences.torch_data import SequenceLoader
url, store, rank, world, steps, state, output = sys.argv[1:]
dist.init_process_group("gloo", init_method="file://" + store, rank=int(rank), world_size=int(world))
loader = SequenceLoader(url, global_batch=6, seed=2, workers=1)
if state != "-":
    loader.load_state_dict(json.load(open(state)))
rows = [batch["rows"].tolist() for batch, _ in zip(loader, range(int(steps)), strict=False)]
gathered = [None] * int(world)
dist.all_gather_object(gathered, (rows, loader.state_dict()))
if rank == "0":
    json.dump(gathered, open(output, "w"))
dist.destroy_process_group()
"""


def test_ranks_of_torch_distributed_and_a_resume_with_another_world(url: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)

    def train(world: int, steps: int, state: str, name: str) -> list[Any]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        ranks = [
            subprocess.Popen(
                [sys.executable, str(script), url, str(tmp_path / f"store-{name}"), str(rank), str(world), str(steps), state,
                 str(tmp_path / name)], env=environment,
            ) for rank in range(world)
        ]  # fmt: skip
        assert [rank.wait(timeout=120) for rank in ranks] == [0] * world
        gathered: list[Any] = json.loads((tmp_path / name).read_text())
        return gathered

    # zip takes a batch that the loop then does not use: it counts as received, on every rank alike.
    first = train(2, 2, "-", "first.json")
    states = [state for _, state in first]
    assert states[0] == states[1] and states[0]["consumed"] == 18
    second = []
    for rank in range(3):
        loader = SequenceLoader(url, global_batch=6, seed=2, rank=rank, world_size=3)
        loader.load_state_dict(states[0])
        second.append([rows_of(loader, 2), loader.state_dict()])
    order = SequenceReader(url, global_batch=6, seed=2)
    for gathered, begin in ((first, 0), (second, 18)):
        steps = [[row for share in step for row in share] for step in zip(*[rows for rows, _ in gathered], strict=True)]
        assert steps == [order.sample_rows(begin + 6 * n, begin + 6 * n + 6).tolist() for n in range(2)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_part_stops_the_run_and_is_named(tmp_path: Path, workers: int) -> None:
    url = write_sequences(tmp_path / "packed", PARTS)
    loader = SequenceLoader(url, global_batch=4, epochs=1, workers=workers)
    path = Path(url) / "part-00002.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"^[^\n]*part-00002\.parquet: \d+ bytes, the manifest says \d+$"):
        list(loader)


def test_tokens_reach_the_loop_unchanged(url: str) -> None:
    ids, _ = row_values(url)
    for batch in SequenceLoader(url, global_batch=5, epochs=1, workers=2, dtype="int32"):
        assert batch["input_ids"].dtype == torch.int32
        assert np.array_equal(batch["input_ids"].numpy(), ids[batch["rows"]])
