"""Settings of an ablation. None of them may differ between arms."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import model_validator

from arcmill.config import Field, Settings
from sequences.fim.sentinels import SETS, SpmOrder

Size = Literal["tiny", "small", "50m", "150m"]
Task = Literal["continuation", "last_word", "infill", "infill_span", "cross_file"]


class Scale(NamedTuple):
    """What goes with a size of decoder, where it is not set otherwise."""

    layers: int
    width: int
    heads: int
    vocab_size: int
    context: int
    batch_tokens: int
    learning_rate: float


# tiny: tests and controls. small: minutes on one core. 50m and 150m: a GPU.
SCALES: dict[Size, Scale] = {
    "tiny": Scale(2, 64, 1, 1024, 128, 1024, 5e-3),
    "small": Scale(4, 192, 3, 4096, 256, 1024, 2e-3),
    "50m": Scale(12, 512, 8, 16384, 1024, 65536, 1.5e-3),
    "150m": Scale(16, 768, 12, 32768, 1024, 131072, 8e-4),
}


class Ablate(Settings):
    """One decoder, one budget, one set of measurements for all arms."""

    size: Size = Field(
        "small", description="the decoder: tiny (0.2 M parameters), small (2.6 M), 50m (46 M), 150m (138 M)"
    )
    tokens: int = Field(1_000_000, ge=10_000, description="tokens that each arm trains on, for each seed")
    seeds: int = Field(
        3, ge=1, le=100, description="trainings of each arm, from other initial weights in another order"
    )
    first_seed: int = Field(0, ge=0, description="the first seed; the others follow")
    short_arm: Literal["repeat", "cut"] = Field(
        "repeat",
        description="where an arm has fewer than `tokens`: repeat reads it again, cut trains every arm on as many as the "
        "smallest has",
    )
    data_order: Literal["apart", "together"] = Field(
        "apart",
        description="order of the documents: apart draws it for each arm by itself, so that the same data as two arms shows "
        "the noise; together gives documents with the same id like places in all arms",
    )
    vocab_size: int | None = Field(
        None, ge=512, description="tokens of the shared tokenizer, if trained; null: by size"
    )
    tokenizer_bytes: int = Field(
        32 << 20, ge=1 << 10, description="bytes of text, in equal shares of all arms, that the tokenizer learns from"
    )
    eos_token: str = Field(
        "<|endoftext|>", description="the token that closes a document, and stands before each measured"
    )
    fim_tokens: tuple[str, str, str] = Field(
        ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
        description="control tokens before prefix, suffix and middle, as arms with fill-in-the-middle have them",
    )
    spm_order: SpmOrder | None = Field(
        None, description="form of SPM that infilling is asked in, as in pack; null: as the set that fim_tokens are of"
    )
    chat_loss: Literal["assistant", "all"] = Field(
        "assistant", description="of conversations (render-chat): what counts in the loss, as in pack"
    )
    context: int | None = Field(None, ge=16, le=1 << 17, description="tokens that the decoder sees; null: by size")
    batch_tokens: int | None = Field(None, ge=16, description="tokens in a step of training; null: by size")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="highest learning rate of Muon, for matrices; AdamW, for the embedding and norms, has twice as much; null: by size",
    )
    warmup: float = Field(0.05, ge=0, le=0.5, description="share (0-1) of the steps in which the learning rate rises")
    final_rate: float = Field(0.1, ge=0, le=1, description="learning rate at the end, as a share (0-1) of the highest")
    weight_decay: float = Field(0.1, ge=0, description="weight decay, on matrices and the embedding")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train; auto: a GPU if there is one")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="of matrix products; auto: bf16 where the processor multiplies in it, else fp32"
    )
    compile: bool | None = Field(None, description="torch.compile; null: on a GPU")
    threads: int = Field(1, ge=1, description="threads of one training on a CPU; results repeat to the bit with one")
    heldout_tokens: int = Field(60_000, ge=100, description="tokens of each held-out set that the loss is measured on")
    document_tokens: int | None = Field(
        None,
        ge=16,
        description="tokens of a held-out document that are measured, from its start; null: twice the context",
    )
    overlap: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share (0-1) of a held-out document's n-grams in one arm, from which on it is left out",
    )
    overlap_ngram: int = Field(13, ge=3, le=64, description="words in such an n-gram; letters and digits, case folded")
    tasks: tuple[Task, ...] = Field(
        ("continuation", "last_word", "infill", "infill_span", "cross_file"),
        description="tasks made of held-out documents; infill and infill_span are of source code, cross_file of repository contexts",
    )
    items: int = Field(200, ge=1, description="items of each task from each held-out set, at most")
    choices: int = Field(
        4, ge=2, le=20, description="answers to choose from in continuation and last_word, one is right"
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence of the intervals")
    resamples: int = Field(4000, ge=200, description="resamples of the bootstrap")
    baseline: str | None = Field(
        None, description="the arm that the others are compared with; null: every pair of arms"
    )

    @model_validator(mode="after")
    def _fits(self) -> Ablate:
        if self.batch < self.window:
            raise ValueError(f"batch_tokens {self.batch} is less than the context of {self.window} tokens")
        if self.tokens < self.batch:
            raise ValueError(f"tokens {self.tokens} is less than one step of batch_tokens {self.batch}")
        return self

    @property
    def scale(self) -> Scale:
        return SCALES[self.size]

    @property
    def window(self) -> int:
        """Tokens that the decoder sees."""
        return self.context or self.scale.context

    @property
    def batch(self) -> int:
        """Tokens in a step."""
        return self.batch_tokens or self.scale.batch_tokens

    @property
    def joined(self) -> bool:
        """Whether infilling is asked in the joined form of SPM."""
        known = [each.spm_order for each in SETS.values() if each.tokens == self.fim_tokens]
        return (self.spm_order or (*known, "joined")[0]) == "joined"

    @property
    def longest(self) -> int:
        """Tokens of a held-out document that are measured."""
        return self.document_tokens or 2 * self.window
