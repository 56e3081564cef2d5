"""`count-tokens`: how many tokens each document is, written where `mix` finds it.

The encoder is that of `pack`, with the same settings, so that a budget that `mix` meets is met in the packed sequences:
the closing token counts, and so do the control tokens of documents rearranged for fill-in-the-middle and of rendered
conversations. What `pack` cannot use (no text, a broken FIM document) leaves here already, with the same reason.

Put it right before `mix`: a stage that changes texts after it makes the numbers stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage
from sequences.fim.sentinels import SETS

if TYPE_CHECKING:
    import pyarrow as pa

    from sequences.pack_encode import DocumentEncoder

TOKENS_KEY, TOKENS_BY_KEY = "tokens", "tokens_by"


class CountTokens(StageConfig):
    """Which tokens are put between documents; as for `pack`."""

    add_eos: bool = Field(True, description="count the eos_token that closes every document")
    eos_token: str = Field("<|endoftext|>", description="the token that closes a document")
    fim_tokens: tuple[str, ...] = Field(
        ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
        description="control tokens (before prefix, suffix, middle; or one of glm, qwen, deepseek, starcoder) that count "
        "as such in documents with metadata 'fim'",
    )
    min_document_tokens: int = Field(1, ge=1, description="shorter documents are dropped; tokens, without eos_token")

    @field_validator("fim_tokens", mode="before")
    @classmethod
    def _named_set(cls, value: Any) -> Any:
        return SETS[value].tokens if isinstance(value, str) and value in SETS else value


class Counter(NamedTuple):
    """A tokenizer, and the name under which its counts are known."""

    encoder: DocumentEncoder
    by: str


def setup(config: CountTokens, inputs: Mapping[str, str]) -> Counter:
    """Load the tokenizer of a Model folder, once a worker. Raises UsageError where it cannot serve."""
    from sequences.pack_encode import DocumentEncoder

    folder = inputs["tokenizer"]
    encoder = DocumentEncoder.load(
        folder, eos=config.eos_token if config.add_eos else None, pad=config.eos_token, fim=config.fim_tokens
    )
    return Counter(encoder, tokenizer_name(folder))


def tokenizer_name(folder: str) -> str:
    """The first 16 digits of the fingerprint of a tokenizer's dataset; of a plain folder, of its tokenizer.json."""
    from arcmill.dataset import Dataset
    from arcmill.errors import InputError
    from arcmill.storage import file_sha256, locate

    try:
        return Dataset.open(folder).fingerprint[:16]
    except InputError:
        filesystem, path = locate(folder)
        return file_sha256(filesystem, f"{path}/tokenizer.json")[:16]


def core(batch: pa.RecordBatch, config: CountTokens, counter: Counter) -> Changes:
    """Writes metadata.tokens and metadata.tokens_by; outcomes are those of `pack`. Tallies: tokens, bytes."""
    from sequences.pack_documents import tokenize

    metadata = batch.column("metadata").to_pylist()
    outcomes: dict[int, Outcome] = {}
    total = size = 0
    for row, (_, result) in enumerate(tokenize([batch], counter.encoder, config.min_document_tokens)):
        if isinstance(result, Outcome):
            outcomes[row] = result
            continue
        kept = [(key, value) for key, value in metadata[row] or () if key not in (TOKENS_KEY, TOKENS_BY_KEY)]
        metadata[row] = [*kept, (TOKENS_KEY, str(len(result))), (TOKENS_BY_KEY, counter.by)]
        total += len(result)
        size += batch.column("text")[row].as_buffer().size
    return Changes({"metadata": metadata}, outcomes, {"tokens": total, "text_bytes": size})


STAGE = Stage(
    name="count-tokens",
    version=1,
    help="Count the tokens of each document by a tokenizer, for mix to meet its budget to the token.",
    example="arcmill count-tokens --input web-bucketed --input tokenizer=tokenizer --output web-counted",
    config=CountTokens,
    reads={"input": "Document", "tokenizer": "Model"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
)
