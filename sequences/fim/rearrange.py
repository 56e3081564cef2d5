"""Batches of Documents, rearranged for fill in the middle; each is put back as a check before it is let out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from arcmill.stage import Changes
from arcmill.syntax import LANGUAGE_KEY, PARSED
from sequences.fim.columns import replace_texts, with_entries
from sequences.fim.draw import happens, span, words
from sequences.fim.nodes import NodeSpans
from sequences.fim.sentinels import Marks

if TYPE_CHECKING:
    from sequences.fim.stage import FormatFim

TAG = "fim-sentinel-in-text"


class Left(NamedTuple):
    """Why a document stays as it is."""

    reason: str


class Arranged(NamedTuple):
    """A document's new text, how it is ordered, and which span of the original (in characters) is its middle."""

    text: bytes
    mode: str  # psm | spm
    start: int
    end: int
    kind: str  # characters | one of nodes.KINDS


class Rearranger:
    """The decisions of one config."""

    def __init__(self, config: FormatFim) -> None:
        self._config = config
        self._marks = Marks(config.marks())
        self._nodes = NodeSpans(config.node_weights.model_dump())
        self._languages = None if config.languages is None else frozenset(config.languages)

    def changes(self, batch: pa.RecordBatch) -> Changes:
        """What becomes of a Document batch. Tallies: see docs/fim.md."""
        tallies: Counter[str] = Counter()
        metadata = batch.column("metadata")
        languages = pc.map_lookup(metadata, LANGUAGE_KEY, "last").to_pylist()
        epochs, before = (pc.map_lookup(metadata, key, "last").to_pylist() for key in ("epoch", "fim"))
        texts = batch.column("text").cast(pa.large_binary())
        ids, paths = batch.column("id"), batch.column("path")
        made: dict[int, Arranged] = {}
        held: list[int] = []
        for row, language in enumerate(languages):
            result: Arranged | Left
            if language is None:
                result = Left("no_language")
            elif self._languages is not None and language not in self._languages:
                result = Left("other_language")
            elif before[row] is not None:
                result = Left("arranged_before")
            else:
                grammar = language
                if language == "typescript" and (paths[row].as_py() or "").endswith(".tsx"):
                    grammar = "tsx"
                result = self.arrange(_key(ids[row]), texts[row].as_py(), grammar, epochs[row], tallies)
            if isinstance(result, Arranged):
                made[row] = result
                for name in (f"mode.{result.mode}", f"kind.{result.kind}", f"language.{language}"):
                    tallies[name] += 1
                tallies["characters_in_middles"] += result.end - result.start
            else:
                tallies[f"left.{result.reason}"] += 1
                if result.reason == "sentinel_in_text":
                    held.append(row)
        tallies.update({"documents": batch.num_rows, "arranged": len(made)})
        columns: dict[str, Any] = {}
        if made:
            columns["text"] = replace_texts(texts, {row: each.text for row, each in made.items()})
            columns["metadata"] = with_entries(
                metadata,
                {
                    row: {"fim": each.mode, "fim_kind": each.kind, "fim_span": f"{each.start}:{each.end}"}
                    for row, each in made.items()
                },
            )
        if held:
            tags = batch.column("tags").to_pylist()
            for row in held:
                tags[row] = [*(tag for tag in tags[row] or () if tag != TAG), TAG]
            columns["tags"] = tags
        return Changes(columns, {}, tallies)

    def arrange(
        self, name: str, text: bytes, grammar: str, epoch: str | None, tallies: Counter[str]
    ) -> Arranged | Left:
        """One document: `text` is UTF-8, `name` its id. `tallies` counts why a node was wanted and not found."""
        config = self._config
        rate, spm, node, kind, place, pick, high, low = words(config.seed, name, *(() if epoch is None else (epoch,)))
        if not happens(rate, config.rate):
            return Left("by_rate")
        ascii_only = text.isascii()
        try:
            decoded = "" if ascii_only else text.decode()
        except UnicodeDecodeError:
            return Left("not_utf8")
        length = len(text) if ascii_only else len(decoded)
        if length < config.min_span:
            return Left("short")
        if self._marks.places(text):
            return Left("sentinel_in_text")
        found = None
        if happens(node, config.node_share):
            found = self._node(text, ascii_only, grammar, (kind, place, pick), tallies)
        if found is not None:
            first, last, label = found
            start, end = (first, last) if ascii_only else (len(text[:first].decode()), len(text[:last].decode()))
        else:
            label = "characters"
            drawn = span(length, config.min_span, config.max_span, high, low)
            assert drawn is not None  # min_span is at most the length
            start, end = drawn
            first, last = drawn if ascii_only else (len(decoded[:start].encode()), len(decoded[:end].encode()))
        by_spm = happens(spm, config.spm_share)
        arranged = self._marks.arranged(text, first, last, by_spm)
        if self._marks.restored(arranged) != text:  # a sentinel came about where text and sentinel meet
            return Left("not_restorable")
        return Arranged(arranged, "spm" if by_spm else "psm", start, end, label)

    def _node(
        self, text: bytes, ascii_only: bool, grammar: str, drawn: tuple[int, int, int], tallies: Counter[str]
    ) -> tuple[int, int, str] | None:
        config = self._config
        if grammar not in PARSED:
            tallies["no_node.no_grammar"] += 1
            return None
        if len(text) > config.max_parse_bytes:
            tallies["no_node.too_large"] += 1
            return None
        longest = len(text) if config.max_span is None else config.max_span

        def fits(start: int, end: int) -> bool:
            size = end - start if ascii_only else len(text[start:end].decode())
            return config.min_span <= size <= longest

        found = self._nodes.choose(text, grammar, fits, *drawn)
        if found is None:
            tallies["no_node.none_fits"] += 1
        return found


def _key(value: pa.Scalar) -> str:
    data: bytes = value.as_buffer().to_pybytes()
    return data.decode("utf-8", "surrogateescape")
