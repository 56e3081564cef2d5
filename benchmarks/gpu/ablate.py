"""`arcmill ablate` at 50 M and 150 M parameters on a GPU: tokens a second of training, and how near the matrix rate that is.

    python benchmarks/gpu/ablate.py                                    the training alone, on tokens made here
    python benchmarks/gpu/ablate.py --sizes 50m --arm raw=DIR --arm ours=DIR --heldout clean=DIR --tokens 100000000

Without arms each size trains for `--steps` steps (of its own batch) on random tokens: bf16, compiled, the first steps not counted. The
floor is 6 operations a parameter and token, and those of attention, at the measured bf16 rate. With arms it is the command itself, for its
loss and intervals: `arcmill ablate … --set size=50m`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import ROOT, NotMeasured, ceilings, installed
from table import Row, log, told


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    if not installed("pipelines.ablate.train"):
        raise NotMeasured("this version has no ablate")
    sizes = given.sizes or (["50m", "150m"] if place == "cuda" else ["tiny"])
    if given.arm:
        return [row for size in sizes for row in command(given, place, size)]
    most = ceilings(place)
    return [training(size, given.steps or (40 if place == "cuda" else 12), place, most) for size in sizes]


def training(size: str, steps: int, place: str, most: dict[str, float]) -> Row:
    """One size on random tokens."""
    import numpy as np

    from pipelines.ablate.config import SCALES
    from pipelines.ablate.model import Shape, initialised
    from pipelines.ablate.stream import FACTS, KEYS, STARTS, TOKENS, Stream
    from pipelines.ablate.train import Job, precision_of, train

    scale = SCALES[size]  # type: ignore[index]
    shape = Shape(scale.layers, scale.width, scale.heads, scale.vocab_size, scale.context)
    rows = scale.batch_tokens // scale.context
    with TemporaryDirectory() as folder:
        arm = Path(folder)
        random = np.random.default_rng(0)
        count, document = 1 << 22, 1000
        random.integers(0, scale.vocab_size, count).astype(np.uint16).tofile(arm / TOKENS)
        starts = np.append(np.arange(0, count, document), count)
        np.save(arm / STARTS, starts)
        np.save(arm / KEYS, random.integers(0, 1 << 63, len(starts) - 1).astype(np.uint64))
        (arm / FACTS).write_text(json.dumps({"dtype": "uint16", "masked": False, "tokens": count}), "utf-8")
        job = Job(
            shape=shape, steps=steps, batch_rows=rows, learning_rate=scale.learning_rate, warmup=0.05, final_rate=0.1,
            weight_decay=0.1, seed=0, order=1, device=place, precision=precision_of("auto", place), compile=place == "cuda",
            threads=1,
        )  # fmt: skip
        parameters = sum(each.numel() for each in initialised(shape, 0).parameters())
        at: dict[int, float] = {}
        train(job, Stream(arm, 1), arm, "x", lambda step: at.setdefault(step, time.perf_counter()) and None)
    warm = max(2, steps // 4)
    took, tokens = at[steps] - at[warm], (steps - warm) * rows * scale.context
    work = (
        6.0 * parameters * tokens + 6.0 * scale.layers * scale.width * scale.context * tokens
    )  # attention is causal: half
    log(f"{size}: {took:.2f} s for {tokens:,} tokens")
    floor = work / most["bfloat16 op/s"]
    return Row(f"ablate, training of {size}", f"{parameters / 1e6:.1f} M parameters, context {scale.context}", tokens / took, "tokens/s", took,
               floor, note=f"{floor / took:.1%} of the bf16 rate, {job.precision}; {scale.batch_tokens:,} tokens a step")  # fmt: skip


def command(given: argparse.Namespace, place: str, size: str) -> list[Row]:
    """The command on arms, and what it says of each."""
    if not given.heldout:
        raise NotMeasured("arms want a --heldout NAME=DIR")
    output = Path(given.output) / size
    line = [sys.executable, "-m", "pipelines.cli", "ablate", *given.arm, "--output", str(output), "--set", f"size={size}",
            "--set", f"device={place}", "--set", f"tokens={given.tokens}", "--set", f"seeds={given.seeds}"]  # fmt: skip
    line += [word for each in given.heldout for word in ("--heldout", each)]
    started = time.perf_counter()
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(f"arcmill ablate ended in {done.returncode}: {' '.join(done.stderr.split())[-200:]}")
    took = time.perf_counter() - started
    log(done.stdout)
    trained = given.tokens * given.seeds * len(given.arm)
    return [Row(f"arcmill ablate, {size}", f"{len(given.arm)} arms, {given.seeds} seeds, {given.tokens:,} tokens each", trained / took, "tokens/s",
                took, note=f"loss and intervals: {output}/ablation.json")]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", help="50m 150m; on a processor tiny")
    parser.add_argument("--steps", type=int, help="steps of the training alone (40; 12 on a processor)")
    parser.add_argument(
        "--arm", action="append", default=[], metavar="NAME=DIR", help="an arm of `arcmill ablate`; two at the least"
    )
    parser.add_argument("--heldout", action="append", default=[], metavar="NAME=DIR", help="a held-out set")
    parser.add_argument("--tokens", type=int, default=100_000_000, help="tokens that each arm trains on")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each arm")
    parser.add_argument("--output", default="gpu-results/ablate", help="folder of the command's results")
    return told(parser, measure, "ablate")


if __name__ == "__main__":
    sys.exit(main())
