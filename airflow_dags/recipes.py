"""All recipes of an installation as DAGs: those that come with arcmill, and those of a folder (`installation`).

Airflow takes a file that raises for one that has no DAGs. So broken recipes are kept apart: a dags folder holds one file
with `recipe_dags()`, and one that calls `refuse_broken()`, whose import error names them all.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from airflow_dags import installation
from arcmill.errors import ArcmillError, UsageError
from pipelines.recipe import builtin_names, builtin_recipe, recipe_name


def recipe_dags(only: str | None = None) -> dict[str, Any]:
    """DAG by id. `only`: no others are needed; by default what Airflow says, which asks a task's process for one alone."""
    from airflow.sdk import get_parsing_context

    from airflow_dags.dag import recipe_dag

    wanted = only or get_parsing_context().dag_id
    found, _ = recipe_files()
    dags: dict[str, Any] = {}
    for name, path in found.items():
        if wanted is None or name == wanted:
            with contextlib.suppress(Exception):  # of any kind: one recipe hides no other, and `refuse_broken` tells it
                dags[name] = recipe_dag(path)
    return dags


def refuse_broken() -> None:
    """Raises UsageError with the mistakes of all recipes that cannot be DAGs."""
    from airflow_dags.dag import recipe_dag

    found, mistakes = recipe_files()
    for path in found.values():
        try:
            recipe_dag(path)
        except ArcmillError as error:
            mistakes.append(str(error))
        except Exception as error:  # what Airflow does not take, such as a schedule that is none
            mistakes.append(f"{path}: {type(error).__name__}: {error}")
    if mistakes:
        raise UsageError("\n".join(mistakes))


def recipe_files() -> tuple[dict[str, str], list[str]]:
    """Recipe by name, one's own before a packaged one of that name; and what is wrong with those that are not there."""
    found: dict[str, str] = {}
    mistakes: list[str] = []
    try:
        folder = installation.recipes_folder()
        came = builtin_names() if installation.packaged() else []
        installation.settings()
    except UsageError as error:
        return {}, [str(error)]
    names = sorted(os.listdir(folder)) if folder else []
    for path in (os.path.join(folder or "", name) for name in names if name.endswith((".yaml", ".yml"))):
        try:
            name = recipe_name(path)
        except ArcmillError as error:
            mistakes.append(str(error))
            continue
        if name in found:
            mistakes.append(f"{path}: name '{name}' is that of {found[name]}, too, which stays")
        else:
            found[name] = path
    return {**{name.removesuffix(".yaml"): builtin_recipe(name) or name for name in came}, **found}, mistakes
