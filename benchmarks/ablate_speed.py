"""How fast `arcmill ablate` trains its small decoder on one core, beside a Llama of the same shape by transformers.

Both take steps of AdamW on the same random tokens, in turns, on one thread pinned to one core: forward, backward, clipping,
step. Time is that of the process. Needs torch and transformers (pip install 'arcmill[semantic]').

    python benchmarks/ablate_speed.py --rounds 5
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small", help="size of the decoder: tiny, small, 50m, 150m")
    parser.add_argument("--rounds", type=int, default=5, help="steps timed of each, in turns; the fastest counts")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {given.core})
    import torch

    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread; tokens/s of the fastest of {given.rounds} steps")
    steps = _contestants(given.size)
    tokens = next(iter(steps.values()))[1]
    best = dict.fromkeys(steps, float("inf"))
    for turn in range(given.rounds + 1):  # the first warms up
        for name, (step, _) in steps.items():
            started = time.process_time()
            step()
            spent = time.process_time() - started
            best[name] = min(best[name], spent) if turn else best[name]
    print(f"{'':<44}{'tokens/s':>10}")
    for name, seconds in sorted(best.items(), key=lambda pair: pair[1]):
        print(f"{name:<44}{tokens / seconds:>10,.0f}")


def _contestants(size: str) -> dict[str, tuple[Callable[[], None], int]]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from pipelines.ablate import model as decoder
    from pipelines.ablate.config import SCALES

    scale = SCALES[size]  # type: ignore[index]
    shape = decoder.Shape(scale.layers, scale.width, scale.heads, scale.vocab_size, scale.context)
    rows = max(1, min(scale.batch_tokens, 4096) // scale.context)
    ids = torch.randint(0, scale.vocab_size, (rows, scale.context + 1), generator=torch.Generator().manual_seed(0))
    ours = decoder.initialised(shape, 0)
    llama = LlamaForCausalLM(LlamaConfig(
        vocab_size=scale.vocab_size, hidden_size=scale.width, intermediate_size=shape.inner, num_hidden_layers=scale.layers,
        num_attention_heads=scale.heads, max_position_embeddings=scale.context, tie_word_embeddings=True, use_cache=False,
    ))  # fmt: skip

    def stepper(model: Any, loss_of: Callable[[], Any], precision: str) -> Callable[[], None]:
        from pipelines.ablate.train import autocast

        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

        def step() -> None:
            with autocast("cpu", precision):
                loss = loss_of()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()

        return step

    own = lambda: ours.loss(ids[:, :-1], ids[:, 1:])  # noqa: E731
    theirs = lambda: llama(input_ids=ids[:, :-1], labels=ids[:, :-1]).loss  # noqa: E731
    return {
        f"{name}, {precision}": (stepper(model, loss, precision), rows * scale.context)
        for precision in ("bf16", "fp32")
        for name, model, loss in (("arcmill ablate", ours, own), ("transformers Llama (sdpa)", llama, theirs))
    }


if __name__ == "__main__":
    main()
