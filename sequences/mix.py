"""mix: named sources and their quality buckets to a token budget, documents by their epochs.

A document's epochs are its weight (its own `epochs`, 1 where that is missing, or what the setting `epochs` says of its source
and bucket; times `long_factor` for a long one) times a factor of its source, found so that the source comes to its part of
the budget, and at most `max_epochs`. Repetition pays little beyond four epochs (Muennighoff et al. 2023, arXiv 2305.16264),
hence the default cap. See docs/mixtures.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NO_BUCKET = "none"  # names the documents without a quality_bucket in the setting `epochs`
TrainingStageName = Literal[
    "pretrain_general", "pretrain_code_stem", "midtrain_repo_32k", "midtrain_reasoning_32k", "midtrain_long_agent_128k",
    "sft",
]  # fmt: skip


class Mix(StageConfig):
    """Settings of mix. Tokens are those that `count-tokens` counted, where all rows of an input have them; else an
    estimate: UTF-8 bytes of the text / `bytes_per_token`, rounded up."""

    budget_tokens: int | None = Field(
        None, ge=1, description="tokens that the mixture shall hold; null: what the documents' own epochs come to"
    )
    training_stage: TrainingStageName | None = Field(
        None, description="the stage of training that the mixture is for: gives training_tokens its meaning, and goes into "
        "the receipt",
    )  # fmt: skip
    training_tokens: int | None = Field(
        None, ge=1, description="tokens of the whole training, all stages together: training_stage gets the share that "
        "GLM-4.5's report gives it (15T, 7T, 500B, 500B and 100B of 23.1T), instead of budget_tokens",
    )  # fmt: skip
    weights: dict[str, float] = Field(
        {}, description="share of the budget of each named input (they are normalised to 1); empty: in proportion to "
        "what the documents' own epochs come to"
    )  # fmt: skip
    epochs: dict[str, float | dict[str, float]] = Field(
        {}, description="weight of documents by input, or by input and quality bucket (none: those without one), in place of "
        "their own `epochs`: epochs.code=2, epochs.web.4=3.2; buckets that are not named keep theirs. With a budget weights are "
        "relative: all of a source are scaled by one factor"
    )  # fmt: skip
    max_epochs: float = Field(4.0, gt=0, description="most occurrences of a document, on average over its like")
    source_max_epochs: dict[str, float] = Field(
        {}, description="max_epochs of single inputs, such as source_max_epochs.web=2"
    )
    long_tokens: int | None = Field(
        None, ge=1, description="documents of at least so many tokens are long, and their weight is times long_factor; "
        "null: none"
    )  # fmt: skip
    long_factor: float = Field(1.0, gt=0, le=1000, description="by what the weight of long documents is multiplied")
    bytes_per_token: float = Field(4.0, gt=0, description="UTF-8 bytes in a token, for the estimate")
    seed: int = Field(1, ge=0, lt=1 << 63, description="seed of the choice of documents and of their order")

    @field_validator("epochs", mode="before")
    @classmethod
    def _bucket_names(cls, value: Any) -> Any:
        """YAML reads buckets as numbers."""
        if not isinstance(value, dict):
            return value
        return {
            name: {NO_BUCKET if bucket is None else str(bucket): weight for bucket, weight in entry.items()}
            if isinstance(entry, dict)
            else entry
            for name, entry in value.items()
        }

    @model_validator(mode="after")
    def _consistent(self) -> Mix:
        if self.weights and (any(weight < 0 for weight in self.weights.values()) or not any(self.weights.values())):
            raise ValueError(f"weights needs shares of 0 or more, not all 0: {self.weights}")
        for name, entry in self.epochs.items():
            for bucket, weight in entry.items() if isinstance(entry, dict) else [(NO_BUCKET, entry)]:
                if bucket != NO_BUCKET and not bucket.isdecimal():
                    raise ValueError(f"epochs.{name}: {bucket!r} is no bucket; buckets are 0, 1, 2 … and {NO_BUCKET}")
                if not 0 <= weight <= 1e6:
                    raise ValueError(f"epochs.{name}: weights are 0 to 1000000, not {weight:g}")
        if any(cap <= 0 for cap in self.source_max_epochs.values()):
            raise ValueError(f"source_max_epochs needs caps above 0: {self.source_max_epochs}")
        if self.training_tokens is not None and self.training_stage in (None, "sft"):
            raise ValueError(
                "training_tokens needs a training_stage that the report gives a number of tokens "
                "(sft has none: set budget_tokens)"
            )
        if self.long_factor != 1 and self.long_tokens is None:
            raise ValueError("long_factor needs long_tokens: from how many tokens on a document is long")
        return self

    @property
    def tokens_asked(self) -> int | None:
        """The budget in tokens, if there is one."""
        if self.training_tokens is None:
            return self.budget_tokens
        from sequences.curriculum import budget

        return budget(str(self.training_stage), self.training_tokens)

    def cap(self, source: str) -> float:
        """Most epochs of a source."""
        return self.source_max_epochs.get(source, self.max_epochs)


def core(dfs: dict[str, DataFrame], config: Mix, inputs: dict[str, str]) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Rows (one an occurrence), ledger of the documents left out, and the receipt; see `sequences.mix_plan`."""
    from sequences.mix_plan import mix_documents

    return mix_documents(dfs, config)


STAGE = Stage(
    name="mix",
    version=2,
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
