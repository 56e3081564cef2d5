"""`arcmill run` and `arcmill plan`: a recipe, run and shown."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pipelines.commands.options import json_option, workers_option
from pipelines.commands.shown import say, table


@click.command()
@click.argument("recipe")
@click.option("--root", metavar="DIR", help="Folder of the run.  [default: runs/<recipe name>]")
@click.option("--only", multiple=True, metavar="STAGE", help="Run this step alone.")
@click.option("--from", "start", multiple=True, metavar="STAGE", help="Run this step and all that follow from it.")
@click.option("--set", "assignments", multiple=True, metavar="STAGE.KEY=VALUE", help="One setting of one step.")
@workers_option
@click.option(
    "--force", is_flag=True, help="Rebuild what was made from something else; with --only or --from, also what is done."
)
@click.option(
    "--since", metavar="EARLIER", help="The report tells what changed since this run, as in `arcmill report --since`."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def run(
    recipe: str, root: str | None, only: Sequence[str], start: Sequence[str], assignments: Sequence[str], workers: int,
    force: bool, since: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Run a recipe: a YAML file, or the name of a built-in one. What is done is skipped.

    \b
    Example:
      arcmill run quickstart --workers 2
      arcmill run recipes/web.yaml --set pages.input=crawl/*.warc.gz --root runs/crawl
    """
    from pipelines import runner
    from pipelines.recipe import load_recipe
    from pipelines.report import write_report

    loaded = load_recipe(recipe, assignments)
    folder = runner.run_root(loaded, root)
    if since is not None:
        from pipelines.report.earlier import check_since

        check_since(since)
    canaries = runner.run(loaded, folder, only=only, start=start, workers=workers, force=force, quiet=quiet)
    if canaries:
        click.echo(canaries)
    from pipelines.cards.write import keep_card

    for step in runner.select(loaded, only, start):
        given = [path for paths in step.paths.values() for path in paths]
        if told := keep_card(step.stage, f"{folder}/{step.name}", given):
            click.echo(told, err=True)
    click.echo(f"report: {write_report(folder, None, [(s.name, s.stage.name) for s in loaded.steps], since)}")
    for step in loaded.steps:
        if step.stage.writes == "Sequence":
            click.echo(f"packed: {folder}/{step.name}")


@click.command()
@click.argument("recipe")
@click.option("--root", metavar="DIR", help="Folder of the run.  [default: runs/<recipe name>]")
@click.option("--set", "assignments", multiple=True, metavar="STAGE.KEY=VALUE", help="One setting of one step.")
@json_option
def plan(recipe: str, root: str | None, assignments: Sequence[str], as_json: bool) -> None:
    """Show the DAG of a recipe: what is done, what would run and why.

    \b
    Example:
      arcmill plan quickstart
    """
    from pipelines import runner
    from pipelines.recipe import load_recipe

    loaded = load_recipe(recipe, assignments)
    folder = runner.run_root(loaded, root)
    rows = [
        {
            "step": planned.step.name, "stage": planned.step.stage.name, "engine": planned.step.stage.engine,
            "inputs": loaded.inputs(planned.step, folder), "output": planned.output, "state": planned.state,
            "reason": planned.reason,
        }
        for planned in runner.plan(loaded, folder)
    ]  # fmt: skip
    say(rows, as_json, lambda rows: table([
        (r["state"], r["step"], r["stage"], r["engine"], r["reason"]) for r in rows
    ], ("state", "step", "stage", "engine", "why")))  # fmt: skip
