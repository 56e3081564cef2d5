"""`pack`: documents to token sequences of one length, each token with its origin.

Two ways to lay documents out (GLM-4.5, arXiv 2508.06471, sections 2.2 and 2.3):

- `concat`, for pre-training, the report's "random truncation". The documents of a window (what a task holds at once), in shuffled order
  and each closed by `<|endoftext|>`, form one ring of tokens that is opened at a random place and cut every
  `sequence_length` tokens. So where a document is cut is random: it follows from the seed, not from the
  document. Nothing is thrown away at a cut: the rest of the document begins the next sequence.
- `best_fit`, for mid-training, where reasoning and repositories must stay whole (Ding et al. 2024,
  arXiv 2404.10830): a document is cut only if it is longer than a sequence, and each piece goes where it
  leaves the least room.

Either way each token of each document is in the output exactly once. What the windows of all tasks do not fill
is laid out anew by one last step (docs/packing.md). What stays empty then (the end of the dataset's last sequence;
with `best_fit` the end of any) is padding: `loss_mask` 0, and no segment covers it. `loss_mask` is 1 for every token of a
document, `<|endoftext|>` included; of a conversation of `render-chat` (role chat) where it says so, by `chat_loss`. Attention boundaries follow from
`segments`: `start` and `length` in the sequence, `offset` in the tokens of the document.

With `context_fim` the runs of source code are rearranged for fill-in-the-middle after it is known where sequences
end. Such a segment has role psm or spm; it holds three sentinels besides the document's tokens from `offset` on
(`sequences.fim.context.restore_run` gives them back), and `loss_mask` is 1 for them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from arcmill.config import Field, Settings, StageConfig
from arcmill.stage import Outcome, Rest, Stage, Whole
from sequences.fim.sentinels import SETS, SpmOrder

if TYPE_CHECKING:
    import pyarrow as pa

    from sequences.fim.context import RunArranger
    from sequences.pack_encode import DocumentEncoder


class ContextFim(Settings):
    """Fill in the middle of packed runs; off unless `rate` is set. Documents with metadata `fim` are left as they are."""

    rate: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share (0-1) of the runs of documents with a programming_language that is rearranged",
    )
    spm_share: float = Field(0.5, ge=0, le=1, description="share (0-1) of SPM among them; the rest is PSM")
    languages: tuple[str, ...] | None = Field(None, description="programming languages that qualify; null: any")
    min_span: int = Field(1, ge=1, description="fewest tokens of a middle, up to a character's end")
    max_span: int | None = Field(None, ge=1, description="most tokens of a middle, up to a character's end; null: any")
    min_tokens: int = Field(16, ge=1, description="shorter runs of a document within a sequence stay plain; tokens")
    spm_order: SpmOrder | None = Field(
        None, description="form of SPM (see format-fim); null: as the set that fim_tokens are of, else joined"
    )

    @model_validator(mode="after")
    def _bounds(self) -> ContextFim:
        if self.min_span > self.min_tokens or (self.max_span is not None and self.max_span < self.min_span):
            raise ValueError(f"min_span {self.min_span} is more than min_tokens or max_span")
        return self


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
        description="control tokens (before prefix, suffix, middle; or one of glm, qwen, deepseek, starcoder) that count "
        "as such in documents with metadata 'fim', each exactly once; anywhere else, text that looks like a control "
        "token is ordinary text",
    )
    chat_loss: Literal["assistant", "all"] = Field(
        "assistant", description="tokens of rendered conversations that are in the loss: assistant: what render-chat marked, "
        "as for SFT; all: each, as for mid-training"
    )  # fmt: skip
    context_fim: ContextFim = Field(ContextFim(), description="fill in the middle after packing (context-level)")

    @field_validator("fim_tokens", mode="before")
    @classmethod
    def _named_set(cls, value: Any) -> Any:
        return SETS[value].tokens if isinstance(value, str) and value in SETS else value

    @model_validator(mode="after")
    def _has_sentinels(self) -> Pack:
        if self.context_fim.rate and len(set(self.fim_tokens)) != 3:
            raise ValueError("context_fim needs three fim_tokens: before prefix, suffix and middle")
        return self


def setup(config: Pack, inputs: Mapping[str, str]) -> DocumentEncoder:
    """Load the tokenizer of a Model folder, once a worker. Raises UsageError where it cannot serve."""
    from sequences.pack_encode import DocumentEncoder

    return DocumentEncoder.load(
        inputs["tokenizer"], eos=config.eos_token if config.add_eos else None,
        pad=config.pad_token or config.eos_token, fim=config.fim_tokens, needs_fim=config.context_fim.rate > 0,
        chat_in_loss=config.chat_loss == "all",
    )  # fmt: skip


def core(
    batches: Iterator[pa.RecordBatch], config: Pack, state: DocumentEncoder
) -> Iterator[pa.RecordBatch | Rest | tuple[str, Outcome] | Mapping[str, int]]:
    """Sequences of one task, what its windows leave, the documents that did not go in, and what was counted."""
    from sequences.pack_documents import tokenize
    from sequences.pack_layout import BestFit, Concat, Layout
    from sequences.pack_receipt import Receipt

    arranger, languages = _arranger(config, state), config.context_fim.languages
    receipt = Receipt(config.sequence_length)

    def window() -> Layout:
        layout_of = {"concat": Concat, "best_fit": BestFit}[config.mode]
        return layout_of(config.sequence_length, state.pad_id, config.seed, config.shuffle, arranger)

    with ExitStack() as open_window:
        layout = open_window.enter_context(window())
        for first, second in tokenize(batches, state, config.min_document_tokens, languages):
            if isinstance(second, Outcome):
                yield first, second
                continue
            assert not isinstance(first, str)
            receipt.add(first.mixed or first.source, first.epoch, len(second), int((second >= 0).sum()))
            yield from layout.add(first, second)
            if layout.full:
                yield from layout.finish()
                yield layout.rows.tallies
                open_window.close()
                layout = open_window.enter_context(window())
        yield from layout.finish()
        yield layout.rows.tallies
    yield receipt.tallies()
    if arranger is not None:
        yield arranger.tallies


def gathers(
    batches: Iterator[pa.RecordBatch], config: Pack, state: DocumentEncoder
) -> Iterator[pa.RecordBatch | Mapping[str, int]]:
    """Sequences of what the tasks left, and what was counted."""
    from sequences.pack_gather import gather

    yield from gather(batches, config.sequence_length, state.pad_id, config.mode == "concat")


def pack_alone(
    batches: Iterator[pa.RecordBatch], config: Pack, state: DocumentEncoder
) -> Iterator[pa.RecordBatch | tuple[str, Outcome] | Mapping[str, int]]:
    """Both steps over one task, without an engine. What is left is held in memory."""
    rests: list[pa.RecordBatch] = []
    for made in core(batches, config, state):
        if isinstance(made, Rest):
            rests.append(made.rows)
        else:
            yield made
    yield from gathers(iter(rests), config, state)


def conclude(config: Pack, whole: Whole) -> dict[str, Any]:
    """The receipt: how full the sequences are, what was cut, and what each source gave."""
    from sequences.pack_receipt import summary

    return summary(config.mode, config.sequence_length, whole.counted)


def _arranger(config: Pack, encoder: DocumentEncoder) -> RunArranger | None:
    if not config.context_fim.rate:
        return None
    from sequences.fim.context import RunArranger

    order = config.context_fim.spm_order
    known = [each.spm_order for each in SETS.values() if each.tokens == config.fim_tokens]
    return RunArranger(
        config.context_fim, config.seed, encoder.fim_ids(config.fim_tokens), order or (*known, "joined")[0],
        encoder.eos_id, encoder.continuing,
    )  # fmt: skip


STAGE = Stage(
    name="pack",
    version=2,
    help="Tokenise documents and pack them into sequences of one length.",
    example="arcmill pack --input mix --input tokenizer=tokenizer --output packed --set sequence_length=4096",
    config=Pack,
    reads={"input": "Document", "tokenizer": "Model"},
    writes="Sequence",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
    gathers=gathers,
    conclude=conclude,
)
