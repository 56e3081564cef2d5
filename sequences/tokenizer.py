"""`train-tokenizer`: a byte-level BPE tokenizer, trained on a sample of documents chosen by hash of id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from arcmill.dataset import Dataset

# Names and order follow the GLM-4.5 tokenizer, so that chat renderings and FIM documents need no translation.
SPECIAL_TOKENS = (
    "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>",
    "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
)  # fmt: skip
# Control tokens that a decoder shows to the reader: they carry structure that is parsed out of the answer.
STRUCTURE_TOKENS = (
    "<|code_prefix|>", "<|code_middle|>", "<|code_suffix|>", "<think>", "</think>",
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>",
    "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "/nothink",
)  # fmt: skip
BYTES = 256


class TrainTokenizer(StageConfig):
    """How large a vocabulary, learned from how much text."""

    vocab_size: int = Field(
        32768,
        ge=512,
        le=1 << 20,
        description="tokens wanted in all: 256 bytes, learned tokens and control tokens",
    )
    min_frequency: int = Field(2, ge=1, description="times that a pair must occur in the sample to be merged")
    max_bytes: int = Field(
        1 << 30,
        ge=1,
        description="bytes of UTF-8 text to learn from; more input is sampled by hash of the id",
    )
    seed: int = Field(0, ge=0, description="which sample is drawn, where the input is larger than max_bytes")
    extra_tokens: tuple[str, ...] = Field(
        (), description="further control tokens, added after those of the GLM-4.5 tokenizer"
    )

    @model_validator(mode="after")
    def _tokens_are_apart(self) -> TrainTokenizer:
        known = {*SPECIAL_TOKENS, *STRUCTURE_TOKENS}
        if len(set(self.extra_tokens) | known) < len(self.extra_tokens) + len(known):
            raise ValueError("extra_tokens repeats a control token")
        if any(not token.strip() for token in self.extra_tokens):
            raise ValueError("extra_tokens holds a token without a visible character")
        if self.vocab_size < BYTES + len(known) + len(self.extra_tokens):
            raise ValueError("vocab_size leaves no room for the 256 bytes and the control tokens")
        return self


def core(inputs: dict[str, Dataset], config: TrainTokenizer, output: Path) -> dict[str, Any]:
    """Write tokenizer.json and tokenizer_config.json; returns the sizes and bytes per token of the sample."""
    from sequences.tokenizer_training import train

    return train(inputs["input"], config, output)


STAGE = Stage(
    name="train-tokenizer",
    version=1,
    help="Train a byte-level BPE tokenizer with the control tokens of GLM-4.5.",
    example="arcmill train-tokenizer --input web-clean --output tokenizer --set vocab_size=32768",
    config=TrainTokenizer,
    reads={"input": "Document"},
    writes="Model",
    engine="local",
    joins=True,
    core=core,
)
