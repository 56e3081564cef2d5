"""What of an installation is not the recipe's: environment variables, for all DAGs.

| variable | says | default |
|---|---|---|
| `ARCMILL_AIRFLOW_COMMAND` | how arcmill is called, such as /opt/arcmill/bin/arcmill | `arcmill` |
| `ARCMILL_AIRFLOW_FOLDER` | the folder that commands run in; relative paths and `runs/` lie there | `$AIRFLOW_HOME/arcmill` |
| `ARCMILL_AIRFLOW_RECIPES` | a folder of recipes (YAML), each of which becomes a DAG | none |
| `ARCMILL_AIRFLOW_PACKAGED` | `no`: the recipes that come with arcmill become no DAGs | `yes` |
| `ARCMILL_AIRFLOW_SETTINGS` | a YAML file with the keys of `airflow:`, for recipes that do not say otherwise | none |
"""

from __future__ import annotations

import os
import shlex
from typing import Any

from arcmill.config import read_yaml
from arcmill.errors import UsageError


def command() -> list[str]:
    """The words before a stage's name."""
    words = shlex.split(os.environ.get("ARCMILL_AIRFLOW_COMMAND", ""))
    return words or ["arcmill"]


def folder() -> str:
    """Where commands run, absolute."""
    home = os.environ.get("AIRFLOW_HOME", "~/airflow")
    return os.path.abspath(os.path.expanduser(os.environ.get("ARCMILL_AIRFLOW_FOLDER") or f"{home}/arcmill"))


def packaged() -> bool:
    """Whether the recipes that come with arcmill become DAGs. UsageError for a word that is neither yes nor no."""
    said = os.environ.get("ARCMILL_AIRFLOW_PACKAGED", "yes").lower()
    if said not in ("yes", "no"):
        raise UsageError(f"ARCMILL_AIRFLOW_PACKAGED is {said!r}; accepted: yes, no")
    return said == "yes"


def recipes_folder() -> str | None:
    """The folder of one's own recipes. UsageError where it is named and does not exist."""
    named = os.environ.get("ARCMILL_AIRFLOW_RECIPES")
    if named and not os.path.isdir(named):
        raise UsageError(f"ARCMILL_AIRFLOW_RECIPES: {named} is no folder")
    return named or None


def settings() -> dict[str, Any]:
    """Keys of `airflow:` for all recipes. UsageError where the file cannot be read."""
    named = os.environ.get("ARCMILL_AIRFLOW_SETTINGS")
    return read_yaml(named) if named else {}
