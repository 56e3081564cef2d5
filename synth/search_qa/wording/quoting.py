"""Names in quotation marks, so that no name can be taken for words of a template, whatever it holds.

The first pair of marks that a name lacks stands around it. Where it has marks of every pair, closing marks of the first pair
are doubled within; a closing mark is never followed by another one, so both are read back alike.
"""

from __future__ import annotations

import re

PAIRS = (("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"), ("『", "』"), ("〔", "〕"))
OPEN, CLOSE = "\ue000", "\ue001"  # around the number of a name, in a masked text
PLACE = re.compile(f"{OPEN}(\\d+){CLOSE}")
_QUOTED = re.compile("|".join(f"{left}(?:[^{right}]|{right}{right})*{right}" for left, right in PAIRS))
_STRAY = re.compile(f"[{''.join(left + right for left, right in PAIRS)}{OPEN}{CLOSE}]")


def quoted(name: str) -> str:
    """The name within marks."""
    for left, right in PAIRS:
        if left not in name and right not in name:
            return f"{left}{name}{right}"
    left, right = PAIRS[0]
    return f"{left}{name.replace(right, right * 2)}{right}"


def masked(text: str) -> tuple[str, list[str]]:
    """The text with a numbered place for each quoted name, and the names. ValueError where a mark stands alone."""
    names: list[str] = []
    pieces: list[str] = []
    end = 0
    for found in _QUOTED.finditer(text):
        pieces.append(text[end : found.start()])
        pieces.append(f"{OPEN}{len(names)}{CLOSE}")
        held = found[0]
        names.append(held[1:-1].replace(held[-1] * 2, held[-1]))
        end = found.end()
    pieces.append(text[end:])
    if any(_STRAY.search(piece) for piece in pieces[::2]):
        raise ValueError("a quotation mark that is not closed, or that closes nothing")
    return "".join(pieces), names
