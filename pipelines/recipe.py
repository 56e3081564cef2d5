"""A recipe: a YAML DAG of stages, checked whole before anything runs.

```yaml
name: quickstart
steps:
  pages:    {stage: ingest-environment}
  language: {stage: identify-language, input: pages, config: {min_score: 0.65}}
  packed:   {stage: pack, input: {input: language, tokenizer: tokenizer}}
```
An input is the name of a step, or a path (`path: …`, or anything that holds a `/` or is not a step).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, field_validator

from arcmill.config import Settings, StageConfig, read_yaml, validate
from arcmill.dataset import Dataset
from arcmill.errors import ArcmillError, UsageError
from arcmill.stage import Stage, in_words, takes
from pipelines.assignments import assign_all
from pipelines.canaries.config import Canaries
from pipelines.catalogue import find_stage
from pipelines.scheduling import Scheduling

Named = dict[str, list[str]]


class StepModel(Settings):
    """One step as it stands in YAML."""

    stage: str = Field(
        description="name of a stage, see `arcmill stages`; or package.module:NAME of your own, which is imported"
    )
    input: str | list[str] | dict[str, str | list[str]] | None = Field(
        None, description="a step, a path, or several by name"
    )
    config: dict[str, Any] = Field(default_factory=dict, description="settings of the stage")


class RecipeModel(Settings):
    """A recipe as it stands in YAML."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the run folder")
    description: str = Field("", description="what comes out, for people")
    settings: dict[str, Any] = Field(default_factory=dict, description="settings of engines, such as spark.master")
    steps: dict[str, StepModel] = Field(description="the steps, by name")
    canaries: Canaries | None = Field(None, description="plant canaries in a shadow of the run; see docs/canaries.md")
    airflow: Scheduling | None = Field(None, description="how Airflow runs the recipe; see docs/airflow.md")

    @field_validator("steps")
    @classmethod
    def _names(cls, steps: dict[str, StepModel]) -> dict[str, StepModel]:
        for name in steps:
            if not name or name.startswith(("_", ".")) or set(name) & set("/\\*?[]=: "):
                raise ValueError(f"'{name}' cannot name a folder; use letters, digits, '-' and '_'")
        return steps


@dataclass(frozen=True)
class Step:
    """A step, resolved: its stage, its checked config, and its inputs as step names or paths."""

    name: str
    stage: Stage
    config: StageConfig
    steps: Named  # input name -> names of steps
    paths: Named  # input name -> paths outside the run
    missing: tuple[str, ...] = ()  # required inputs that are still to be given


@dataclass(frozen=True)
class Recipe:
    """A checked recipe, its steps in an order in which they can run."""

    name: str
    description: str
    settings: Mapping[str, Any]
    steps: tuple[Step, ...]
    canaries: Canaries | None = None
    airflow: Scheduling = field(default_factory=Scheduling)

    def inputs(self, step: Step, root: str) -> Named:
        """The inputs of a step as paths, with the run's folder `root`."""
        named = {name: [f"{root}/{other}" for other in others] for name, others in step.steps.items()}
        for name, paths in step.paths.items():
            named.setdefault(name, []).extend(paths)
        return named


def load_recipe(path: str, assignments: Iterable[str] = (), *, inputs_later: bool = False) -> Recipe:
    """Read and check a recipe. `assignments` are those of `--set`, see `pipelines.assignments`.

    `inputs_later` is for who only wants the DAG: a required input may lack, and stands in `Step.missing` then; datasets
    outside the run are not opened.

    Raises UsageError that names the step, the field and what is accepted.
    """
    path, model = _read(path, assignments)
    steps = [_resolve(name, step, model, path, inputs_later) for name, step in model.steps.items()]
    ordered = _order(steps, path)
    for step in ordered:
        _check_records(step, {other.name: other for other in ordered}, path, look=not inputs_later)
    airflow = model.airflow or Scheduling()
    _check_scheduling(airflow, {step.name: step for step in ordered}, path)
    recipe = Recipe(model.name, model.description, dict(model.settings), tuple(ordered), model.canaries, airflow)
    if recipe.canaries is not None:
        from pipelines.canaries.follow import way_of

        if not way_of(recipe, "").steps:
            raise UsageError(f"{path}: canaries: no step judges documents one by one, so there is nothing to follow")
    return recipe


def recipe_name(path: str) -> str:
    """The name of a recipe, which is read and not resolved."""
    return _read(path, ())[1].name


def step_names(path: str) -> list[tuple[str, str]]:
    """(step, stage) of a recipe as they stand in it, for one whose inputs and settings are not at hand."""
    return [(name, step.stage) for name, step in _read(path, ())[1].steps.items()]


def _read(path: str, assignments: Iterable[str]) -> tuple[str, RecipeModel]:
    if not os.path.exists(path):
        packaged = builtin_recipe(path)
        if packaged is None:
            raise UsageError(f"recipe {path}: no such file; built in: {', '.join(builtin_names())}")
        path = packaged
    values = read_yaml(path)
    assign_all(values, assignments, path)
    return path, validate(RecipeModel, values, path)


def builtin_names() -> list[str]:
    """The recipes that come with arcmill."""
    from importlib.resources import files

    return sorted(entry.name for entry in files("recipes").iterdir() if entry.name.endswith(".yaml"))


def builtin_recipe(name: str) -> str | None:
    """The path of a packaged recipe: `quickstart`, `quickstart.yaml` or `recipes/quickstart.yaml`."""
    from importlib.resources import files

    base = os.path.basename(name)
    if os.path.dirname(name) not in ("", "recipes"):
        return None
    candidate = files("recipes") / (base if base.endswith(".yaml") else f"{base}.yaml")
    return str(candidate) if candidate.is_file() else None


def _resolve(name: str, step: StepModel, model: RecipeModel, path: str, inputs_later: bool) -> Step:
    where = f"{path}: step '{name}'"
    try:
        stage = find_stage(step.stage)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    config = validate(stage.config, step.config, where)
    given = step.input if isinstance(step.input, dict) else {stage.main_input or "input": step.input or []}
    steps: Named = {}
    paths: Named = {}
    for input_name, values in given.items():
        record = stage.inputs.get(input_name, stage.inputs.get("*", ("", False)))[0]
        for value in [values] if isinstance(values, str) else values:
            if value in model.steps:
                steps.setdefault(input_name, []).append(value)
            elif record == "Files" or "/" in value or os.path.exists(value):
                paths.setdefault(input_name, []).append(value)
            else:
                raise UsageError(
                    f"{where}: input '{value}' is neither a step ({', '.join(model.steps)}) nor a path that exists"
                )
    for input_name in steps.keys() | paths.keys():
        if input_name not in stage.inputs and "*" not in stage.inputs:
            accepted = ", ".join(stage.inputs) or "none"
            raise UsageError(f"{where}: {stage.name} has no input '{input_name}'; accepted: {accepted}")
    missing: list[str] = []
    for input_name, (record, required) in stage.inputs.items():
        if required and input_name not in steps and input_name not in paths and not (input_name == "*" and given):
            if inputs_later:
                missing.append(input_name)
                continue
            raise UsageError(
                f"{where}: input '{input_name}' ({in_words(record)}) of {stage.name} is required; "
                f"give it in the recipe or by --set {name}.input=PATH"
            )
    return Step(name, stage, config, steps, paths, tuple(missing))


def _order(steps: list[Step], path: str) -> list[Step]:
    """Topological order that keeps the recipe's own order where it can."""
    placed: list[Step] = []
    names: set[str] = set()
    left = list(steps)
    while left:
        ready = next((s for s in left if {o for others in s.steps.values() for o in others} <= names), None)
        if ready is None:
            raise UsageError(
                f"{path}: the steps {', '.join(step.name for step in left)} wait for one another (a cycle)"
            )
        left.remove(ready)
        placed.append(ready)
        names.add(ready.name)
    return placed


def _check_scheduling(airflow: Scheduling, steps: Mapping[str, Step], path: str) -> None:
    for key, names in (("steps", airflow.steps), ("follows", airflow.follows)):
        for name in names:
            step, _, given = name.partition(".") if key == "follows" and name not in steps else (name, "", "")
            if step not in steps:
                raise UsageError(f"{path}: airflow.{key}: no step '{step}'; steps: {', '.join(steps)}")
            accepted = steps[step].stage.inputs
            if key == "follows" and (not accepted or (given and given not in accepted and "*" not in accepted)):
                told = ", ".join(accepted) or f"none: {steps[step].stage.name} reads nothing"
                raise UsageError(f"{path}: airflow.follows.{name}: inputs of step '{step}': {told}")


def _made(step: Step, steps: Mapping[str, Step], look: bool = True) -> str | None:
    """What a step writes; None where its main input decides, and is a dataset that does not stand (or is not looked at)."""
    if "|" not in step.stage.writes:
        return step.stage.writes
    main = step.stage.main_input or ""
    if step.steps.get(main):
        return _made(steps[step.steps[main][0]], steps, look)
    if not look:
        return None
    with contextlib.suppress(ArcmillError, IndexError, KeyError):
        return step.stage.made(Dataset.open(step.paths[main][0]).record)
    return None


def _check_records(step: Step, steps: Mapping[str, Step], path: str, look: bool = True) -> None:
    for input_name, paths in step.paths.items():
        wanted = step.stage.inputs.get(input_name, step.stage.inputs.get("*", ("", False)))[0]
        for given in paths if look and wanted != "Files" else ():
            record = None
            with contextlib.suppress(ArcmillError, KeyError):  # one that cannot be read is told when the step comes
                record = Dataset.open(given).record
            if record is not None and not takes(wanted, record):
                raise UsageError(
                    f"{path}: step '{step.name}': input '{input_name}' needs {in_words(wanted)}, but {given} holds "
                    f"{record} rows"
                )
    for input_name, others in step.steps.items():
        wanted = step.stage.inputs.get(input_name, step.stage.inputs.get("*", ("", False)))[0]
        for other in others:
            made = _made(steps[other], steps, look)
            if made is not None and not takes(wanted, made):
                raise UsageError(
                    f"{path}: step '{step.name}': input '{input_name}' needs {in_words(wanted)}, but step '{other}' "
                    f"({steps[other].stage.name}) makes {made}"
                )
