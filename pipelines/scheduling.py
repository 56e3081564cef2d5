"""What a recipe may ask for under `airflow:`: when its DAG runs, what it follows, and the pools and resources of its tasks.

```yaml
airflow:
  schedule: "@daily"
  start_date: 2026-01-01
  root: /data/crawl/{date}
  spark: {pool: spark, workers: 16}
  gpu:   {pool: gpu, gpus: 1}
  steps: {vectors: {kind: gpu}}
```
Nothing of it reaches a dataset: the same recipe makes the same bytes without it.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import field_validator, model_validator

from arcmill.config import Field, Settings

Kind = Literal["cpu", "spark", "gpu"]
DATE = "{date}"  # stands for the crawl date in paths


class Resources(Settings):
    """What the tasks of one kind of engine need."""

    pool: str | None = Field(None, min_length=1, description="Airflow pool, which must exist; null: default_pool")
    slots: int = Field(1, ge=1, description="slots of the pool that a task takes")
    queue: str | None = Field(None, min_length=1, description="queue of the executor; null: its default")
    workers: int | None = Field(None, ge=1, description="processes of a stage (--workers); null: all cores")
    memory: int | None = Field(
        None, ge=1, description="memory that a task needs, MiB; a pod's limit, else only told to Airflow"
    )
    gpus: int | None = Field(None, ge=0, description="GPUs that a task needs; a pod's limit, else only told to Airflow")


class StepResources(Resources):
    """What one step needs; what is given here wins over its kind's."""

    kind: Kind | None = Field(None, description="kind of engine whose resources the step takes; null: by its stage")


class Scheduling(Settings):
    """How Airflow runs a recipe."""

    schedule: str | None = Field(
        None, min_length=1, description="cron expression or preset such as @daily; null: by hand"
    )
    start_date: datetime.date | None = Field(None, description="first date of the schedule")
    end_date: datetime.date | None = Field(None, description="last date of the schedule")
    catchup: bool = Field(
        False, description="run the dates since start_date that have not run, when the DAG is switched on"
    )
    max_active_runs: int = Field(1, ge=1, description="runs at one time; more than 1 needs {date} in root")
    retries: int = Field(2, ge=0, description="times that a task is run again after a failure that may pass")
    retry_delay: float = Field(60.0, ge=0, description="seconds before a retry")
    timeout: float | None = Field(None, gt=0, description="seconds after which a task is ended and retried; null: none")
    root: str | None = Field(None, min_length=1, description="folder of a run; {date} stands for its date, YYYY-MM-DD")
    since: str | None = Field(
        None,
        min_length=1,
        description="earlier run that the report compares with (arcmill report --since); null: of a dated run the one before",
    )
    tags: list[str] = Field(default_factory=list, description="tags of the DAG, beside arcmill")
    follows: dict[str, str] = Field(
        default_factory=dict,
        description="step (or step.input) -> RECIPE/STEP: the DAG runs when that output was made, and reads it there",
    )
    cpu: Resources = Field(default_factory=lambda: Resources(), description="tasks on processors")
    spark: Resources = Field(default_factory=lambda: Resources(), description="tasks of Spark stages")
    gpu: Resources = Field(
        default_factory=lambda: Resources(), description="tasks that start a model's server, or embed on a GPU"
    )
    steps: dict[str, StepResources] = Field(default_factory=dict, description="resources of single steps")

    @field_validator("follows")
    @classmethod
    def _outputs(cls, follows: dict[str, str]) -> dict[str, str]:
        for name, output in follows.items():
            recipe, slash, step = output.partition("/")
            if not (recipe and slash and step) or "/" in step:
                raise ValueError(f"'{name}: {output}' names no output; expected recipe/step, such as web/minhash")
        return follows

    @model_validator(mode="after")
    def _agree(self) -> Scheduling:
        if self.schedule and self.follows:
            raise ValueError("give schedule or follows, not both: a DAG runs by the clock or after another")
        if self.schedule and self.start_date is None:
            raise ValueError("a schedule needs a start_date, such as 2026-01-01")
        if self.catchup and not self.schedule:
            raise ValueError("catchup needs a schedule")
        if self.max_active_runs > 1 and DATE not in (self.root or DATE):
            raise ValueError(f"max_active_runs {self.max_active_runs}: runs at one time need {DATE} in root")
        return self

    def of(self, step: str, kind: Kind) -> Resources:
        """The resources of a step: its own where it has any, else those of its kind."""
        base: Resources = getattr(self, kind)
        own: dict[str, Any] = self.steps[step].model_dump(exclude_unset=True) if step in self.steps else {}
        own.pop("kind", None)
        return base.model_copy(update=own)
