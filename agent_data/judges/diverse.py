"""How unlike two trajectories of one task are, and which few of them show the most ways to do it.

Distance is the mean of three, each 0 to 1: the edit distance of the sequences of calls, and the Jaccard distances of the calls
with their arguments and of the words that the agent writes. Chosen greedily, each the farthest from those before (Gonzalez,
"Clustering to minimize the maximum intercluster distance", 1985), so any prefix of the choice is good, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

WORDS = 3  # words in a row that are compared
SKETCH = 256  # of their hashes, the smallest, which stand for all (bottom-k sketch, Broder 1997)


@dataclass(frozen=True, slots=True)
class Features:
    """What is compared of a trajectory. `cost` orders them: refused calls, calls, characters."""

    sequence: tuple[str, ...]
    calls: frozenset[int]
    words: frozenset[int]
    cost: tuple[int, int, int]

    def text(self) -> str:
        """As JSON."""
        return json.dumps([self.sequence, sorted(self.calls), sorted(self.words), self.cost])


def read_features(text: str) -> Features:
    """From its JSON."""
    sequence, calls, words, cost = json.loads(text)
    return Features(tuple(sequence), frozenset(calls), frozenset(words), tuple(cost))


def features(messages: Sequence[dict[str, Any]], refused: int) -> Features:
    """Of the messages of a row as Arrow gives them. `refused`: calls that the world refused."""
    sequence: list[str] = []
    calls: set[int] = set()
    said: list[str] = []
    for message in messages:
        if message["role"] != "assistant":
            continue
        said += (message["reasoning"] or "").split() + (message["content"] or "").split()
        for call in message["tool_calls"] or ():
            sequence.append(call["name"])
            calls.add(_hash(f"{call['name']} {_canonical(call['arguments'])}"))
    hashes = {_hash(" ".join(said[at : at + WORDS])) for at in range(max(len(said) - WORDS + 1, min(len(said), 1)))}
    cost = (refused, len(sequence), sum(map(len, said)))
    return Features(tuple(sequence), frozenset(calls), frozenset(sorted(hashes)[:SKETCH]), cost)


def distance(one: Features, other: Features) -> float:
    """0: the same in all that is compared, 1: nothing in common."""
    most = max(len(one.sequence), len(other.sequence))
    parts = [_edits(one.sequence, other.sequence) / most] if most else []
    if one.calls or other.calls:
        parts.append(1 - len(one.calls & other.calls) / len(one.calls | other.calls))
    if one.words or other.words:
        parts.append(1 - _overlap(one.words, other.words))
    return sum(parts) / len(parts) if parts else 0.0


def choose(candidates: Sequence[Features], most: int, least: float) -> tuple[list[int], list[tuple[int, float]]]:
    """The places of at most `most` candidates, the first of least cost, each at least `least` away from those before; and of every
    candidate its nearest chosen one, with the distance. Equal ones by their place."""
    order = sorted(range(len(candidates)), key=lambda place: (candidates[place].cost, place))
    chosen: list[int] = []
    nearest = [(-1, 2.0)] * len(candidates)
    while order and len(chosen) < most:
        new = max(order, key=lambda place: nearest[place][1])  # the first of equal ones
        if chosen and nearest[new][1] < least:
            break
        chosen.append(new)
        order.remove(new)
        for place, held in enumerate(candidates):
            away = 0.0 if place == new else distance(held, candidates[new])
            if away < nearest[place][1] and place not in chosen[:-1]:
                nearest[place] = (new, away)
    return chosen, nearest


def _edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein distance of two sequences of names."""
    row = list(range(len(other) + 1))
    for number, name in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, against in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (name != against))
    return row[-1]


def _overlap(one: Collection[int], other: Collection[int]) -> float:
    """Jaccard similarity, estimated from two bottom-k sketches; exact where both hold everything."""
    union = (
        sorted({*one, *other})[: max(len(one), len(other))]
        if len(one) >= SKETCH or len(other) >= SKETCH
        else {*one, *other}
    )
    both = set(one) & set(other)
    return sum(value in both for value in union) / len(union) if union else 1.0


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "little")
