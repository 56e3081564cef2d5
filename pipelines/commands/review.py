"""`arcmill review`: rows out to people, and their decisions back."""

from __future__ import annotations

import click

from pipelines.catalogue import get_stage
from pipelines.commands.options import CONTEXT, workers_option
from pipelines.commands.stage import execute_and_tell


@click.group(context_settings=CONTEXT)
def review() -> None:
    """Have people accept, edit or refuse rows: a table (CSV) and a local form (HTML) out, their decisions back.

    \b
    Example:
      arcmill review export suggested --output review.csv --html review.html
      arcmill review import review.csv --input suggested --output reviewed --by 'A. Name' --at 2026-11-22
    """


@review.command("export")
@click.argument("dataset")
@click.option("--output", required=True, metavar="FILE", help="The CSV table to write (UTF-8 with a byte order mark).")
@click.option("--html", metavar="FILE", help="Also write a form: one HTML file that needs no network and no server.")
@click.option("--limit", type=click.IntRange(1), help="Rows to write, drawn by --seed.  [default: all]")
@click.option("--seed", type=int, default=0, show_default=True, help="Which rows are drawn, where there is a limit.")
@click.option("--again", is_flag=True, help="Also rows that were accepted or edited before.")
def review_export(dataset: str, output: str, html: str | None, limit: int | None, seed: int, again: bool) -> None:
    """Write Problem rows as a table, and as a form, for people to decide.

    \b
    Example:
      arcmill review export runs/search_qa/questions --output review.csv --html review.html --limit 100
    """
    from pipelines.review import export

    counts = export(dataset, output, html, limit, seed, again)
    more = "".join(
        f", {counts[key]:,} {told}"
        for key, told in (("decided", "decided before"), ("left_out", "left out by --limit"))
        if counts[key]
    )
    click.echo(f"{counts['written']:,} rows{more}", err=True)
    for path in (output, html):
        if path is not None:
            click.echo(path)


@review.command("import")
@click.argument("file")
@click.option("--input", "dataset", required=True, metavar="DATASET", help="The Problem dataset that was exported.")
@click.option("--output", required=True, metavar="PATH", help="Folder of the reviewed Problem dataset to make.")
@click.option("--by", metavar="NAME", help="Who decided, for rows that do not say.")
@click.option("--at", metavar="DATE", help="When, for rows that do not say, such as 2026-11-22.")
@click.option("--delimiter", default=",", show_default=True, metavar="SIGN", help="Between the cells of the CSV file.")
@click.option("--keep-undecided", is_flag=True, help="Keep rows without a decision; else they leave as not-reviewed.")
@workers_option
@click.option("--force", is_flag=True, help="Rebuild an output that was made from something else.")
@click.option("--quiet", is_flag=True, help="No progress.")
def review_import(
    file: str, dataset: str, output: str, by: str | None, at: str | None, delimiter: str, keep_undecided: bool,
    workers: int, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Take back a filled-in table (CSV), or what the form saved (CSV or JSON), by the stage apply-review.

    \b
    Example:
      arcmill review import review.csv --input suggested --output reviewed --by 'A. Name' --at 2026-11-22
    """
    from arcmill.config import validate

    stage = get_stage("apply-review")
    values = {
        "review": file,
        "by": by,
        "at": at,
        "delimiter": delimiter,
        "undecided": "keep" if keep_undecided else "drop",
    }
    config = validate(stage.config, values, "review import")
    execute_and_tell(stage, config, {"input": [dataset]}, output, workers=workers, force=force, quiet=quiet)
