"""Where the tasks of the datatrove engine run: `datatrove.executor`, and the settings of Slurm and Ray.

None of them decides a row, so none is in a fingerprint: the tasks follow from the input alone, wherever they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from arcmill.config import Field, Settings, validate

PREFIXES = ("datatrove.", "slurm.", "ray.")


class DatatroveSettings(Settings):
    """`--set datatrove.NAME=VALUE`, or in a recipe's `settings`."""

    executor: Literal["processes", "slurm", "ray"] = Field(
        "processes", description="where tasks run: processes of this machine, array jobs of Slurm, or tasks of Ray"
    )


class SlurmSettings(Settings):
    """`--set slurm.NAME=VALUE`, or in a recipe's `settings`."""

    partition: str | None = Field(None, description="partition; null: the cluster's default")
    account: str | None = Field(None, description="account that is charged; null: the user's default")
    time: str = Field("04:00:00", description="time limit of one element of the array, as Slurm writes it (HH:MM:SS)")
    cpus_per_task: int = Field(1, ge=1, description="cores of an element; it runs so many tasks side by side")
    mem_per_cpu: str = Field("4G", description="memory a core, as Slurm writes it")
    tasks_per_job: int = Field(8, ge=1, description="tasks of one element of the array")
    at_once: int | None = Field(None, ge=1, description="elements that may run at once; null: as many as Slurm gives")
    array_size: int = Field(1000, ge=1, description="most elements of an array (MaxArraySize of the cluster)")
    options: list[str] = Field(
        default_factory=list, description="further options of sbatch, such as [--qos=low, --constraint=avx512]"
    )
    setup: list[str] = Field(
        default_factory=list, description="shell lines that come before the work, such as ['module load python']"
    )
    python: str | None = Field(None, description="interpreter on the nodes; null: the path of this one")
    poll: float = Field(10.0, gt=0, description="seconds between two looks at what has finished")

    @field_validator("partition", "account", "time", "mem_per_cpu", "options")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        for text in value if isinstance(value, list) else [value or ""]:
            if "\n" in text or "\r" in text:
                raise ValueError("an option of sbatch is one line")
        return value


class RaySettings(Settings):
    """`--set ray.NAME=VALUE`, or in a recipe's `settings`."""

    address: str | None = Field(None, description="address of a cluster, such as auto; null: Ray begun on this machine")
    cpus: float = Field(1.0, gt=0, description="cores that a task is given")
    memory: int | None = Field(None, ge=1, description="bytes of memory that a task is given; null: not asked for")
    retries: int = Field(3, ge=0, description="times a task whose worker died is run again")


def of_datatrove(settings: Mapping[str, Any]) -> DatatroveSettings:
    """The `datatrove.*` keys. UsageError names an unknown key or a wrong value."""
    return validate(DatatroveSettings, _values(settings, "datatrove."), "datatrove")


def of_slurm(settings: Mapping[str, Any]) -> SlurmSettings:
    """The `slurm.*` keys."""
    return validate(SlurmSettings, _values(settings, "slurm."), "slurm")


def of_ray(settings: Mapping[str, Any]) -> RaySettings:
    """The `ray.*` keys."""
    return validate(RaySettings, _values(settings, "ray."), "ray")


def _values(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}
