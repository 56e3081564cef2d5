"""Trains the packaged model again: `python -m filters.quality.make_default --output DIR`.

The same versions of Python and of the libraries (they are in the model's card) give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from filters.quality.default_corpus import bad_texts, good_texts, versions
from filters.quality.model import CARD
from filters.quality.score import DEFAULT_MODEL
from filters.quality.train import TrainQuality
from filters.quality.training import train

Texts = Callable[[], tuple[list[str], Iterable[str]]]  # good ones and bad ones


def corpus() -> tuple[list[str], Iterable[str]]:
    """Prose and boilerplate of this environment."""
    good = good_texts()
    return good, bad_texts(good)


def make(output: Path, name: str = DEFAULT_MODEL.name, texts: Texts = corpus) -> dict[str, object]:
    """Train into `output`; returns the statistics of train-quality."""
    output.mkdir(parents=True, exist_ok=True)
    good, bad = texts()
    config = TrainQuality(name=name, dimension=16, epochs=10, hash_bucket=1 << 15, features=20_000)
    statistics = train(iter(good), iter(bad), config, output)
    card = output / CARD
    values = json.loads(card.read_text(encoding="utf-8"))
    values["measured"]["trained_on"] = versions()
    card.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return statistics


def main(description: str | None = __doc__, packaged: Path = DEFAULT_MODEL, texts: Texts = corpus) -> None:
    """The command that makes a packaged model of good and bad texts."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=packaged, help="folder of the model (default: the packaged)")
    print(json.dumps(make(parser.parse_args().output, packaged.name, texts), indent=1))


if __name__ == "__main__":
    main()
