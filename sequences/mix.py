"""mix: named sources and their quality buckets to a token budget, documents by their epochs.

A document's epochs are its own weight (`epochs`, 1 where it is missing) times a factor of its source, found
so that the source comes to its part of the budget, and at most `max_epochs`. Repetition pays little beyond
four epochs (Muennighoff et al. 2023, arXiv 2305.16264), hence the default cap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Mix(StageConfig):
    """Settings of mix. Tokens are an estimate: UTF-8 bytes of the text / `bytes_per_token`, rounded up."""

    budget_tokens: int | None = Field(
        None, ge=1, description="tokens that the mixture shall hold; null: what the documents' own epochs come to"
    )
    weights: dict[str, float] = Field(
        {}, description="share of the budget of each named input (they are normalised to 1); empty: in proportion to "
        "what the documents' own epochs come to"
    )  # fmt: skip
    max_epochs: float = Field(4.0, gt=0, description="most occurrences of a document, on average over its like")
    bytes_per_token: float = Field(4.0, gt=0, description="UTF-8 bytes in a token, for the estimate")
    seed: int = Field(1, ge=0, lt=1 << 63, description="seed of the choice of documents and of their order")

    @model_validator(mode="after")
    def _shares(self) -> Mix:
        if self.weights and (any(weight < 0 for weight in self.weights.values()) or not any(self.weights.values())):
            raise ValueError(f"weights needs shares of 0 or more, not all 0: {self.weights}")
        return self


def core(dfs: dict[str, DataFrame], config: Mix, inputs: dict[str, str]) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Rows (one an occurrence), ledger of the documents left out, and the receipt; see `sequences.mix_plan`."""
    from sequences.mix_plan import mix_documents

    return mix_documents(dfs, config)


STAGE = Stage(
    name="mix",
    version=1,
    help="Mix named datasets to a token budget: sources by weight, documents by their epochs, shuffled.",
    example="arcmill mix --input web=web-bucketed --input code=code-bucketed --output mixture "
    "--set budget_tokens=1000000000 --set weights.web=0.7 --set weights.code=0.3",
    config=Mix,
    reads={"*": "Document"},
    writes="Document",
    engine="spark",
    rewrites=True,
    core=core,
)
