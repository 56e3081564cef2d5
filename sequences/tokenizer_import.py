"""`import-tokenizer`: any published tokenizer, checked, and written in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import SourceFile, Stage
from sequences.fim.sentinels import SETS

if TYPE_CHECKING:
    from arcmill.gathered import Gathered

Loss = Literal[
    "nfc", "metaspace-mark", "leading-space", "strip", "nfkc", "lowercase", "white-space", "byte-names", "bytes", "characters"
]  # fmt: skip
ACCEPTS = ("tokenizer.json", "tokenizer_config.json", ".tiktoken", "tekken.json", "tokenizer.model")


class ImportTokenizer(StageConfig):
    """Which control tokens the tokenizer must have, and what may be mended."""

    encoding: Literal["gpt2", "r50k", "p50k", "cl100k", "o200k", "llama3", "qwen", "qwen3.5", "tekken"] | None = Field(
        None,
        description="whose words a file of ranks is for: it decides the pattern; null: by the file's name and size",
    )
    pattern: str | None = Field(
        None, description="the pattern that words are found by, in a file of ranks; null: encoding's"
    )
    special_tokens: dict[str, int] | None = Field(
        None, description="control tokens of a file of ranks, name to id; null: those published with the encoding"
    )
    eos_token: str | None = Field(
        None,
        description="the token that closes a document; null: one that is known to (<|endoftext|>, <|end_of_text|>, <eos>, </s> "
        "...), else as the folder's tokenizer_config.json says",
    )
    pad_token: str | None = Field(None, description="the token that fills; null: as the folder says, else eos_token")
    fim_tokens: tuple[str, ...] = Field(
        (),
        description="tokens before prefix, suffix, middle that it must have; or one of glm, qwen, deepseek, starcoder",
    )
    chat: bool = Field(False, description="it must have the control tokens of the chat formats of GLM-4.5")
    extra_tokens: tuple[str, ...] = Field((), description="further control tokens that it must have")
    add_missing: bool = Field(
        False, description="add the tokens asked for that it lacks as control tokens, behind its last id"
    )
    fill_holes: bool = Field(
        True, description="give ids that no token has a reserved control token, so that the vocabulary has no hole"
    )
    accept_losses: tuple[Loss, ...] = Field(
        ("nfc", "metaspace-mark", "leading-space"),
        description="what need not come back from tokens: nfc, metaspace-mark, leading-space, strip, nfkc, lowercase, "
        "white-space, byte-names, bytes (documents that hold them are then refused), characters; other losses are refused",
    )

    @field_validator("fim_tokens", mode="before")
    @classmethod
    def _named_set(cls, value: Any) -> Any:
        return SETS[value].tokens if isinstance(value, str) and value in SETS else value

    @model_validator(mode="after")
    def _tokens(self) -> ImportTokenizer:
        asked = [*self.fim_tokens, *self.extra_tokens]
        if len(set(asked)) < len(asked):
            raise ValueError("fim_tokens and extra_tokens name a token twice")
        if self.fim_tokens and len(self.fim_tokens) != 3:
            raise ValueError("fim_tokens are three: before prefix, suffix and middle")
        if any(not token.strip() for token in [*asked, *(self.special_tokens or ())]):
            raise ValueError("a control token needs a visible character")
        return self


def find(urls: Sequence[str], config: ImportTokenizer) -> list[SourceFile]:
    """The files of one tokenizer as one unit. A folder's own files only: models keep others below."""
    from arcmill.gathered import gathered

    return gathered(urls, ACCEPTS, "")


def core(inputs: Mapping[str, Sequence[Gathered]], config: ImportTokenizer, output: Path) -> dict[str, Any]:
    """Write tokenizer.json and tokenizer_config.json; returns what was found, mended and lost."""
    from sequences.tokenizer_mending import import_files

    return import_files(inputs["input"][0].files, config, output)


STAGE = Stage(
    name="import-tokenizer",
    version=1,
    help="Check a published tokenizer (tokenizer.json, tiktoken or tekken file, model folder) and write it in one form.",
    example="arcmill import-tokenizer --input Qwen3-8B/ --output tokenizer --set fim_tokens=qwen",
    config=ImportTokenizer,
    reads={"input": "Files"},
    writes="Model",
    engine="local",
    core=core,
    find=find,
    accepts=ACCEPTS,
)
