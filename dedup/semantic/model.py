"""Texts to unit vectors with a sentence-transformers model: cut into pieces, batched by tokens, pooled.

On a GPU the host must not keep it waiting: the next window of documents is cut into tokens, by all the host's cores,
while the GPU computes; the tokens of a window go over once, batches are gathered there, and the vectors come back once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arcmill.errors import EngineError
from dedup.semantic.libraries import require
from dedup.semantic.model_files import folder

if TYPE_CHECKING:
    from dedup.semantic.embed import Embed

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
STEP = 64  # lengths of a compiled model's batches are multiples of it, so that few shapes are met


class Pieces(NamedTuple):
    """Piece i is `ids[starts[i]:starts[i] + sizes[i]]`, of text `owner[i]`, with the model's special tokens."""

    ids: npt.NDArray[np.int32]
    starts: Longs
    sizes: Longs
    owner: Longs


class Embedder:
    """A model ready to embed. Raises EngineError where a library, the GPU or a fast tokenizer is missing."""

    def __init__(self, config: Embed) -> None:
        from dedup.semantic.embed import WINDOW_CHARACTERS

        path = folder(config.model)
        # The folder holds all that is needed; without this the loader asks the hub, and waits where there is none.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        require("embed", "torch", "sentence_transformers")
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        device = _device(config.device)
        self.ahead = device != "cpu"
        # On a processor the worker processes have the cores; on a GPU they wait for tokens.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if self.ahead else "false")
        half = config.precision == "bf16" or (config.precision == "auto" and self.ahead)
        torch.set_num_threads(config.threads)
        self.config = config
        self.batch_tokens = config.batch_tokens or (65536 if self.ahead else 2048)
        self.window = config.window or (16384 if self.ahead else 1024)
        self.characters = WINDOW_CHARACTERS * (4 if self.ahead else 1)
        self.model: Any = SentenceTransformer(
            str(path), device=device, local_files_only=True,
            model_kwargs={"dtype": torch.bfloat16 if half else torch.float32},
        )  # fmt: skip
        self.model.eval()
        self.tokenizer: Any = self.model.tokenizer
        if not getattr(self.tokenizer, "is_fast", False):
            raise EngineError(f"embed: model {path} has no fast tokenizer (tokenizer.json), which cuts long documents")
        limits = (self.model.max_seq_length, self.tokenizer.model_max_length)
        self.length = int(min(limit or 1 << 20 for limit in limits))
        if config.compiled:
            self.model[0].auto_model.compile(dynamic=True)

    def each(
        self, windows: Iterator[tuple[list[str], list[str]]]
    ) -> Iterator[tuple[list[str], npt.NDArray[np.float16]]]:
        """Ids and vectors of each window of (ids, texts); on a GPU the next one is cut into tokens meanwhile."""
        if not self.ahead:
            for ids, texts in windows:
                yield ids, self.vectors(texts)
            return
        before: tuple[list[str], Future[Pieces]] | None = None
        with ThreadPoolExecutor(1) as pool:
            for ids, texts in windows:
                coming = pool.submit(self.pieces, texts)
                if before:
                    yield before[0], self.embedded(before[1].result(), len(before[0]))
                before = ids, coming
            if before:
                yield before[0], self.embedded(before[1].result(), len(before[0]))

    def vectors(self, texts: list[str]) -> npt.NDArray[np.float16]:
        """Unit vectors, float16 [texts, dimensions]. A text without tokens is what the model makes of ""."""
        return self.embedded(self.pieces(texts), len(texts))

    def embedded(self, pieces: Pieces, texts: int) -> npt.NDArray[np.float16]:
        """The vectors of texts that are cut into pieces: the longest pieces first, as many as fit the batch's tokens."""
        import torch

        order = np.argsort(-pieces.sizes, kind="stable")
        device, pad = self.model.device, self.tokenizer.pad_token_id or 0
        ids, starts, sizes, turn = (
            torch.from_numpy(column).to(device) for column in (pieces.ids, pieces.starts, pieces.sizes, order)
        )
        made: Any = None
        start = 0
        with torch.inference_mode():
            while start < len(order):
                longest = int(pieces.sizes[order[start]])
                longest = -(-longest // STEP) * STEP if self.config.compiled else longest
                count = max(1, self.batch_tokens // longest)
                chosen = turn[start : start + count]
                column = torch.arange(longest, device=device)[None]
                if self.tokenizer.padding_side == "left":
                    column = column - (longest - sizes[chosen])[:, None]
                inside = (column >= 0) & (column < sizes[chosen][:, None])
                tokens = ids[(starts[chosen][:, None] + column).clamp_(0, len(ids) - 1)].long()
                inputs = {"input_ids": tokens.where(inside, pad), "attention_mask": inside.long()}
                found = self.model(inputs)["sentence_embedding"].float()
                if made is None:
                    made = torch.empty((len(order), found.shape[1]), dtype=torch.float32, device=device)
                made[chosen] = found
                start += count
        return pool(made.cpu().numpy(), pieces.owner, pieces.sizes, texts)

    def pieces(self, texts: list[str]) -> Pieces:
        """The tokens of texts, cut at the model's length; at most `max_chunks` pieces of each."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.enable_truncation(self.length)
        ids: list[npt.NDArray[np.int32]] = []
        owner: list[int] = []
        for number, encoded in enumerate(backend.encode_batch_fast(texts)):
            cut = [encoded, *encoded.overflowing]
            for place in spread(0, len(cut), self.config.max_chunks):
                ids.append(np.array(cut[place].ids, np.int32))
                owner.append(number)
        sizes = np.array([len(piece) for piece in ids], np.int64)
        return Pieces(np.concatenate(ids), np.cumsum(sizes) - sizes, sizes, np.array(owner, np.int64))


def spread(low: int, high: int, most: int) -> list[int]:
    """At most `most` of the numbers low … high - 1, evenly spread, the first and the last among them."""
    count = high - low
    if count <= most:
        return list(range(low, high))
    return [low + (k * (count - 1)) // max(most - 1, 1) for k in range(most)]


def pool(made: Floats, owner: Longs, weight: Longs, texts: int) -> npt.NDArray[np.float16]:
    """The mean of each text's pieces, weighted by their tokens, at length 1; float16."""
    total = np.zeros((texts, made.shape[1]), np.float64)
    np.add.at(total, owner, made.astype(np.float64) * weight[:, None])
    norm = np.sqrt((total * total).sum(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: npt.NDArray[np.float16] = (total / norm).astype(np.float16)
    return mean


def _device(wanted: str) -> str:
    import multiprocessing

    import torch

    gpus = torch.cuda.device_count() if wanted != "cpu" and torch.cuda.is_available() else 0
    if not gpus:
        if wanted == "cuda":
            raise EngineError(
                "embed: device is cuda, and torch finds no GPU here; --set device=auto uses the processor"
            )
        return "cpu"
    # Worker processes are numbered from 1 in their name; this process itself takes the first GPU.
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return f"cuda:{(int(number) - 1) % gpus if number.isdecimal() else 0}"
