"""collect-tasks: published tasks with gold calls (tau-bench's form) as AgentTasks, each executed to the state that is its goal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from agent_data.environments.catalogue import EnvironmentsConfig
from arcmill.config import Field
from arcmill.records import AgentTask
from arcmill.stage import Failure, SourceFile, Stage

ACCEPTED = tuple(
    f"{kind}{packed}" for kind in (".json", ".jsonl", ".ndjson") for packed in ("", ".gz", ".zst", ".bz2", ".xz")
)


class CollectTasks(EnvironmentsConfig):
    """Which world the tasks are for."""

    environment: str = Field(
        min_length=1, description="the environment that all tasks are for, as the tasks will name it"
    )
    seed: int = Field(0, ge=0, description="seed of the environment, where a row gives none")
    steps: Literal["dialogue", "multi"] = Field(
        "dialogue", description="dialogue: the instruction is what a user knows and wants, and says line by line; multi: it is "
        "the first and only message"
    )  # fmt: skip
    refused: Literal["dropped", "left-out"] = Field(
        "dropped", description="a task with a gold call that writes and that the environment refuses: dropped, or the call is left "
        "out of the goal, as it changes nothing"
    )  # fmt: skip
    source: str | None = Field(None, description="where the tasks are from; null: the file's name")
    max_line_bytes: int = Field(
        64 << 20, ge=64, description="bytes; a longer line is passed by without being held, and errored"
    )


def setup(config: CollectTasks, inputs: Mapping[str, Any]) -> Any:
    """The environment, opened once a worker."""
    from agent_data.environments.catalogue import opened

    return opened(config.environment, config.environments)


def core(file: SourceFile, config: CollectTasks, environment: Any) -> Iterator[AgentTask | Failure]:
    """Every row of a file as a task or a Failure."""
    from agent_data.tasks.published import tasks

    return tasks(file, config, environment)


STAGE = Stage(
    name="collect-tasks",
    version=1,
    help="Read published agent tasks with gold calls (tau-bench's form), and execute them to their goals.",
    example="arcmill collect-tasks --input tasks_test.json --output tasks --set environment=retail "
    "--set 'environments.retail={factory: \"agent_data.environments.retail:environment\", with: {data: retail}}'",
    config=CollectTasks,
    reads={"input": "Files"},
    writes="AgentTask",
    engine="datatrove",
    core=core,
    setup=setup,
    accepts=ACCEPTED,
)
