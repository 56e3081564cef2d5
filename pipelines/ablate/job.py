"""One (arm, seed) of an ablation, from what stands on disk: train or take up, measure, write down."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipelines.ablate.spans import Items, value
from pipelines.ablate.stream import FACTS

SCORES = "scores.json"
ITEMS = "items.npz"
VERSION = 3  # raised when the same settings would give other weights or scores


@dataclass(frozen=True)
class Place:
    """Where a job finds its arm and items and keeps what it makes; plain data, for a process of its own."""

    arm: str
    seed: int
    tokens: str  # folder of the arm's tokens
    items: str
    folder: str
    job: dict[str, Any]  # fields of train.Job
    items_digest: str

    @property
    def key(self) -> str:
        """Stands for all that decides the weights."""
        facts = json.loads((Path(self.tokens) / FACTS).read_text())
        return sha256(json.dumps([VERSION, self.job, facts["digest"]], sort_keys=True).encode()).hexdigest()

    def done(self) -> dict[str, Any] | None:
        """What was measured, if it stands."""
        try:
            held: dict[str, Any] = json.loads((Path(self.folder) / SCORES).read_text())
        except (OSError, ValueError):
            return None
        return held if held.get("key") == self.key and held.get("items") == self.items_digest else None


def perform(place: Place, say: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Do a job, or return what it made before."""
    standing = place.done()
    if standing is not None:
        return standing
    import torch

    from pipelines.ablate.evaluate import scores
    from pipelines.ablate.model import Shape
    from pipelines.ablate.stream import Stream
    from pipelines.ablate.train import Job, train, trained

    job = Job(**{**place.job, "shape": Shape(**place.job["shape"])})
    folder = Path(place.folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(job.threads)
    made = trained(job, folder, place.key)
    if made is None:
        made = train(job, Stream(Path(place.tokens), job.order), folder, place.key, say or (lambda step: None))
    model, told = made
    items = Items.load(Path(place.items))
    nats, right = scores(model, items, job.device, job.precision)
    result = {
        "key": place.key, "items": place.items_digest, **told,
        "values": [value(measure, nats, right) for measure in items.measures],
    }  # fmt: skip
    beside = folder / f"{SCORES}.new"
    beside.write_text(json.dumps(result))
    os.replace(beside, folder / SCORES)
    return result
