"""Trains the packaged model again: `python -m filters.code_web.make_default --output DIR`.

The same versions of Python and of the libraries (they are in the model's card) give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from filters.code_web.default_corpus import code_texts, noise_texts
from filters.code_web.stage import DEFAULT_MODEL
from filters.quality.make_default import main


def corpus() -> tuple[list[str], Iterable[str]]:
    """Documentation of code, and what only looks like it."""
    good = code_texts()
    return good, noise_texts(good)


if __name__ == "__main__":
    main(__doc__, DEFAULT_MODEL, corpus)
