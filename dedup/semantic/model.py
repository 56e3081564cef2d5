"""Texts to unit vectors with a sentence-transformers model: cut into pieces, batched by tokens, pooled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.errors import EngineError
from dedup.semantic.libraries import require
from dedup.semantic.model_files import folder

if TYPE_CHECKING:
    from dedup.semantic.embed import Embed

Floats = npt.NDArray[np.float32]


class Embedder:
    """A model ready to embed. Raises EngineError where a library, the GPU or a fast tokenizer is missing."""

    def __init__(self, config: Embed) -> None:
        path = folder(config.model)
        # The folder holds all that is needed; without this the loader asks the hub, and waits where there is none.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        require("embed", "torch", "sentence_transformers")
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        device = _device(config.device)
        half = config.precision == "bf16" or (config.precision == "auto" and device != "cpu")
        torch.set_num_threads(config.threads)
        self.config = config
        self.batch_tokens = config.batch_tokens or (2048 if device == "cpu" else 8192)
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

    def vectors(self, texts: list[str]) -> npt.NDArray[np.float16]:
        """Unit vectors, float16 [texts, dimensions]. A text without tokens is what the model makes of ""."""
        import torch

        pieces, owner = self._pieces(texts)
        sizes = np.array([len(piece) for piece in pieces])
        order = np.argsort(-sizes, kind="stable")
        made: Floats | None = None
        start = 0
        while start < len(order):
            count = max(1, self.batch_tokens // int(sizes[order[start]]))
            chosen = order[start : start + count]
            with torch.inference_mode():
                padded = self.tokenizer.pad({"input_ids": [pieces[i] for i in chosen]}, return_tensors="pt")
                inputs = {name: value.to(self.model.device) for name, value in padded.items()}
                found = self.model(inputs)["sentence_embedding"].float().cpu().numpy()
            if made is None:
                made = np.empty((len(pieces), found.shape[1]), np.float32)
            made[chosen] = found
            start += count
        assert made is not None
        return pool(made, owner, sizes, len(texts))

    def _pieces(self, texts: list[str]) -> tuple[list[list[int]], npt.NDArray[np.int64]]:
        """Token ids of each piece, with the model's special tokens, and the number of the text that it is from."""
        encoded = self.tokenizer(
            texts, truncation=True, max_length=self.length, return_overflowing_tokens=True, stride=0,
            return_attention_mask=False, return_token_type_ids=False,
        )  # fmt: skip
        owner = np.asarray(encoded["overflow_to_sample_mapping"], np.int64)
        first = np.searchsorted(owner, np.arange(len(texts) + 1))
        chosen: list[int] = []
        for low, high in zip(first[:-1].tolist(), first[1:].tolist(), strict=True):
            chosen += spread(low, high, self.config.max_chunks)
        return [encoded["input_ids"][i] for i in chosen], owner[chosen]


def spread(low: int, high: int, most: int) -> list[int]:
    """At most `most` of the numbers low … high - 1, evenly spread, the first and the last among them."""
    count = high - low
    if count <= most:
        return list(range(low, high))
    return [low + (k * (count - 1)) // max(most - 1, 1) for k in range(most)]


def pool(
    made: Floats, owner: npt.NDArray[np.int64], weight: npt.NDArray[np.int64], texts: int
) -> npt.NDArray[np.float16]:
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
