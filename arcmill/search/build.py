"""Building a search index: documents into files that are read through memory maps, and BM25 scores by bm25s.

Two passes: the first copies ids, titles and texts, cuts passages and writes their terms as numbers to a temporary file; the
second scores them. Memory: the vocabulary (about 150 bytes a term), ids (to put them in order), and in the second pass about
50 bytes a posting (a term in a passage), which is why postings are bounded.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import InputError
from arcmill.search.passages import passages, title_of
from arcmill.search.strings import StringsWriter, write_strings
from arcmill.search.words import words

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.search.stage import IndexDocuments

FORMAT = 1
PARAMETERS = "index.json"
COLUMNS = ["id", "text", "path", "repo", "url", "metadata"]


def build(batches: Iterable[pa.RecordBatch], settings: IndexDocuments, output: Path) -> dict[str, int]:
    """Write the index of Document batches into a folder. Returns counts: documents, duplicates, passages, terms, postings.

    Raises InputError where there would be more postings than `max_postings`.
    """
    found = _Reader(settings, output)
    tokens = output / "tokens.tmp"
    try:
        with open(tokens, "wb") as stream:
            found.read(batches, stream)
        counts = found.finish()
        _score(tokens, found, settings, output)
    finally:
        tokens.unlink(missing_ok=True)
    parameters = {
        "format": FORMAT,
        "k1": settings.k1,
        "b": settings.b,
        "passage_characters": settings.passage_characters,
    }
    text = json.dumps({**parameters, **counts}, indent=1, sort_keys=True)
    (output / PARAMETERS).write_text(text + "\n", encoding="utf-8")
    return counts


class _Reader:
    """The first pass."""

    def __init__(self, settings: IndexDocuments, output: Path) -> None:
        self.settings, self.output = settings, output
        self.vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
        self.ids: dict[str, int] = {}
        self.duplicates = self.postings = 0
        self.document, self.start, self.byte, self.length = array("i"), array("q"), array("q"), array("i")

    def read(self, batches: Iterable[pa.RecordBatch], tokens: Any) -> None:
        """Every document once: of several with one id, the first."""
        with StringsWriter(self.output, "titles") as titles, StringsWriter(self.output, "texts") as texts:
            for batch in batches:
                for row in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                    identifier, text, path, repo, url, metadata = row
                    if identifier in self.ids:
                        self.duplicates += 1
                        continue
                    self.ids[identifier] = number = len(self.ids)
                    title = title_of(text, dict(metadata or ()), path, repo, url)
                    titles.add(title)
                    texts.add(text)
                    self._passages(number, words(title), text, tokens)

    def _passages(self, number: int, title: list[str], text: str, tokens: Any) -> None:
        number_of, at = self.vocabulary.__getitem__, 0
        for start, end in passages(text, self.settings.passage_characters):
            piece = text[start:end]
            terms = list(map(number_of, title + words(piece)))
            self.document.append(number)
            self.start.append(start)
            self.byte.append(at)
            self.length.append(len(terms))
            at += len(piece.encode("utf-8", "replace"))
            self.postings += len(set(terms))
            tokens.write(array("I", terms).tobytes())
        if self.postings > self.settings.max_postings:
            most = self.settings.max_postings
            raise InputError(
                f"index-documents: more than {most:,} postings (terms in passages) after {len(self.ids):,} documents; "
                f"scoring them needs {50 * most / 1e9:.1f} GB of memory. Index fewer documents, or raise max_postings "
                f"where there is memory for more (50 bytes each)"
            )

    def finish(self) -> dict[str, int]:
        write_strings(self.output, "ids", self.ids)
        write_strings(self.output, "terms", sorted(self.vocabulary, key=lambda term: term.encode()))
        raw = [identifier.encode("utf-8", "replace") for identifier in self.ids]
        order = np.array(sorted(range(len(raw)), key=raw.__getitem__), dtype="<i4")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order), dtype="<i4")
        np.save(self.output / "order.npy", order)
        np.save(self.output / "rank.npy", rank)
        for name, values, kind in (
            ("document", self.document, "<i4"),
            ("start", self.start, "<i8"),
            ("byte", self.byte, "<i8"),
        ):
            np.save(self.output / f"passage.{name}.npy", np.array(values, dtype=kind))
        return {
            "documents": len(self.ids), "duplicate_ids": self.duplicates, "passages": len(self.document),
            "terms": len(self.vocabulary), "postings": self.postings,
        }  # fmt: skip

    def ranks(self) -> Any:
        """Number by first appearance -> number by order of the terms, which is the index's."""
        made = np.empty(len(self.vocabulary), dtype=np.int64)
        for rank, term in enumerate(sorted(self.vocabulary, key=lambda term: term.encode())):
            made[self.vocabulary[term]] = rank
        return made


class _Tokens:
    """The terms of each passage, read from the file whenever they are asked for: bm25s goes over them several times."""

    def __init__(self, path: Path, lengths: array[int], ranks: Any) -> None:
        size = path.stat().st_size
        self._tokens = np.memmap(path, dtype=np.uint32, mode="r") if size else np.empty(0, dtype=np.uint32)
        self._ends = np.cumsum(np.array(lengths, dtype=np.int64))
        self._ranks = ranks

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[list[int]]:
        begin = 0
        for end in self._ends.tolist():
            yield self._ranks[self._tokens[begin:end]].tolist()
            begin = end


def _score(tokens: Path, found: _Reader, settings: IndexDocuments, output: Path) -> None:
    import bm25s

    if not found.vocabulary:
        scores: Mapping[str, Any] = {
            "data": np.empty(0, "<f4"), "indices": np.empty(0, "<i4"), "indptr": np.zeros(1, "<i8"),
        }  # fmt: skip
    else:
        engine = bm25s.BM25(k1=settings.k1, b=settings.b, method="lucene", backend="numpy", csc_backend="numpy")
        corpus = _Tokens(tokens, found.length, found.ranks())
        scores = engine.build_index_from_ids(range(len(found.vocabulary)), corpus, show_progress=False)
    for name in ("data", "indices", "indptr"):
        np.save(output / f"scores.{name}.npy", scores[name])
