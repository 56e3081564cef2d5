"""`arcmill inspect` and `arcmill compare`: what one dataset holds, and how two runs differ."""

from __future__ import annotations

import click

from pipelines.commands.options import json_option
from pipelines.commands.shown import say


@click.command()
@click.argument("dataset")
@click.option("--rows", type=click.IntRange(0), default=3, show_default=True, help="Sample rows to show.")
@click.option("--pairs", type=click.IntRange(0), default=0, help="Merged pairs to show, of each band of similarity.")
@click.option(
    "--pairs-csv", metavar="FILE", help="Write merged pairs (--pairs a band, or 20) with an empty label column."
)
@click.option("--labels", metavar="FILE", help="Tell the precision of each band from such a file, once it is labelled.")
@json_option
def inspect(dataset: str, rows: int, pairs: int, pairs_csv: str | None, labels: str | None, as_json: bool) -> None:
    """Show a dataset: schema, counts, score histograms, why rows left, sample rows.

    \b
    Example:
      arcmill inspect runs/quickstart/filtered
      arcmill inspect web-distinct --pairs-csv pairs.csv     then label them 1 or 0, and
      arcmill inspect web-distinct --labels pairs.csv
    """
    from pipelines.inspect import inspect_dataset

    if labels:
        from pipelines.pairs import read_labels, render_labels

        say(read_labels(labels), as_json, lambda told: "\n".join(render_labels(told)))
        return
    if pairs_csv:
        from arcmill.dataset import Dataset
        from pipelines.pairs import sample_pairs, with_texts, write_csv

        opened = Dataset.open(dataset)
        write_csv(pairs_csv, with_texts(opened, sample_pairs(opened, pairs or 20)[1]))
        click.echo(pairs_csv)
        return
    found = inspect_dataset(dataset, rows, pairs)
    if as_json:
        say(found, True, str)
        return
    from pipelines.inspect_view import show

    show(found)


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option(
    "--step", metavar="NAME", help="Compare the rows of this step (NAME, or NAME_A:NAME_B).  [default: the last ones]"
)
@click.option(
    "--samples", type=click.IntRange(0), default=3, show_default=True, help="Rows to show that one side alone has."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which of them are shown.")
@json_option
def compare(run_a: str, run_b: str, step: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Compare two runs or datasets: overlap, configs and rules, score and length distributions, token mix, samples.

    \b
    Example:
      arcmill compare runs/web runs/web-strict
      arcmill compare runs/web runs/web-strict --step filtered --json
      arcmill compare runs/web/mixed other/mixed
    """
    from pipelines import compare as compared

    say(compared.compare(run_a, run_b, step, samples, seed), as_json, compared.render)
