"""Trains the packaged models again: `python -m filters.code_quality.default.make --packages FOLDER --output DIR`.

Fetches the packages of `packages.tsv` into FOLDER (about 4 GB of source files; npm, and apt on Debian 12, must be
there), trains on those of the split "train", and prints the AUC on those of "unseen".
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filters.code_quality.default.corpus import Sample, key, packages, samples
from filters.code_quality.default.measure import evaluate
from filters.code_quality.default.sources import fetch
from filters.code_quality.model import CARD, CodeQualityModel
from filters.code_quality.score import DEFAULT_MODEL
from filters.code_quality.train import TrainCodeQuality
from filters.code_quality.training import Labelled, train

TRAINED_ON = ("train",)
MEASURED_ON = ("unseen",)
CONFIG = TrainCodeQuality(name=DEFAULT_MODEL.name)


def make(root: Path, output: Path, known: set[bytes]) -> dict[str, Any]:
    """Train into `output`; returns the statistics of train-code-quality. The keys of the texts are added to `known`."""
    output.mkdir(parents=True, exist_ok=True)
    statistics = train(labelled(samples(root, *TRAINED_ON), known), CONFIG, output)
    card = output / CARD
    values = json.loads(card.read_text(encoding="utf-8"))
    trees = ("tree-sitter", *(f"tree-sitter-{name}" for name in ("python", "javascript", "typescript", "java", "go")),
             "tree-sitter-rust", "tree-sitter-c", "tree-sitter-cpp")  # fmt: skip
    values["trained_on"] = {
        "packages": sum(len(packages(split)) for split in TRAINED_ON),
        "python": platform.python_version(),
        **_versions(trees),
    }
    card.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return statistics


def labelled(files: Iterator[Sample], known: set[bytes]) -> Iterator[Labelled]:
    """Samples as train-code-quality reads them."""
    for file in files:
        known.add(key(file.text))
        yield Labelled(file.text, file.language, file.path, file.package, float(file.good))


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    from importlib import metadata

    return {name: metadata.version(name) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packages", type=Path, required=True, help="folder that packages are fetched into")
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_MODEL, help="folder of the model (default: the packaged one)"
    )
    parser.add_argument("--no-training", action="store_true", help="measure the model in --output as it is")
    arguments = parser.parse_args()
    fetch(packages(), arguments.packages)
    known: set[bytes] = set()
    if arguments.no_training:
        known.update(key(file.text) for file in samples(arguments.packages, *TRAINED_ON))
    else:
        print(json.dumps(make(arguments.packages, arguments.output, known), indent=1), flush=True)
    model = CodeQualityModel(arguments.output, "--output")
    for split in MEASURED_ON:
        found = evaluate(model, samples(arguments.packages, split, skip=frozenset(known)))
        print(json.dumps({split: found}, indent=1), flush=True)


if __name__ == "__main__":
    main()
