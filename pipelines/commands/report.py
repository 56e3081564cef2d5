"""`arcmill report` and `arcmill receipt`: a page about a run, and what its mixtures hold."""

from __future__ import annotations

import click

from pipelines.commands.options import json_option
from pipelines.commands.shown import say


@click.command()
@click.argument("run_dir")
@click.option("--output", metavar="FILE", help="The page to write.  [default: RUN_DIR/report.html]")
@click.option("--recipe", metavar="RECIPE", help="The run's recipe: steps of it that never began are told too.")
@click.option(
    "--since", metavar="EARLIER", help="Tell what changed since this run: its folder, a .json that --json printed of it, or "
    "`previous`, the run beside this one whose name sorts just before.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON; write no page.")
def report(run_dir: str, output: str | None, recipe: str | None, since: str | None, as_json: bool) -> None:
    """Write one self-contained HTML page about a run.

    \b
    Example:
      arcmill report runs/quickstart
      arcmill report runs/crawl --recipe web
      arcmill report crawl/2026-01-02 --since crawl/2026-01-01
      arcmill report crawl/2026-01-02 --json > 2026-01-02.json
    """
    from pipelines.report import report_json, write_report

    planned = None
    if recipe is not None:
        from pipelines.recipe import step_names

        planned = step_names(recipe)
    if as_json:
        say(report_json(run_dir, planned, since), True, str)
        return
    click.echo(write_report(run_dir, output, planned, since))


@click.command()
@click.argument("path", metavar="RUN_DIR|DATASET")
@json_option
def receipt(path: str, as_json: bool) -> None:
    """Tell what mixtures were asked for, what they hold (unique tokens, repeats), and how they were packed (fill, cuts).

    \b
    Example:
      arcmill receipt runs/pretrain_general
      arcmill receipt runs/pretrain_general/packed --json
    """
    from pipelines.receipt import receipt as receipt_of
    from pipelines.receipt import render

    say(receipt_of(path), as_json, render)
