"""Dataset cards in Hugging Face's layout: what a dataset was made of, by its manifests, ledgers and rows alone."""

from pipelines.cards.write import CARD, card_of, keep_card, write_card

__all__ = ["CARD", "card_of", "keep_card", "write_card"]
