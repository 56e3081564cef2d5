"""`pack`: documents to token sequences of one length, each token with its origin.

Two ways to lay documents out (GLM-4.5, arXiv 2508.06471, sections 2.2 and 2.3):

- `concat`, for pre-training, the report's "random truncation". The documents of a part, in shuffled order
  and each closed by `<|endoftext|>`, form one ring of tokens that is opened at a random place and cut every
  `sequence_length` tokens. So where a document is cut is random: it follows from the seed, not from the
  document. Nothing is thrown away at a cut: the rest of the document begins the next sequence.
- `best_fit`, for mid-training, where reasoning and repositories must stay whole (Ding et al. 2024,
  arXiv 2404.10830): a document is cut only if it is longer than a sequence, and each piece goes where it
  leaves the least room.

Either way each token of each document is in the output exactly once. What stays empty (the end of a part's
last sequence; with `best_fit` the end of any) is padding: `loss_mask` 0, and no segment covers it.
`loss_mask` is 1 for every token of a document, `<|endoftext|>` included. Attention boundaries follow from
`segments`: `start` and `length` in the sequence, `offset` in the tokens of the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from sequences.pack_encode import DocumentEncoder


class Pack(StageConfig):
    """The shape of the sequences, and which tokens are put between documents."""

    sequence_length: int = Field(4096, ge=2, le=1 << 20, description="tokens in every sequence")
    mode: Literal["concat", "best_fit"] = Field(
        "concat", description="concat: cut at random places; best_fit: documents stay whole where they can"
    )
    add_eos: bool = Field(True, description="close every document with eos_token")
    eos_token: str = Field("<|endoftext|>", description="the token that closes a document")
    pad_token: str | None = Field(None, description="the token that fills what stays empty; null: eos_token")
    shuffle: bool = Field(True, description="order the documents of a part by a hash of seed, id and epoch")
    seed: int = Field(0, ge=0, description="decides the order of the documents and where they are cut")
    min_document_tokens: int = Field(1, ge=1, description="shorter documents are dropped; tokens, without eos_token")
    fim_tokens: tuple[str, ...] = Field(
        ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
        description="control tokens that count as such in documents with metadata 'fim', each exactly once; "
        "anywhere else, text that looks like a control token is ordinary text",
    )


def setup(config: Pack, inputs: Mapping[str, str]) -> DocumentEncoder:
    """Load the tokenizer of a Model folder, once a worker. Raises UsageError where it cannot serve."""
    from sequences.pack_encode import DocumentEncoder

    return DocumentEncoder.load(
        inputs["tokenizer"], eos=config.eos_token if config.add_eos else None,
        pad=config.pad_token or config.eos_token, fim=config.fim_tokens,
    )  # fmt: skip


def core(
    batches: Iterator[pa.RecordBatch], config: Pack, state: DocumentEncoder
) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    """Sequences of one part, and the documents that did not go in."""
    from sequences.pack_documents import tokenize
    from sequences.pack_layout import BestFit, Concat

    layout_of = {"concat": Concat, "best_fit": BestFit}[config.mode]
    with layout_of(config.sequence_length, state.pad_id, config.seed, config.shuffle) as layout:
        for item in tokenize(batches, state, config.min_document_tokens):
            if isinstance(item[1], Outcome):
                yield item[0], item[1]
            else:
                yield from layout.add(item[0], item[1])
        yield from layout.finish()


STAGE = Stage(
    name="pack",
    version=1,
    help="Tokenise documents and pack them into sequences of one length.",
    example="arcmill pack --input mix --input tokenizer=tokenizer --output packed --set sequence_length=4096",
    config=Pack,
    reads={"input": "Document", "tokenizer": "Model"},
    writes="Sequence",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
)
