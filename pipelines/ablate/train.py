"""One training: a decoder, an arm, a seed. Killed, it goes on from its last checkpoint to the same weights."""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.ablate.model import Decoder, Shape, initialised
from pipelines.ablate.stream import Stream

WEIGHTS, CHECKPOINT = "weights.pt", "checkpoint.pt"
CHECKPOINT_SECONDS = 120.0
PIECE = {"cpu": 4096, "cuda": 32768}  # tokens whose logits are held at once
_CURVE = 50  # points of the loss curve
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's mallopt


@dataclass(frozen=True)
class Job:
    """All that decides the weights of one training beside the arm's tokens."""

    shape: Shape
    steps: int
    batch_rows: int
    learning_rate: float
    warmup: float
    final_rate: float
    weight_decay: float
    seed: int
    order: int
    device: str
    precision: str
    compile: bool
    threads: int

    @property
    def identity(self) -> dict[str, Any]:
        return asdict(self)


def device_of(asked: str) -> str:
    """cpu or cuda. Raises UsageError where a GPU is asked for and there is none."""
    from arcmill.errors import UsageError

    if asked == "cuda" and not torch.cuda.is_available():
        raise UsageError("device is cuda, but torch finds no GPU here; set device=cpu")
    return asked if asked != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(asked: str, device: str) -> str:
    """bf16 where the processor multiplies matrices in it: half the time of fp32 on such a CPU."""
    if asked != "auto":
        return asked
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    has = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if has else "fp32"


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in bf16, where asked for."""
    return torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def train(
    job: Job, stream: Stream, folder: Path, key: str, say: Callable[[int], None]
) -> tuple[Decoder, dict[str, Any]]:
    """Train, keep the weights in `folder`, and return them with the loss curve and the time taken.

    `key` stands for all that decides the result: a checkpoint of another key is not taken up.
    """
    torch.set_num_threads(job.threads)
    torch.use_deterministic_algorithms(job.device == "cpu")
    _keep_freed_memory()
    model = initialised(job.shape, job.seed).to(job.device)
    optimisers = _optimisers(model, job)
    first, seconds, curve = _taken_up(folder, key, model, optimisers, job.device)
    loss_of = torch.compile(model.loss) if job.compile else model.loss
    window, parent = job.shape.context, parent_process()
    started = kept = time.monotonic()
    every, total, count = max(1, job.steps // _CURVE), 0.0, 0
    for step in range(first, job.steps):
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * _rate(step, job)
        loss = _step(job, loss_of, stream, step, window)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, _ in optimisers:
            optimiser.step()
        model.zero_grad(set_to_none=True)
        total, count = total + loss, count + 1
        if (step + 1) % every == 0 or step + 1 == job.steps:
            curve.append([step + 1, round(float(total) / count, 5)])
            total, count = 0.0, 0
        say(step + 1)
        if parent is not None and not parent.is_alive():  # a worker whose command was killed: nobody waits for it
            os._exit(130)
        if time.monotonic() - kept > CHECKPOINT_SECONDS and count == 0:
            kept = time.monotonic()
            _save(folder / CHECKPOINT, {
                "key": key, "step": step + 1, "seconds": seconds + kept - started, "curve": curve,
                "model": model.state_dict(), "optimisers": [each.state_dict() for each, _ in optimisers],
            })  # fmt: skip
    told = {"seconds": round(seconds + time.monotonic() - started, 2), "curve": curve}
    _save(folder / WEIGHTS, {"key": key, "model": model.state_dict(), **told})
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return model, told


def _optimisers(model: Decoder, job: Job) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices of the blocks, AdamW for embedding and norms (as in GLM-4.5, section 2.3), each with its rate.

    Muon's steps are scaled to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982). Of so few tokens it learns far
    more: 0.4 nats a token less after a million tokens of code than AdamW with the best of its rates.
    """
    embedding = model.embedding.weight
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1 and parameter is not embedding]
    others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [{"params": [embedding], "weight_decay": job.weight_decay}, {"params": others, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=job.learning_rate, betas=(0.9, 0.99), fused=True)
    muon = torch.optim.Muon(
        matrices, lr=job.learning_rate, weight_decay=job.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [(muon, job.learning_rate), (adam, 2 * job.learning_rate)]


def _keep_freed_memory() -> None:
    """Freed memory stays with this process: glibc gives large blocks back and takes them anew at each step, a quarter of its
    time. Nothing happens where the C library is another."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def trained(job: Job, folder: Path, key: str) -> tuple[Decoder, dict[str, Any]] | None:
    """The decoder that stands in `folder`, if it is the one."""
    held = _load(folder / WEIGHTS, key, job.device)
    if held is None:
        return None
    model = Decoder(job.shape).to(job.device)
    model.load_state_dict(held["model"])
    return model, {"seconds": held["seconds"], "curve": held["curve"]}


def _step(job: Job, loss_of: Any, stream: Stream, step: int, window: int) -> float:
    """Gradients of one step, summed over pieces; returns the mean loss of its tokens."""
    rows = []
    masks = []
    for row in range(job.batch_rows):
        ids, mask = stream.sample(step * job.batch_rows + row, job.steps * job.batch_rows, window)
        rows.append(ids)
        masks.append(mask)
    tokens = np.stack(rows)
    targets = np.where(np.stack(masks), tokens, -1)[:, 1:]
    counted = max(1, int((targets >= 0).sum()))
    each = max(1, PIECE[job.device] // window)
    found = torch.zeros((), device=job.device)
    for begin in range(0, len(tokens), each):
        share = int((targets[begin : begin + each] >= 0).sum()) / counted
        if not share:
            continue
        inputs = torch.from_numpy(np.ascontiguousarray(tokens[begin : begin + each, :-1])).to(job.device)
        wanted = torch.from_numpy(np.ascontiguousarray(targets[begin : begin + each])).to(job.device)
        with autocast(job.device, job.precision):
            loss = loss_of(inputs, wanted) * share
        loss.backward()
        found += loss.detach()
    return float(found)


def _rate(step: int, job: Job) -> float:
    """Share of the highest learning rate: up in a line, down in a half cosine."""
    rising = max(1, round(job.steps * job.warmup))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, job.steps - rising)
    return job.final_rate + (1 - job.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def _taken_up(
    folder: Path, key: str, model: Decoder, optimisers: list[tuple[torch.optim.Optimizer, float]], device: str
) -> tuple[int, float, list[Any]]:
    held = _load(folder / CHECKPOINT, key, device)
    if held is None:
        return 0, 0.0, []
    model.load_state_dict(held["model"])
    for (optimiser, _), state in zip(optimisers, held["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    return held["step"], held["seconds"], held["curve"]


def _load(path: Path, key: str, device: str) -> dict[str, Any] | None:
    try:
        held: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except Exception:  # a damaged file: what it held is trained again
        return None
    return held if held.get("key") == key else None


def _save(path: Path, value: dict[str, Any]) -> None:
    """Write so that a reader finds the whole file or the one before."""
    beside = path.with_suffix(".new")
    torch.save(value, beside)
    os.replace(beside, path)
