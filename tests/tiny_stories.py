"""Small texts that a tiny decoder can learn something from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from given_rows import dataset_of

from arcmill.records import Document

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana")
THINGS = ("apple", "bridge", "candle", "drum", "engine", "feather", "garden", "hammer", "island", "jacket", "kettle")
PLACES = ("kitchen", "library", "market", "orchard", "palace", "quarry", "river", "station", "tunnel", "valley")
ACTS = ("carries", "finds", "hides", "loses", "mends", "paints", "sells", "wants")


def story(number: int, sentences: int = 24) -> str:
    """Sentences of one frame about few names, things and places; each story has its own."""
    chance = random.Random(f"story {number}")
    names, things, places = chance.sample(NAMES, 2), chance.sample(THINGS, 3), chance.sample(PLACES, 2)
    return " ".join(
        f"{chance.choice(names)} {chance.choice(ACTS)} the {chance.choice(things)} near the {chance.choice(places)}."
        for _ in range(sentences)
    )


def shuffled(text: str) -> str:
    """The same words in any order."""
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def documents(texts: Sequence[str], folder: Path, prefix: str, **fields: Any) -> str:
    """The path of a Document dataset; ids are `prefix` and a number."""
    rows = [Document(f"{prefix}{number}", text, "test", **fields) for number, text in enumerate(texts)]
    return dataset_of("Document", rows, str(folder))
