"""SearchIndex: BM25 over the passages of a Document dataset, and the pages themselves.

Scores are those of bm25s in Lucene's form (Lù 2024, arXiv:2407.03618; Kamphuis et al. 2020 for the forms), over terms that
each count once in a query. Equal scores stand in the order of the documents' ids, so results are the same wherever they are asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arcmill.errors import InputError
from arcmill.search.build import FORMAT, PARAMETERS
from arcmill.search.passages import snippet
from arcmill.search.strings import Strings
from arcmill.search.words import words

if TYPE_CHECKING:
    from arcmill.dataset import Dataset

STAGE = "index-documents"
PAGE = 4000  # characters that a page shows at once


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found: its best passage begins at character `start`, and `snippet` is cut from it."""

    id: str
    title: str
    snippet: str
    score: float
    start: int


class Page(NamedTuple):
    """Characters [start, end) of a document of `length` characters."""

    id: str
    title: str
    text: str
    start: int
    end: int
    length: int


class SearchIndex:
    """An index that `index-documents` made, opened for reading; many threads may ask at once."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        told = json.loads((folder / PARAMETERS).read_text(encoding="utf-8"))
        if told.get("format") != FORMAT:
            raise InputError(
                f"{folder}: index format {told.get('format')}, this arcmill reads {FORMAT}; build it again"
            )
        self._ids, self._titles = Strings(folder, "ids"), Strings(folder, "titles")
        self._texts, self._terms = Strings(folder, "texts"), Strings(folder, "terms")
        self._order, self._rank = _array(folder, "order"), _array(folder, "rank")
        self._document = _array(folder, "passage.document")
        self._start, self._byte = _array(folder, "passage.start"), _array(folder, "passage.byte")
        self._engine = _engine(folder, told, len(self._document))
        self._dense = _dense(folder)

    @classmethod
    def open(cls, path: str | Path) -> SearchIndex:
        """The index in a folder. InputError where there is none, or it is damaged."""
        from arcmill.dataset import Dataset
        from arcmill.remote import local_folder

        dataset: Dataset = Dataset.open(str(path))
        if dataset.manifest["stage"] != STAGE:
            raise InputError(f"{path}: made by {dataset.manifest['stage']}; a search index is made by {STAGE}")
        try:
            return cls(Path(local_folder(dataset)), dataset.fingerprint)  # it is read through memory maps
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise InputError(
                f"{path}: a damaged index ({type(error).__name__}: {error}); arcmill verify tells more"
            ) from None

    def __len__(self) -> int:
        """Documents."""
        return len(self._ids)

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The k best documents, best first, each by its best passage; fewer where fewer hold a word of the query."""
        terms = sorted(set(words(query)))
        known = [number for term in terms if (number := self._terms.find(term)) is not None]
        passages = self._passages(known, k)
        ranked = list(passages)
        if self._dense is not None:
            from arcmill.search.dense import fuse

            ranked = fuse(ranked, self._dense.nearest(query, max(4 * k, 40)), self._rank)[:k]
            for document in ranked:
                passages.setdefault(document, (self._first(document), 0.0))
        wanted = frozenset(terms)
        return [self._hit(document, *passages[document], wanted) for document in ranked]

    def open_page(self, identifier: str, start: int = 0, characters: int = PAGE) -> Page:
        """Part of a document. KeyError for an unknown id, ValueError for a start beyond its end."""
        number = self._ids.find(identifier, self._order)
        if number is None:
            raise KeyError(identifier)
        text = self._texts[number]
        if not 0 <= start <= len(text):
            raise ValueError(f"start {start} is not within the document, which has {len(text)} characters")
        end = min(start + characters, len(text))
        return Page(self._ids[number], self._titles[number], text[start:end], start, end, len(text))

    def titles(self, start: int, stop: int) -> list[tuple[str, str]]:
        """(id, title) of the documents from place `start` up to `stop`, in the order of their ids."""
        return [(self._ids[number], self._titles[number]) for number in map(int, self._order[start:stop])]

    def passages_of(self, identifier: str) -> list[tuple[int, str]]:
        """(start, text) of the passages of a document, in order; the text as it is indexed, below the title. Empty for
        an unknown id."""
        number = self._ids.find(identifier, self._order)
        if number is None:
            return []
        first, last = (int(np.searchsorted(self._document, number, side)) for side in ("left", "right"))
        title = self._titles[number]
        return [(int(self._start[place]), f"{title}\n{self._passage(place)}") for place in range(first, last)]

    def _passages(self, terms: list[int], k: int) -> dict[int, tuple[int, float]]:
        """Document -> its best passage and the score, of the k best documents in order."""
        if not terms:
            return {}
        scores = self._engine.get_scores_from_ids(terms)
        positive = np.flatnonzero(scores > 0)
        wanted = 4 * k
        while True:
            if wanted < len(positive):
                # All that score as the last one does are looked at: which of them stays must not depend on chance.
                least = np.partition(scores[positive], len(positive) - wanted)[len(positive) - wanted]
                held = positive[scores[positive] >= least]
            else:
                held = positive
            documents = self._document[held]
            order = np.lexsort((held, self._rank[documents], -scores[held]))
            best: dict[int, tuple[int, float]] = {}
            for place in order.tolist():
                document = int(documents[place])
                if document not in best:
                    best[document] = (int(held[place]), float(scores[held[place]]))
                    if len(best) == k:
                        return best
            if len(held) == len(positive):
                return best
            wanted *= 4

    def _hit(self, document: int, passage: int, score: float, terms: frozenset[str]) -> Hit:
        shown = snippet(self._passage(passage), terms)
        return Hit(self._ids[document], self._titles[document], shown, round(score, 4), int(self._start[passage]))

    def _passage(self, passage: int) -> str:
        document, begin = int(self._document[passage]), int(self._byte[passage])
        last = passage + 1 == len(self._document) or int(self._document[passage + 1]) != document
        end = self._texts.size(document) if last else int(self._byte[passage + 1])
        return self._texts.slice(document, begin, end)

    def _first(self, document: int) -> int:
        return int(np.searchsorted(self._document, document))


def _array(folder: Path, name: str) -> Any:
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def _engine(folder: Path, told: dict[str, Any], passages: int) -> Any:
    import bm25s

    engine = bm25s.BM25(k1=told["k1"], b=told["b"], method="lucene", backend="numpy", csc_backend="numpy")
    engine.scores = {name: _array(folder, f"scores.{name}") for name in ("data", "indices", "indptr")}
    engine.scores["num_docs"] = passages
    engine.nonoccurrence_array = None
    return engine


def _dense(folder: Path) -> Any:
    if not (folder / "vectors.npy").exists():
        return None
    from arcmill.search.dense import Vectors

    return Vectors(folder)
