"""Held-out documents: drawn by a hash of their ids, without those that an arm holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import InputError
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import Arm, Draw, keys_of
from pipelines.ablate.spans import Items, Measure
from pipelines.ablate.stream import Array
from pipelines.ablate.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

SPARE = 4  # how many times the bytes wanted are drawn, since some are left out
_BYTES_PER_TOKEN = 5
_COLUMNS = ["id", "text", "repo", "metadata"]
LONGEST = 1 << 20  # characters of a held-out document that are looked at


@dataclass(frozen=True)
class Held:
    """A held-out document. `metadata` as in the Document."""

    set: str
    id: str
    text: str
    metadata: Mapping[str, str]
    repo: str | None = None


@dataclass(frozen=True)
class Kept:
    """A held-out document that is measured: the start of its text, and the tokens of that."""

    held: Held
    text: str
    ids: Array


def candidates(sets: Sequence[Arm], config: Ablate) -> list[Held]:
    """Documents of each set in the order of a hash of their ids; each text once. Raises InputError for an empty set."""
    found: list[Held] = []
    for each in sets:
        held: list[tuple[int, Held]] = []
        for batch in Draw(each, config.heldout_tokens * _BYTES_PER_TOKEN * SPARE).batches(_COLUMNS):
            ids = batch.column("id").to_pylist()
            metadata = batch.column("metadata").to_pylist()
            repos = batch.column("repo").to_pylist()
            for number, key in enumerate(keys_of(ids)):
                try:
                    text = (batch.column("text")[number].as_py() or "")[:LONGEST]
                except UnicodeDecodeError:
                    continue
                if text.strip():
                    held.append(
                        (int(key), Held(each.name, ids[number], text, dict(metadata[number] or ()), repos[number]))
                    )
        seen: set[bytes] = set()
        for _, one in sorted(held, key=lambda pair: (pair[0], pair[1].id)):
            told = sha256(one.text.encode()).digest()
            if told not in seen:
                seen.add(told)
                found.append(one)
        if not seen:
            raise InputError(f"held-out set {each.name}: no document with text")
    return found


class Overlap:
    """Which n-grams of held-out documents are met in which arm."""

    def __init__(self, held: Sequence[Held], ngram: int) -> None:
        self._ngram = ngram
        hashes, self._starts = self._shingled([each.text for each in held])
        self._known, self._of = np.unique(hashes, return_inverse=True)
        self._met: dict[str, Array] = {}

    def look(self, arm: str, columns: Iterable[pa.Array]) -> None:
        """Go through the texts of an arm."""
        met = self._met.setdefault(arm, np.zeros(len(self._known), np.bool_))
        for column in columns:
            from dedup.shingles import shingle

            hashes = shingle(column, self._ngram).hashes
            places = np.minimum(np.searchsorted(self._known, hashes), len(self._known) - 1)
            met[places[self._known[places] == hashes]] = True

    def shares(self) -> dict[str, Array]:
        """Of each arm: the share (0-1) of each document's n-grams that it holds."""
        counts = np.diff(self._starts)
        return {
            arm: np.add.reduceat(met[self._of].astype(np.int64), self._starts[:-1]) / counts
            for arm, met in self._met.items()
        }

    def _shingled(self, texts: Sequence[str]) -> tuple[Array, Array]:
        import pyarrow as pa

        from dedup.shingles import shingle

        found = shingle(pa.array(texts, pa.large_string()), self._ngram)
        counts = np.diff(found.starts)
        if counts.min(initial=1) > 0:
            return found.hashes, found.starts
        # A text without a word (signs alone) has no n-gram: it counts as one that no arm holds.
        pieces = [found.hashes[a:b] for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]
        pieces = [piece if len(piece) else np.zeros(1, np.uint64) for piece in pieces]
        return np.concatenate(pieces), np.cumsum([0, *map(len, pieces)])


def chosen(
    found: Sequence[Held], overlap: Overlap, vocabulary: Vocabulary, config: Ablate
) -> tuple[list[Kept], dict[str, dict[str, Any]]]:
    """Documents that no arm holds with the tokens that are measured, and what is told of each set."""
    shares = overlap.shares()
    kept: list[Kept] = []
    facts: dict[str, dict[str, Any]] = {}
    for number, held in enumerate(found):
        told = facts.setdefault(
            held.set, {"documents": 0, "tokens": 0, "bytes": 0, "looked_at": 0, "left_out": 0, "left_out_by_arm": {}}
        )
        if told["tokens"] >= config.heldout_tokens:
            continue
        told["looked_at"] += 1
        holders = [arm for arm, share in shares.items() if share[number] >= config.overlap]
        if holders:
            told["left_out"] += 1
            for arm in holders:
                told["left_out_by_arm"][arm] = told["left_out_by_arm"].get(arm, 0) + 1
            continue
        text, ids = _start(held.text, config.longest, vocabulary)
        if not len(ids):
            continue
        kept.append(Kept(held, text, ids))
        told["documents"] += 1
        told["tokens"] += len(ids)
        told["bytes"] += len(text.encode())
    for name, told in facts.items():
        if not told["documents"]:
            raise InputError(
                f"held-out set {name}: the arms hold {told['left_out']} of its {told['looked_at']} documents, none is left "
                f"to measure on; give documents that no arm was made from, or raise overlap ({config.overlap})"
            )
    return kept, facts


def _start(text: str, tokens: int, vocabulary: Vocabulary) -> tuple[str, Array]:
    """The start of a text, up to the end of a word: at most about so many tokens, and these."""
    most = tokens * _BYTES_PER_TOKEN
    while True:
        if len(text) > most:
            space = max(text.rfind(" ", most // 2, most), text.rfind("\n", most // 2, most))
            text = text[: space if space > 0 else most]
        ids = vocabulary.encode([text])[0]
        if len(ids) <= tokens * 1.25 or len(text) < 2:
            return text, ids
        most = max(1, len(text) * tokens // len(ids))


def add_loss(items: Items, kept: Sequence[Kept], vocabulary: Vocabulary, window: int) -> None:
    """Measure the loss on each document: every token but the closing one, in half-overlapping windows."""
    for each in kept:
        tokens = np.concatenate([[vocabulary.eos], each.ids])
        spans = [items.span(tokens[: window + 1], 1)]
        step = max(1, window // 2)
        for first in range(window + 1, len(tokens), step):
            end = min(first + step, len(tokens))
            begin = max(0, end - window - 1)
            spans.append(items.span(tokens[begin:end], first - begin))
        held, size = each.held, float(len(each.text.encode()))
        items.measures.append(Measure(held.set, "bits_per_byte", held.id, "bits", tuple(spans), size))
        items.measures.append(Measure(held.set, "loss", held.id, "nats", tuple(spans), float(len(each.ids))))
