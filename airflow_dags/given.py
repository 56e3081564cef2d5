"""What one run was given: its date, root, inputs and settings, from parameters and from the outputs that it follows."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_dags.command import param_of
from arcmill.errors import UsageError
from pipelines.recipe import Recipe, Step
from pipelines.scheduling import DATE


@dataclass(frozen=True)
class Made:
    """An output of another DAG: where it lies, and the date that it is of, null where its root holds none."""

    path: str
    date: str | None


@dataclass(frozen=True)
class Given:
    """The run's values, dates put in. `date` is that which its outputs are of, null where root holds none. `inputs` are by step, then by input; only those that differ from the recipe's."""

    date: str | None
    root: str
    inputs: Mapping[str, Mapping[str, list[str]]]
    settings: Mapping[str, Mapping[str, Any]]
    workers: int | None
    force: bool


def followed_input(recipe: Recipe, name: str) -> tuple[Step, str]:
    """The step and its input that `follows` names: STEP for its main input, or STEP.INPUT."""
    steps = {step.name: step for step in recipe.steps}
    step, given = (name, "") if name in steps else name.split(".", 1)
    return steps[step], given or steps[step].stage.main_input or "input"


def values_of(
    recipe: Recipe, params: Mapping[str, Any], folder: str, *, steps: Sequence[Step], key: str | None, logical: str | None,
    made: Mapping[str, Sequence[Made]],
) -> Given:  # fmt: skip
    """The values of a run, with the inputs of `steps`. `key` is the run's partition, which what it follows was made for,
    `logical` its logical date; `made` what `follows` names, by its keys, the newest last.

    The date: the parameter, else the partition, else the logical date. Of what is followed the newest of the date is read;
    by hand, where neither root nor parameter asks for a date, the newest of all.
    """
    date = params.get("date") or key or logical
    root = str(params["root"])
    dated = date if DATE in root else None
    inputs: dict[str, dict[str, list[str]]] = {}
    for step in steps:
        named = {name: params.get(param_of(step, name)) for name in (*step.paths, *step.missing)}
        for name, value in named.items():
            paths = step.paths.get(name, []) if value is None else [value] if isinstance(value, str) else list(value)
            placed = [_dated(path, date, param_of(step, name)) for path in paths]
            if placed and (value is not None or placed != paths):
                inputs.setdefault(step.name, {})[name] = placed
    for follow in recipe.airflow.follows:
        step, name = followed_input(recipe, follow)
        if step in steps:
            value = params.get(param_of(step, name))
            if value is None:
                wanted = params.get("date") or key or dated
                inputs.setdefault(step.name, {})[name] = [_followed(recipe, follow, made.get(follow, ()), wanted)]
            elif name not in inputs.get(step.name, {}):
                paths = [value] if isinstance(value, str) else list(value)
                inputs.setdefault(step.name, {})[name] = [_dated(path, date, param_of(step, name)) for path in paths]
    root = _dated(root, date, "root")
    return Given(
        dated, root if "://" in root else posixpath.join(folder, root).rstrip("/"), inputs,
        _settings(recipe, params.get("settings") or {}), params.get("workers"), bool(params.get("force")),
    )  # fmt: skip


def _dated(text: str, date: str | None, where: str) -> str:
    if DATE not in text:
        return text
    if date is None:
        raise UsageError(f"{where}: {text} needs a date, and the run has none; give the parameter date: YYYY-MM-DD")
    return text.replace(DATE, date)


def _followed(recipe: Recipe, follow: str, made: Sequence[Made], date: str | None) -> str:
    found = [output.path for output in made if date is None or output.date in (None, date)]
    if not found:
        step, name = followed_input(recipe, follow)
        raise UsageError(
            f"step '{step.name}': {recipe.airflow.follows[follow]} was not made yet{f' for {date}' if date else ''}; "
            f"run its DAG first, or give a path as {param_of(step, name)}"
        )
    return found[-1]


def _settings(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    names = [step.name for step in recipe.steps]
    for name, values in given.items():
        if name not in names:
            raise UsageError(f"settings: no step '{name}'; steps: {', '.join(names)}")
        if not isinstance(values, Mapping):
            raise UsageError(f"settings: {name} is {values!r}; expected {{key: value}}")
    return {name: dict(values) for name, values in given.items()}
