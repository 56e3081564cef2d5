"""Trains the packaged model again: `python -m filters.code_web.default.make --output DIR`.

The same versions of Python and of the libraries (they are in the model's card) give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from filters.code_web.default.corpus import code_texts, noise_texts
from filters.code_web.stage import DEFAULT_MODEL
from filters.quality.default.make import make


def corpus() -> tuple[list[str], Iterable[str]]:
    """Documentation of code, and what only looks like it."""
    good = code_texts()
    return good, noise_texts(good)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_MODEL, help="folder of the model (default: the packaged)"
    )
    print(json.dumps(make(parser.parse_args().output, DEFAULT_MODEL.name, corpus), indent=1))


if __name__ == "__main__":
    main()
