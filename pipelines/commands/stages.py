"""`arcmill stages` and `arcmill doctor`: what there is to run, and what this machine has for it."""

from __future__ import annotations

import click

from pipelines.catalogue import STAGES, get_stage
from pipelines.commands.options import json_option
from pipelines.commands.shown import say, table


@click.command()
@json_option
def stages(as_json: bool) -> None:
    """List every stage: reads, writes, engine.

    \b
    Example:
      arcmill stages --json
    """
    rows = []
    for name in STAGES:
        stage = get_stage(name)
        reads = {n: r for n, (r, _) in stage.inputs.items()}
        rows.append({"stage": name, "version": stage.version, "reads": reads, "writes": stage.writes,
                     "engine": stage.engine, "help": stage.help})  # fmt: skip
    say(rows, as_json, lambda rows: table([
        (r["stage"], ", ".join(sorted(set(r["reads"].values()))) or "-", r["writes"], r["engine"], r["help"]) for r in rows
    ], ("stage", "reads", "writes", "engine", "does")))  # fmt: skip


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Tell what this machine has, what is missing, and the command that mends it.

    \b
    Example:
      arcmill doctor
    """
    from pipelines.doctor import examine, render

    found = examine()
    say(found, as_json, render)
    if any(check["state"] == "missing" and check["needed"] for check in found):
        raise SystemExit(4)
