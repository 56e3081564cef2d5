"""Generation on a GPU: tokens a second by how many requests are under way, with the floor of each.

    python benchmarks/gpu/generate.py                          1B of random weights on a GPU, a tiny one on a processor
    python benchmarks/gpu/generate.py --shape 8b --under-way 1 16 64 256
    python benchmarks/gpu/generate.py --model FOLDER           real weights (only vLLM needs the folder's tokenizer)

vLLM's offline engine where it is installed; beside it, or alone, transformers' `generate` on one padded batch. Prompts are random
tokens of one length, every answer has `--tokens` tokens, greedy, no end token: speed does not hang on what weights say. The floor of a
step is the larger of reading weights and keys once at the measured copy rate, and of its products at the measured bf16 rate.
The stages' own way (an endpoint, journal and all) is `benchmarks/llm_engine.py --serve MODEL`, which needs vLLM, too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import ceilings, installed, seconds
from table import Row, log, told

SHAPES = {  # layers, width, heads, heads of keys, width inside, vocabulary
    "tiny": (2, 64, 4, 2, 128, 512), "135m": (30, 576, 9, 3, 1536, 49152), "1b": (16, 2048, 32, 8, 8192, 128256),
    "8b": (32, 4096, 32, 8, 14336, 128256),
}  # fmt: skip


def settings(shape: str, length: int) -> Any:
    """A Llama of this shape."""
    from transformers import LlamaConfig

    layers, width, heads, keys, inside, words = SHAPES[shape]
    return LlamaConfig(
        num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, num_key_value_heads=keys,
        intermediate_size=inside, vocab_size=words, max_position_embeddings=max(2048, length), tie_word_embeddings=shape != "8b",
        bos_token_id=None, eos_token_id=None, pad_token_id=0, architectures=["LlamaForCausalLM"], dtype="bfloat16",
    )  # fmt: skip


def floor(config: Any, count: int, prompt: int, tokens: int, most: dict[str, float]) -> float:
    """Seconds that no engine goes below: prompts by their products, then steps by bytes or products."""
    width, inside = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    kept = (
        2 * getattr(config, "num_key_value_heads", heads) * (width // heads) * config.num_hidden_layers
    )  # keys and values of a token
    layer = 2 * width * width + width * kept // config.num_hidden_layers + 3 * width * inside
    weights = config.num_hidden_layers * layer + config.vocab_size * width
    rate, copied = most["bfloat16 op/s"], most["copy bytes/s"]
    total = 2.0 * weights * count * prompt / rate
    for step in range(tokens):
        moved = 2.0 * weights + 2.0 * kept * count * (prompt + step)
        total += max(moved / copied, 2.0 * weights * count / rate)
    return total


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    import numpy as np

    big = place == "cuda"
    shape = given.shape or ("1b" if big else "tiny")
    prompt = given.prompt or (512 if big else 16)
    tokens = given.tokens or (128 if big else 8)
    counts = given.under_way or ([1, 8, 32, 128, 256] if big else [1, 4])
    if given.model:
        from transformers import AutoConfig

        config, named = AutoConfig.from_pretrained(given.model, local_files_only=True), Path(given.model).name
    else:
        config, named = settings(shape, prompt + tokens), f"random weights, shape {shape}"
    most = ceilings(place)
    drawn = np.random.default_rng(0).integers(1, config.vocab_size, (max(counts), prompt)).tolist()
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        if big and installed("vllm"):
            sides = [("vLLM", vllm(given.model, config, folder, prompt + tokens, max(counts)))]
        else:
            why = "vLLM is not installed" if not installed("vllm") else "vLLM is measured on a GPU only"
            rows.append(Row("generation, vLLM", named, None, "", note=why))
            sides = []
        sides.append(("transformers generate", transformers(given.model, config, place)))
        for name, run in sides:
            for count in counts:
                took = seconds(lambda run=run, count=count: run(drawn[:count], tokens), place, given.turns)
                log(f"{name}, {count} under way: {took:.2f} s")
                rows.append(Row(f"generation, {name}, {count} under way", f"{named}; {prompt} + {tokens} tokens", count * tokens / took,
                                "tokens/s", took, floor(config, count, prompt, tokens, most)))  # fmt: skip
    return rows


def vllm(model: str | None, config: Any, folder: str, length: int, most: int) -> Any:
    """An engine of vLLM in this process; random weights need no more than a config."""
    from vllm import LLM, SamplingParams

    if model is None:
        config.save_pretrained(folder)
    engine = LLM(
        model or folder, load_format="auto" if model else "dummy", dtype="bfloat16", skip_tokenizer_init=True, max_num_seqs=most,
        max_model_len=length + 16, enable_prefix_caching=False,
    )  # fmt: skip

    def run(prompts: list[list[int]], tokens: int) -> None:
        sampling = SamplingParams(
            temperature=0, max_tokens=tokens, min_tokens=tokens, ignore_eos=True, detokenize=False
        )
        engine.generate([{"prompt_token_ids": each} for each in prompts], sampling, use_tqdm=False)

    return run


def transformers(model: str | None, config: Any, place: str) -> Any:
    """transformers' generate on one batch."""
    import torch
    from transformers import AutoModelForCausalLM

    if model:
        made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, local_files_only=True).to(place)
    else:
        with torch.device(place):
            made = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    made.eval()

    def run(prompts: list[list[int]], tokens: int) -> None:
        ids = torch.tensor(prompts, device=place)
        with torch.inference_mode():
            made.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens
            )

    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), help="random weights of this shape (1b; tiny on a processor)")
    parser.add_argument("--model", help="folder of a model instead")
    parser.add_argument("--under-way", type=int, nargs="+", help="requests at once (1 8 32 128 256)")
    parser.add_argument("--prompt", type=int, help="tokens of a prompt (512; 16 on a processor)")
    parser.add_argument("--tokens", type=int, help="tokens of an answer (128; 8 on a processor)")
    parser.add_argument("--turns", type=int, default=3, help="rounds; the median is told")
    return told(parser, measure, "generation")


if __name__ == "__main__":
    sys.exit(main())
