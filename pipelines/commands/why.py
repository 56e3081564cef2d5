"""`arcmill why`: the way of one document or token through a run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arcmill.errors import UsageError
from pipelines.commands.options import json_option
from pipelines.commands.shown import say


@click.command()
@click.argument("where", metavar="RUN_DIR|SHARD:ROW:TOKEN")
@click.argument("what", metavar="[ID|SHARD:ROW:TOKEN]", required=False)
@click.option("--tokenizer", metavar="DIR", help="Of a token: its tokenizer, where it is no longer in the run.")
@click.option(
    "--also", multiple=True, metavar="DIR", help="Of a token: a further run or dataset that was read. Repeatable."
)
@json_option
def why(where: str, what: str | None, tokenizer: str | None, also: Sequence[str], as_json: bool) -> None:
    """Tell the way of one document, or of one training token, through every stage of a run.

    SHARD is a Parquet part of packed sequences, or the folder of all of them; rows and tokens count from 0.

    \b
    Example:
      arcmill why runs/quickstart 3f2a9c…
      arcmill why runs/quickstart/packed/part-00003.parquet:17:2048
      arcmill why runs/quickstart packed/part-00003:17:2048
    """
    from pipelines import why as document
    from pipelines.token_address import address_in, parse_address
    from pipelines.why_token import explain_token
    from pipelines.why_token_text import render

    address = parse_address(where) if what is None else address_in(where, what)
    if address is not None:
        say(explain_token(address, tokenizer, also), as_json, render)
        return
    if what is None:
        raise UsageError(f"why {where}: give RUN_DIR and an ID, or a token as SHARD:ROW:TOKEN")
    if tokenizer is not None or also:
        raise UsageError("why: --tokenizer and --also go with a token, SHARD:ROW:TOKEN")
    say(document.explain(where, what), as_json, document.render)
