"""What a recipe may ask for under `canaries:`."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from arcmill.config import Field, Settings

Kind = Literal["exact-copy", "near-copy", "template-sibling", "paraphrase", "benchmark-item", "pii", "clean"]
KINDS: tuple[Kind, ...] = (
    "exact-copy", "near-copy", "template-sibling", "paraphrase", "benchmark-item", "pii", "clean",
)  # fmt: skip


class Canaries(Settings):
    """Settings of the shadow run. They never change a dataset of the run itself."""

    documents: int = Field(
        500, ge=20, le=100_000, description="real documents that are sampled for the shadow run, over all its sources"
    )
    per_kind: int = Field(
        40,
        ge=1,
        le=10_000,
        description="canaries of each kind (and of each Jaccard, disguise or sort of personal data)",
    )
    seed: int = Field(1, ge=0, lt=1 << 64, description="seed of the sample and of everything that is made from it")
    kinds: tuple[Kind, ...] = Field(KINDS, min_length=1, description="the kinds that are planted")
    near_jaccard: tuple[float, ...] = Field(
        (0.9, 0.8), description="Jaccard indexes (0.5-0.99) of the shingle sets that near-copies are aimed at"
    )
    missed_samples: int = Field(3, ge=0, le=50, description="missed canaries of each kind and stage that are quoted")

    @field_validator("near_jaccard")
    @classmethod
    def _in_range(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0.5 <= value <= 0.99:
                raise ValueError(f"{value} is no Jaccard index from 0.5 to 0.99")
        return values
