"""Scores of spans by a trained decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pipelines.ablate.model import Decoder
from pipelines.ablate.spans import Array, Items
from pipelines.ablate.train import autocast

PIECE = {"cpu": 4096, "cuda": 131072}  # tokens that go through at once
LOGITS = {"cpu": 1 << 24, "cuda": 1 << 28}  # numbers that are held at once


def scores(model: Decoder, items: Items, device: str, precision: str) -> tuple[Array, Array]:
    """Nats of the scored tokens of each span, and whether each of them was the likeliest.

    Spans go through in batches of like length, which follow from the items alone.
    """
    nats = np.zeros(len(items.tokens))
    right = np.zeros(len(items.tokens), np.bool_)
    order = sorted(range(len(items.tokens)), key=lambda number: (len(items.tokens[number]), number))
    model.eval()
    at = 0
    with torch.inference_mode():
        while at < len(order):
            count = 1
            while at + count < len(order) and len(items.tokens[order[at + count]]) * (count + 1) <= PIECE[device]:
                count += 1
            _score(model, items, order[at : at + count], nats, right, device, precision)
            at += count
    return nats, right


def _score(
    model: Decoder, items: Items, numbers: list[int], nats: Array, right: Array, device: str, precision: str
) -> None:
    longest = max(len(items.tokens[number]) for number in numbers)
    ids = np.zeros((len(numbers), longest), np.int64)
    scored = np.zeros((len(numbers), longest - 1), np.bool_)
    for row, number in enumerate(numbers):
        tokens = items.tokens[number]
        ids[row, : len(tokens)] = tokens
        scored[row, items.since[number] - 1 : len(tokens) - 1] = True
    rows = torch.from_numpy(ids).to(device)
    with autocast(device, precision):
        hidden = model(rows[:, :-1])[torch.from_numpy(scored).to(device)]
    wanted = rows[:, 1:][torch.from_numpy(scored).to(device)]
    lost, hit = _against(model, hidden, wanted, device)
    owner = np.nonzero(scored)[0]
    each = np.bincount(owner, weights=lost, minlength=len(numbers))
    missed = np.bincount(owner, weights=~hit, minlength=len(numbers))
    nats[numbers] = each
    right[numbers] = missed == 0


def _against(model: Decoder, hidden: Any, wanted: Any, device: str) -> tuple[Array, Array]:
    """Nats of each wanted token, and whether it is the likeliest."""
    lost, hit = [], []
    step = max(1, LOGITS[device] // model.shape.vocabulary)
    for first in range(0, len(wanted), step):
        logits = model.logits(hidden[first : first + step].float())  # in fp32: bf16 would round each answer's score
        own = logits.gather(1, wanted[first : first + step, None])[:, 0]
        lost.append((logits.logsumexp(dim=1) - own).double().cpu().numpy())
        hit.append((own >= logits.max(dim=1).values).cpu().numpy())
    return np.concatenate(lost), np.concatenate(hit)
