"""`arcmill card`: the dataset card of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.command()
@click.argument("dataset")
@click.option(
    "--also", multiple=True, metavar="DIR", help="Folder of a run or dataset that it was made of. Repeatable."
)
@click.option("--show", is_flag=True, help="Print the card, and write nothing.")
@click.option("--force", is_flag=True, help="Replace a README.md that was edited or is not arcmill's.")
def card(dataset: str, also: Sequence[str], show: bool, force: bool) -> None:
    """Write the card of a dataset (README.md, Hugging Face's layout): sources, licences, counts, what was left out, limits.

    Exports and packed sequences get one when they are made; this writes it anew, or for any other dataset.

    \b
    Example:
      arcmill card runs/quickstart/packed
      arcmill card sft --also runs/reasoning --show
    """
    from pipelines.cards.write import card_of, write_card

    click.echo(card_of(dataset, also) if show else write_card(dataset, also, force))
