"""synth-tasks: tasks for agents, each with the gold calls that reach its goal, executed before any model sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import field_validator, model_validator

from agent_data.environments.catalogue import EnvironmentsConfig
from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

UNIT = 40  # tasks a split
SIMULATED = "simulated"


class SynthTasks(EnvironmentsConfig):
    """How many tasks of what kind are made, and where."""

    environment: list[str] = Field(
        ["shop"], min_length=1, description="environments that tasks are made for; `simulated` makes them of the tools of "
        "the input `tools`"
    )  # fmt: skip
    count: int = Field(200, ge=1, le=10_000_000, description="tasks wanted, over all environments")
    seed: int = Field(0, ge=0, description="seed of worlds, people, requests and phrasings")
    steps: dict[Literal["single", "multi", "dialogue"], float] = Field(
        {"single": 1.0, "multi": 2.0, "dialogue": 2.0}, description="kind of task -> weight: single (one gold call), multi (more), "
        "dialogue (asked line by line by a user)"
    )  # fmt: skip
    kinds: dict[Literal["done", "no-tool", "policy"], float] = Field(
        {"done": 8.0, "no-tool": 1.0, "policy": 1.0}, description="right end -> weight: done, or to be refused, because no tool does "
        "it (withheld, or a foreign request) or the policy forbids it"
    )  # fmt: skip
    max_requests: int = Field(3, ge=1, le=10, description="things that one task asks for, at most")
    max_calls: int = Field(10, ge=1, le=100, description="gold calls of a task, at most")
    per_world: int = Field(4, ge=1, le=1000, description="tasks wanted of the world of one seed")
    attempts: int = Field(20, ge=1, description="candidates per task wanted, at most; then a split ends with fewer")
    clusters: int = Field(
        24, ge=1, le=10_000, description="simulated: clusters of like tools; each split draws from one after another"
    )
    subset: int = Field(6, ge=2, le=64, description="simulated: tools that a task offers")
    vectors: Literal["words", "sentences"] = Field(
        "words", description="simulated: by what tools are alike: words and parts of words, or sentence-transformers (extra semantic)"
    )  # fmt: skip

    @field_validator("environment", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sound(self) -> SynthTasks:
        for name in ("steps", "kinds"):
            weights = getattr(self, name).values()
            if not weights or min(weights) < 0 or not sum(weights) > 0:
                raise ValueError(f"{name}: weights are 0 or more, and one is above 0")
        if len(set(self.environment)) < len(self.environment):
            raise ValueError("environment: each once")
        return self

    def identity(self) -> dict[str, Any]:
        """As of any stage, with environments by what they are and not by where they lie."""
        from agent_data.environments.catalogue import opened

        held = StageConfig.identity(self)  # not those of every environment that there is
        held["environments"] = {
            name: opened(name, self.environments).version for name in self.environment if name != SIMULATED
        }
        return held


def splits(config: SynthTasks) -> list[str]:
    """Units of at most `UNIT` tasks: "environment number tasks"."""
    made = []
    for place, name in enumerate(config.environment):
        share = config.count // len(config.environment) + (place < config.count % len(config.environment))
        made += [f"{number} {min(UNIT, share - number * UNIT)} {name}" for number in range(-(-share // UNIT))]
    return made


def setup(config: SynthTasks, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Who makes the tasks of each environment."""
    from agent_data.environments.catalogue import opened
    from agent_data.tasks.make import Maker
    from arcmill.errors import UsageError

    given = inputs.get("tools") or []
    if bool(given) != (SIMULATED in config.environment):
        raise UsageError(
            "the input tools and the environment `simulated` go together: --input tools=TOOLS --set environment=simulated"
        )
    makers: dict[str, Any] = {}
    for name in config.environment:
        if name == SIMULATED:
            from agent_data.tasks.scattered import Scattered

            makers[name] = Scattered.of(config, given)
        else:
            makers[name] = Maker(config, opened(name, config.environments))
    return makers


def core(split: str, config: SynthTasks, makers: dict[str, Any]) -> Iterator[Any]:
    """The tasks of a split, a Failure for each candidate that was refused, and counts."""
    number, share, name = split.split(" ", 2)
    yield from makers[name].split(int(number), int(share))


STAGE = Stage(
    name="synth-tasks",
    version=1,
    help="Make tasks for agents in an environment, each with gold calls executed to its goal; or of collected tools.",
    example="arcmill synth-tasks --output tasks --set environment=[shop,desk] --set count=400",
    config=SynthTasks,
    reads={"tools?": "ToolSpec"},
    writes="AgentTask",
    engine="datatrove",
    core=core,
    splits=splits,
    setup=setup,
)
