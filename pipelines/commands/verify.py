"""`arcmill verify` and `arcmill seen`: checks that end with status 3 where something is wrong."""

from __future__ import annotations

import click

from pipelines.commands.options import json_option
from pipelines.commands.shown import say


@click.command()
@click.argument("path")
@click.option("--no-checksums", is_flag=True, help="Skip reading every file for its checksum.")
@click.option(
    "--graph", "graphs", multiple=True, metavar="PATH",
    help="Edge or Node dataset on which search questions are proved again, where it is not beside them. Repeatable.",
)  # fmt: skip
@click.option(
    "--environment", "environments", multiple=True, metavar="NAME=SPEC",
    help="Where an environment of trajectories is: package.module:factory, a search index, or a mapping such as "
    "'{mcp: {command: …}}'. Repeatable.",
)  # fmt: skip
@click.option(
    "--verifier", "verifiers", multiple=True, metavar="TYPE=PLACE",
    help="A verifier of yours that evidence names, such as exact=units:same. It is imported. Repeatable.",
)  # fmt: skip
@json_option
def verify(
    path: str,
    no_checksums: bool,
    graphs: tuple[str, ...],
    environments: tuple[str, ...],
    verifiers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check a dataset or a run: manifest, checksums, schema, conservation, and the evidence of synthetic rows.

    Trajectories are played again from their seed, and the rows that come out otherwise are named.

    \b
    Example:
      arcmill verify runs/quickstart
      arcmill verify runs/retail --environment retail=my_worlds.retail:environment
    """
    from arcmill.errors import UsageError
    from pipelines.verify import render, verify_path

    if wrong := [text for text in verifiers if not all(text.partition("="))]:
        raise UsageError(f"--verifier {wrong[0]!r}: expected TYPE=MODULE:FUNCTION, such as exact=units:same")
    named = {text.partition("=")[0]: text.partition("=")[2] for text in verifiers}

    found = verify_path(path, checksums=not no_checksums, graphs=graphs, environments=environments, verifiers=named)
    say(found, as_json, render)
    if not found["ok"]:
        raise SystemExit(3)


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG…")
@click.option(
    "--input", "datasets", multiple=True, metavar="PATH",
    help="Sequence dataset that the run read. Repeatable, in the run's order.  [default: where the log says]",
)  # fmt: skip
@click.option("--content", is_flag=True, help="Also read the rows, and compare their tokens with what was trained on.")
@click.option("--state", metavar="FILE", help="A state of the run's loader (JSON): the logs must reach as far.")
@json_option
def seen(logs: tuple[str, ...], datasets: tuple[str, ...], content: bool, state: str | None, as_json: bool) -> None:
    """Check the logs of a training run (docs/handoff.md): did it see the rows that it should have seen?

    LOG: the files of all ranks, or their folder. Exit status 3 where it did not.

    \b
    Example:
      arcmill seen checkpoints/seen --input runs/web/packed --content
    """
    from pipelines.seen import render, seen_report

    found = seen_report(logs, datasets, content, state)
    say(found, as_json, render)
    if not found["ok"]:
        raise SystemExit(3)
