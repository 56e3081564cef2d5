"""The stages of GLM-4.5's training, as its report gives them: how many tokens, in sequences of which length.

arXiv 2508.06471, sections 2.2 and 2.3 (figure 3): 15T tokens of general text and 7T of code and reasoning at 4K, then
mid-training on 500B of repositories and 500B of synthetic reasoning at 32K, and 100B of long documents and agent
trajectories at 128K; section 3.1: supervised fine-tuning at up to 128K. The report does not say how much of a stage each
kind of source makes: weights within a stage, in `recipes/`, are ours.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

BILLION = 10**9


class TrainingStage(NamedTuple):
    """What the report says about a stage. `tokens` is None where it gives no number."""

    tokens: int | None
    sequence_length: int  # tokens
    packing: str  # mode of `pack`


STAGES = {
    "pretrain_general": TrainingStage(15_000 * BILLION, 4096, "concat"),
    "pretrain_code_stem": TrainingStage(7_000 * BILLION, 4096, "concat"),
    "midtrain_repo_32k": TrainingStage(500 * BILLION, 32768, "best_fit"),
    "midtrain_reasoning_32k": TrainingStage(500 * BILLION, 32768, "best_fit"),
    "midtrain_long_agent_128k": TrainingStage(100 * BILLION, 131072, "best_fit"),
    "sft": TrainingStage(None, 131072, "best_fit"),
}
TOTAL = sum(stage.tokens or 0 for stage in STAGES.values())


def share(stage: str) -> Fraction:
    """A stage's part of all tokens that are trained on; 0 for one without a number."""
    return Fraction(STAGES[stage].tokens or 0, TOTAL)


def budget(stage: str, training_tokens: int) -> int:
    """Tokens of a stage, where the whole training has `training_tokens`; at least 1."""
    return max(1, round(share(stage) * training_tokens))
