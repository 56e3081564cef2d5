"""How a token budget falls on sources: shares, and each source's factor on epochs, in exact fractions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

MICRO = 1_000_000  # epochs are whole millionths, so that sums do not depend on their order

Masses = Mapping[int, int]  # epochs of a document, in millionths -> tokens of the documents that have them


def natural(masses: Masses, most: float | None = None) -> Fraction:
    """Tokens that the documents' own epochs come to, none counted for more than `most` epochs."""
    limit = None if most is None else Fraction(most)
    return sum(
        (
            (Fraction(epochs, MICRO) if limit is None else min(Fraction(epochs, MICRO), limit)) * tokens
            for epochs, tokens in masses.items()
        ),
        Fraction(0),
    )


def shares(
    sources: Mapping[str, Masses],
    budget: int | None,
    weights: Mapping[str, float],
    most: Mapping[str, float] | None = None,
) -> dict[str, Fraction]:
    """Tokens asked of each source. Without a budget they sum to what the epochs (at most `most` of a source) come to;
    without weights in proportion to it."""
    own = {name: natural(masses, (most or {}).get(name)) for name, masses in sources.items()}
    total = Fraction(budget) if budget is not None else sum(own.values(), Fraction(0))
    parts = {name: Fraction(weights.get(name, 0)) for name in sources} if weights else own
    whole = sum(parts.values(), Fraction(0))
    return {name: total * part / whole if whole else Fraction(0) for name, part in parts.items()}


def capped_epochs(masses: Masses, asked: Fraction, most: float) -> dict[int, Fraction]:
    """The effective epochs of each own weight: min(own * factor, most), where the factor makes `asked` tokens.

    Where even `most` epochs of everything are too little, everything has `most`. A weight of 0 stays 0.
    """
    limit = Fraction(most)
    capped: dict[int, Fraction] = {0: Fraction(0)} if 0 in masses else {}
    left, free = asked, {epochs: tokens for epochs, tokens in masses.items() if epochs > 0}
    # The heaviest weights reach the cap first; each that does leaves the rest to the others.
    for epochs in sorted(free, reverse=True):
        own = sum(Fraction(e * tokens, MICRO) for e, tokens in free.items())
        factor = left / own if own else Fraction(1)  # only empty texts: nothing can be asked of them
        if Fraction(epochs, MICRO) * factor <= limit:
            capped |= {e: Fraction(e, MICRO) * factor for e in free}
            return capped
        capped[epochs] = limit
        left -= limit * free.pop(epochs)
    return capped
