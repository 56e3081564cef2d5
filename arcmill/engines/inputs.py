"""What the tasks of any engine read: parts of the inputs, and what `Stage.setup` made, once a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset, read_part
from arcmill.identity import Job
from arcmill.remote import local_folder

if TYPE_CHECKING:
    import pyarrow as pa


def input_parts(job: Job, name: str) -> list[tuple[Dataset, Mapping[str, Any]]]:
    """The parts of an input, over all datasets that were given for it; a part's place is its `_part` locator."""
    return [(dataset, part) for dataset in job.datasets.get(name, ()) for part in dataset.parts]


def read_part_of(job: Job, unit: tuple[str, int]) -> Iterator[pa.RecordBatch]:
    """The rows of one part: (input name, number of the part)."""
    name, number = unit
    dataset, part = input_parts(job, name)[number]
    yield from read_part(dataset, part["path"])


_states: dict[str, tuple[Any, ...]] = {}


def stage_state(job: Job) -> tuple[Any, ...]:
    """What `setup` made for this stage, once a process: () where the stage needs none."""
    if job.stage.setup is None:
        return ()
    if job.staging not in _states:
        _states.clear()
        inputs = {
            name: local_folder(datasets[0]) if datasets[0].record == "Model" else list(datasets)
            for name, datasets in job.datasets.items()
            if datasets
        }
        _states[job.staging] = (job.stage.setup(job.config, inputs),)
    return _states[job.staging]
