"""`arcmill ablate`: small decoders trained on datasets, compared."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arcmill.errors import UsageError
from pipelines.commands.options import json_option, workers_option
from pipelines.commands.settings import settings_help
from pipelines.commands.shown import say


class AblateCommand(click.Command):
    """Its settings stand in its help, as those of a stage do; they are imported when they are asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from pipelines.ablate.config import Ablate

        self.epilog = "\n".join(["\b", "Settings (--set KEY=VALUE):", *settings_help(Ablate)])
        super().format_epilog(ctx, formatter)


@click.command(cls=AblateCommand)
@click.argument("arms", nargs=-1, required=True, metavar="NAME=PATH...")
@click.option(
    "--heldout", multiple=True, required=True, metavar="NAME=PATH",
    help="Document dataset (or run) to measure on; what an arm holds of it is left out. Repeatable.",
)  # fmt: skip
@click.option("--output", required=True, metavar="DIR", help="Folder of the results; what is done there is taken up.")
@click.option(
    "--tokenizer", metavar="PATH", help="The shared tokenizer.  [default: trained on equal shares of the arms]"
)
@click.option("--config", "config_file", metavar="FILE", help="YAML file with settings.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One setting; wins over --config.")
@workers_option
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
def ablate(
    arms: Sequence[str], heldout: Sequence[str], output: str, tokenizer: str | None, config_file: str | None,
    assignments: Sequence[str], workers: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train the same small decoder on equal tokens of two or more datasets or runs, and compare what it learned.

    A name given twice makes one arm of two datasets. Needs torch (pip install 'arcmill[llm]').

    \b
    Example:
      arcmill ablate raw=runs/crawl/ingested ours=runs/crawl/mixed --heldout wiki=wiki-clean --output runs/ablation
      arcmill ablate a=runs/a b=runs/b --heldout clean=held --output out --set size=small --set tokens=2000000 --set seeds=5
    """
    from arcmill.config import assign, parse_assignment, read_yaml, validate
    from pipelines.ablate import run as ablation
    from pipelines.ablate import table as shown
    from pipelines.ablate.config import Ablate

    values = read_yaml(config_file) if config_file else {}
    for text in assignments:
        assign(values, *parse_assignment(text))
    config = validate(Ablate, values, config_file or "ablate")
    told = ablation.ablate(
        named_paths("arm", arms), named_paths("--heldout", heldout), output, config, tokenizer=tokenizer, workers=workers,
        quiet=quiet,
    )  # fmt: skip
    say(told, as_json, shown.terminal)
    if not as_json:
        click.echo(f"{output}/{shown.MARKDOWN}")


def named_paths(what: str, given: Sequence[str]) -> list[tuple[str, str]]:
    """`NAME=PATH` arguments; a name may be given more than once."""
    found = []
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path or not all(sign.isalnum() or sign in "_.-" for sign in name) or not name.strip("."):
            raise UsageError(f"{what} {text!r}: expected NAME=PATH, the name of letters, digits and _ . -")
        found.append((name, path))
    return found
