"""`arcmill report` and `arcmill receipt`: a page about a run, and what its mixtures hold."""

from __future__ import annotations

import click

from pipelines.commands.options import json_option
from pipelines.commands.shown import say


@click.command()
@click.argument("run_dir")
@click.option("--output", metavar="FILE", help="The page to write.  [default: RUN_DIR/report.html]")
@click.option("--recipe", metavar="RECIPE", help="The run's recipe: steps of it that never began are told too.")
def report(run_dir: str, output: str | None, recipe: str | None) -> None:
    """Write one self-contained HTML page about a run.

    \b
    Example:
      arcmill report runs/quickstart
      arcmill report runs/crawl --recipe web
    """
    from pipelines.report import write_report

    planned = None
    if recipe is not None:
        from pipelines.recipe import step_names

        planned = step_names(recipe)
    click.echo(write_report(run_dir, output, planned))


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
