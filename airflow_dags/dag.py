"""A recipe as a DAG: a task a step, the report at the end, parameters, assets, pools."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import DAG, AssetAll, PartitionedAssetTimetable

from airflow_dags import installation
from airflow_dags.assets import asset_of
from airflow_dags.given import followed_input
from airflow_dags.operator import ReportOperator, StepOperator
from airflow_dags.params import params_of
from airflow_dags.pods import executor_config
from airflow_dags.resources import kind_of, resources_of
from arcmill.config import validate
from arcmill.errors import UsageError
from pipelines.recipe import Recipe, builtin_recipe, load_recipe
from pipelines.scheduling import DATE, Resources, Scheduling

_NAME = re.compile(r"[\w.-]+", re.ASCII)


def recipe_dag(
    recipe: str, *, assignments: Sequence[str] = (), airflow: Mapping[str, Any] | None = None,
    command: Sequence[str] | None = None, folder: str | None = None,
) -> Any:  # fmt: skip
    """The DAG of a recipe: a YAML file, or the name of a packaged one. Its id is the recipe's name.

    `assignments` are those of `--set`, `airflow` keys of the recipe's section of that name, which win over it; `command`
    and `folder` take the place of what `airflow_dags.installation` says. UsageError names file, field and what is accepted.
    """
    loaded = _scheduled(load_recipe(recipe, assignments, inputs_later=True), recipe, airflow or {})
    _check(loaded, recipe)
    scheduling = loaded.airflow
    follows = {key: asset_of(*output.split("/")) for key, output in scheduling.follows.items()}
    dag = DAG(
        dag_id=loaded.name, description=loaded.description or None, doc_md=_told(loaded),
        schedule=scheduling.schedule or _after(list(dict.fromkeys(follows.values()))),
        start_date=_moment(scheduling.start_date), end_date=_moment(scheduling.end_date), catchup=scheduling.catchup,
        max_active_runs=scheduling.max_active_runs, tags=["arcmill", *scheduling.tags], params=params_of(loaded),
        default_args={
            "retries": scheduling.retries, "retry_delay": datetime.timedelta(seconds=scheduling.retry_delay),
            "execution_timeout": datetime.timedelta(seconds=scheduling.timeout) if scheduling.timeout else None,
        },
    )  # fmt: skip
    run = {
        "recipe": loaded,
        "command": list(command or installation.command()),
        "folder": folder or installation.folder(),
    }
    tasks: dict[str, Any] = {}
    for step in loaded.steps:
        read = [asset for key, asset in follows.items() if followed_input(loaded, key)[0] is step]
        tasks[step.name] = StepOperator(
            task_id=step.name, step=step, dag=dag, outlets=[asset_of(loaded.name, step.name)], inlets=read,
            doc_md=f"`arcmill {step.stage.place or step.stage.name}`: {step.stage.help} Kind: {kind_of(loaded, step)}.",
            **run, **_of_airflow(resources_of(loaded, step)),
        )  # fmt: skip
        for other in dict.fromkeys(other for others in step.steps.values() for other in others):
            tasks[other].set_downstream(tasks[step.name])
    read_by = {other for step in loaded.steps for others in step.steps.values() for other in others}
    # All parts of the run are done when these are; a report of a failed run would turn it into a success.
    report = ReportOperator(
        task_id="report" if "report" not in tasks else "report-of-run", steps=loaded.steps, dag=dag,
        source=_source(recipe), assignments=assignments, inlets=list(dict.fromkeys(follows.values())),
        **run, **_of_airflow(scheduling.cpu),
    )  # fmt: skip
    for name, task in tasks.items():
        if name not in read_by:
            task.set_downstream(report)
    dag.validate()  # here, and not when Airflow does: a mistake found there is one of the whole file
    dag.check_cycle()
    return dag


def _scheduled(recipe: Recipe, source: str, given: Mapping[str, Any]) -> Recipe:
    """With the installation's settings under the recipe's own, and `given` over both."""
    named = os.environ.get("ARCMILL_AIRFLOW_SETTINGS", "")
    own = recipe.airflow.model_dump(exclude_unset=True)
    default = installation.settings()
    validate(Scheduling, default, named)  # by itself, so that a mistake is told of the file that holds it
    values = {**default, **own, **given}
    for kind in ("cpu", "spark", "gpu", "steps"):
        layers = [layer.get(kind) or {} for layer in (default, own, given)]
        if any(layers):
            values[kind] = {key: value for layer in layers for key, value in layer.items()}
    return dataclasses.replace(recipe, airflow=validate(Scheduling, values, f"{source}: airflow"))


def _check(recipe: Recipe, source: str) -> None:
    """What Airflow needs of a recipe beyond what arcmill does."""
    if not _NAME.fullmatch(recipe.name):
        raise UsageError(f"{source}: name '{recipe.name}' cannot name a DAG; use letters, digits, '-', '_' and '.'")
    for step in recipe.steps:
        if not _NAME.fullmatch(step.name):
            raise UsageError(f"{source}: step '{step.name}' cannot name a task; use letters, digits, '-', '_' and '.'")
    scheduling = recipe.airflow
    followed = [followed_input(recipe, key) for key in scheduling.follows]
    for step in recipe.steps:
        for name in step.missing:
            if (scheduling.schedule or scheduling.follows) and (step, name) not in followed:
                raise UsageError(
                    f"{source}: step '{step.name}': input '{name}' lacks, and a scheduled run is given nothing; "
                    f"give it in the recipe, where {DATE} may stand for the date of the run, or under airflow.follows"
                )
        dated = [path for paths in step.paths.values() for path in paths if DATE in path]
        if dated and scheduling.root and DATE not in scheduling.root:
            raise UsageError(
                f"{source}: airflow.root is {scheduling.root}, and step '{step.name}' reads {dated[0]}: runs of two dates "
                f"would meet in one folder; put {DATE} into root"
            )


def _after(assets: Sequence[Any]) -> Any:
    """A run for each date that all these were made for. Plain asset schedules join what was made in between into one run, and
    an event that comes while the scheduler makes that run is in none."""
    return PartitionedAssetTimetable(assets=AssetAll(*assets)) if assets else None


def _moment(date: datetime.date | None) -> datetime.datetime | None:
    return datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.timezone.utc) if date else None  # noqa: UP017


def _source(recipe: str) -> str:
    """The recipe as arcmill finds it in its own environment: a packaged one by name, a file by its path."""
    name = os.path.basename(recipe)
    came = builtin_recipe(name)
    if came is not None and (not os.path.exists(recipe) or os.path.abspath(recipe) == os.path.abspath(came)):
        return name.removesuffix(".yaml")
    return os.path.abspath(recipe)


def _of_airflow(resources: Resources) -> dict[str, Any]:
    """Arguments of an operator. Only what was asked for: Airflow's own defaults hold for the rest."""
    needs = {"cpus": resources.workers, "ram": resources.memory, "gpus": resources.gpus}
    asked = {key: value for key, value in needs.items() if value is not None}
    named = {
        "pool": resources.pool, "queue": resources.queue, "resources": asked or None,
        "executor_config": executor_config(resources) or None,
    }  # fmt: skip
    return {"pool_slots": resources.slots, **{key: value for key, value in named.items() if value is not None}}


def _told(recipe: Recipe) -> str:
    rows = [
        f"| {step.name} | {step.stage.name} | {', '.join(o for others in step.steps.values() for o in others)} "
        f"| {kind_of(recipe, step)} |"
        for step in recipe.steps
    ]
    return "\n".join([recipe.description, "", "| step | stage | reads | kind |", "|---|---|---|---|", *rows])
