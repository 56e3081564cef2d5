"""The parameters of a DAG, from its recipe. Their names are those of `--set` and of the command's options."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from airflow_dags.command import param_of
from airflow_dags.given import followed_input
from arcmill.stage import in_words
from pipelines.recipe import Recipe
from pipelines.scheduling import DATE


def root_of(recipe: Recipe) -> str:
    """The folder of a run: the recipe's, or `runs/NAME`, with the date where runs of several dates are to be expected."""
    if recipe.airflow.root:
        return recipe.airflow.root
    paths = [path for step in recipe.steps for paths in step.paths.values() for path in paths]
    dated = (
        recipe.airflow.schedule
        or recipe.airflow.follows
        or recipe.airflow.max_active_runs > 1
        or any(DATE in path for path in paths)
    )
    return f"runs/{recipe.name}/{DATE}" if dated else f"runs/{recipe.name}"


def params_of(recipe: Recipe) -> dict[str, Any]:
    """Parameter by name. An input that lacks has no default: Airflow refuses a run that is not given it."""
    params = {
        "root": Param(
            root_of(recipe), type="string", minLength=1,
            description=f"Folder of the run. {DATE} stands for the date of the run, YYYY-MM-DD, here and in inputs.",
        ),
        "date": Param(
            None, type=["null", "string"], pattern=r"^\d{4}-\d{2}-\d{2}$",
            description=f"What {DATE} stands for; null: the date that what is followed is of, else the logical date.",
        ),
    }  # fmt: skip
    followed = [followed_input(recipe, key) for key in recipe.airflow.follows]
    for step in recipe.steps:
        names = [*step.paths, *step.missing, *(name for other, name in followed if other is step)]
        for name in dict.fromkeys(names):
            record = in_words(step.stage.record_of(name))
            what = "File, folder or glob" if record == "Files" else f"{record} dataset"
            said = f"{what} that {step.name} reads, or a list of them."
            kinds: dict[str, Any] = {
                "type": ["string", "array"],
                "minLength": 1,
                "minItems": 1,
                "items": {"type": "string"},
            }
            if name in step.missing and (step, name) not in followed:
                params[param_of(step, name)] = Param(description=f"{said} Required.", **kinds)
                continue
            recipe_paths = step.paths.get(name)
            default = f"null: {', '.join(recipe_paths)}" if recipe_paths else "null: the output that is followed"
            kinds["type"] = ["null", *kinds["type"]]
            params[param_of(step, name)] = Param(None, description=f"{said} {default}.", **kinds)
    params["settings"] = Param(
        {}, type="object", additionalProperties=False,
        properties={step.name: {"type": "object", "description": step.stage.help} for step in recipe.steps},
        description='Settings by step, as those of --set: {"filtered": {"gopher_quality.min_words": 30}}.',
    )  # fmt: skip
    params["workers"] = Param(
        None, type=["null", "integer"], minimum=1,
        description="Processes of each stage; null: as the recipe says, else all cores. The output is the same.",
    )  # fmt: skip
    params["since"] = Param(
        recipe.airflow.since, type=["null", "string"], minLength=1,
        description="Earlier run that the report compares this one with, as of `arcmill report --since`; null: of a dated run the date before.",
    )  # fmt: skip
    params["force"] = Param(
        False, type="boolean", description="Build every step anew, also where its dataset was made from something else."
    )
    return params
