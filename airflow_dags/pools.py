"""The pools that recipes name, as JSON for `airflow pools import`: a task in a pool that does not exist never runs.

python -m airflow_dags.pools --slots gpu=2 --slots cpu=8 > pools.json && airflow pools import pools.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from airflow_dags.resources import kind_of, resources_of
from arcmill.errors import ArcmillError, UsageError
from pipelines.recipe import Recipe


def pools_of(recipes: Sequence[Recipe], slots: Mapping[str, int]) -> dict[str, dict[str, object]]:
    """Pool by name, as Airflow imports it. `slots` by pool; others get what their widest task takes: one task at a time."""
    widest: dict[str, int] = {}
    kinds: dict[str, set[str]] = {}
    for recipe in recipes:
        taken = [(resources_of(recipe, step), kind_of(recipe, step)) for step in recipe.steps]
        for resources, kind in [*taken, (recipe.airflow.cpu, "cpu")]:  # the report's
            if resources.pool is not None:
                widest[resources.pool] = max(widest.get(resources.pool, 1), resources.slots)
                kinds.setdefault(resources.pool, set()).add(kind)
    for name, number in slots.items():
        if name not in widest:
            raise UsageError(
                f"--slots {name}={number}: no recipe names this pool; pools: {', '.join(widest) or 'none'}"
            )
        if number < widest[name]:
            raise UsageError(f"--slots {name}={number}: a task takes {widest[name]} slots, and would never run")
    return {
        name: {
            "slots": slots.get(name, number), "description": f"arcmill: {', '.join(sorted(kinds[name]))}",
            "include_deferred": False,
        }
        for name, number in sorted(widest.items())
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the pools of all recipes of this installation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", action="append", default=[], metavar="POOL=N", help="slots of a pool")
    asked = parser.parse_args(arguments)
    from airflow_dags.recipes import recipe_dags

    try:
        slots: dict[str, int] = {}
        for text in asked.slots:
            name, _, number = text.rpartition("=")
            if not name or not number.isdigit():
                raise UsageError(f"--slots {text}: expected POOL=N")
            slots[name] = int(number)
        recipes = [dag.tasks[0].recipe for dag in recipe_dags().values()]
        print(json.dumps(pools_of(recipes, slots), indent=2))
    except ArcmillError as error:
        print(f"airflow_dags.pools: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
