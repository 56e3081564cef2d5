"""Trains the packaged model again: `python -m filters.code_web.make_default --output DIR`.

The same versions of Python and of the libraries (they are in the model's card) give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from filters.code_web.default_corpus import code_texts, noise_texts
from filters.code_web.stage import DEFAULT_MODEL
from filters.quality.default_corpus import versions
from filters.quality.model import CARD
from filters.quality.train import TrainQuality
from filters.quality.training import train

CONFIG = TrainQuality(name=DEFAULT_MODEL.name, dimension=16, epochs=10, hash_bucket=1 << 15, features=20_000)


def make(output: Path) -> dict[str, object]:
    """Train into `output`; returns the statistics of train-quality."""
    output.mkdir(parents=True, exist_ok=True)
    good = code_texts()
    statistics = train(iter(good), iter(noise_texts(good)), CONFIG, output)
    card = output / CARD
    values = json.loads(card.read_text(encoding="utf-8"))
    values["measured"]["trained_on"] = versions()
    card.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return statistics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_MODEL, help="folder of the model (default: the packaged)"
    )
    print(json.dumps(make(parser.parse_args().output), indent=1))


if __name__ == "__main__":
    main()
