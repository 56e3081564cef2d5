"""What `pack` counts: its half of a mixture's receipt, in the manifest's statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

MOST_SOURCES = 200  # that a task tells apart; those that come later are counted together
OTHERS = "(others)"
FIELDS = ("documents", "occurrences", "tokens", "tokens_in_loss", "tokens_repeated", "tokens_in_loss_repeated")
_KEY = "source\0"


class Receipt:
    """Counts of the documents of a task; sums over tasks are those of the dataset.

    A document is counted where its epoch is 0, an occurrence at any epoch; tokens of later epochs are repeated ones.
    """

    def __init__(self, length: int) -> None:
        self._length, self._longer = length, 0
        self._sources: dict[str, list[int]] = {}

    def add(self, source: str, epoch: int, tokens: int, in_loss: int) -> None:
        """An occurrence of a document."""
        held = self._sources.get(source)
        if held is None:
            if len(self._sources) >= MOST_SOURCES:
                source = OTHERS
            held = self._sources.setdefault(source, [0] * len(FIELDS))
        held[0] += not epoch
        held[1] += 1
        held[2] += tokens
        held[3] += in_loss
        held[4] += tokens if epoch else 0
        held[5] += in_loss if epoch else 0
        self._longer += tokens > self._length

    def take(self, sources: Mapping[str, Sequence[int]]) -> None:
        """Counts that were made elsewhere, by source, in the order of FIELDS."""
        self._sources = {source: list(held) for source, held in sources.items()}

    def tallies(self) -> Counter[str]:
        """What was counted, as sums."""
        counts: Counter[str] = Counter({"documents_longer": self._longer})
        for source, held in self._sources.items():
            for field, count in zip(FIELDS, held, strict=True):
                counts[f"{_KEY}{field}\0{source}"] = count
        return counts


def summary(mode: str, length: int, counted: Mapping[str, int]) -> dict[str, Any]:
    """The statistics of a packed dataset; docs/packing.md says what each means."""
    sources: dict[str, dict[str, int]] = {}
    rest: dict[str, Any] = {}
    for key, count in counted.items():
        if key.startswith(_KEY):
            field, source = key[len(_KEY) :].split("\0", 1)
            sources.setdefault(source, dict.fromkeys(FIELDS, 0))[field] = count
        elif "." in key:
            rest[key] = count
    total = {field: sum(entry[field] for entry in sources.values()) for field in FIELDS}
    rows, padding = counted.get("rows", 0), counted.get("padding", 0)
    held = rows * length - padding
    listed = sorted(sources.items(), key=lambda item: (item[0] == OTHERS, -item[1]["tokens"], item[0]))
    return {
        "mode": mode, "sequence_length": length, "rows": rows, "rows_at_least": -(-held // length),
        "fill": round(held / (rows * length), 6) if rows else None, "padding": padding,
        "sentinels": counted.get("sentinels", 0), **total, "tokens_unique": total["tokens"] - total["tokens_repeated"],
        "documents_cut": counted.get("documents_cut", 0), "documents_longer": counted.get("documents_longer", 0),
        "segments": counted.get("pieces", 0), **rest,
        "sources": [{"source": source, **entry} for source, entry in listed],
    }  # fmt: skip
