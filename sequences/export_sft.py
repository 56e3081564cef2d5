"""`export-sft`: conversations in the forms that training frameworks read.

| layout | columns | read by |
|---|---|---|
| `messages` | messages in OpenAI's form, tools, enable_thinking, chat_template_kwargs | TRL, verl, slime, Llama-Factory (openai) |
| `completion` | the same, as prompt and completion: only the last turn is trained on | TRL |
| `sharegpt` | conversations list<from, value>, system, tools | Llama-Factory |
| `text` | the text of a dialect, and the spans of characters that are in the loss | anything that tokenises |
| `tokens` | input_ids, loss_mask, labels, by a tokenizer that is given | TRL, transformers, a training loop of your own |

Reasoning is rendered after the last user message only (DESIGN section 6): with one row a conversation the reasoning of
earlier turns is lost in training, with `rows=turn` every turn's is kept.

Whatever the layout, each row is rendered and parsed back, and each call is checked by the schema of its tool: what does not
come back as it was, or is no call of that tool, is in no export.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from sequences.export_tokens import ChatTokenizer

TOKENS_AT_ONCE = 1 << 20  # of rows that are held before they are written


class ExportSft(StageConfig):
    """The layout of the rows, and which conversations cannot go into it."""

    layout: Literal["messages", "completion", "sharegpt", "text", "tokens"] = Field(
        "messages", description="the columns; see docs"
    )
    rows: Literal["turn", "conversation"] | None = Field(
        None, description="a row for each user turn that was answered (what comes before is its context), or one for a "
        "conversation; null: turn for completion, text and tokens, conversation for the others"
    )  # fmt: skip
    thinking: Literal["given", "thinking", "direct", "both"] = Field(
        "given", description="given: rows as their conversation says; thinking: rows that reason, no others; direct: rows "
        "without their reasoning, marked so; both: of each row that reasons both, of any other the direct one"
    )  # fmt: skip
    dialect: Literal["glm45", "glm47"] = Field(
        "glm45",
        description="chat dialect of layouts text and tokens, and the one that rows of the others are checked by",
    )
    check: Literal["full", "protocol"] = Field(
        "full", description="full: each row is rendered in the dialect, parsed back and compared, and each call checked by "
        "the schema of its tool; protocol: roles, order and JSON alone, for models of other formats (not text, tokens)"
    )  # fmt: skip
    end: Literal["<|endoftext|>", "<|user|>"] = Field(
        "<|endoftext|>", description="text and tokens: the stop token after the last answer of a conversation"
    )
    mask: Literal["loss_mask", "assistant_masks", "completion_mask"] = Field(
        "loss_mask", description="tokens: name of the column that is 1 where a token is in the loss, else 0"
    )
    max_tokens: int | None = Field(
        None, ge=1, description="tokens: conversations with a longer row are dropped; null: any length"
    )
    arguments: Literal["text", "json"] = Field(
        "text", description="messages and completion: arguments of calls, and tools, are JSON texts; json marks them so "
        "that the package datasets (5 and later) reads them as objects, which chat templates such as GLM's need",
    )  # fmt: skip
    reasoning_tags: tuple[str, str] = Field(
        ("<think>\n", "\n</think>\n\n"), description="sharegpt: what stands before and after reasoning in a value"
    )

    @model_validator(mode="after")
    def _whole(self) -> ExportSft:
        if self.layout == "completion" and self.rows == "conversation":
            raise ValueError("layout completion has a row for each turn; leave rows out, or set it to turn")
        if self.check == "protocol" and self.layout in ("text", "tokens"):
            raise ValueError(f"layout {self.layout} is a rendering: check is full, or the layout another")
        if self.max_tokens is not None and self.layout != "tokens":
            raise ValueError("max_tokens is of layout tokens; the others have no tokens to count")
        return self

    @property
    def by_turn(self) -> bool:
        return (self.rows or ("conversation" if self.layout in ("messages", "sharegpt") else "turn")) == "turn"


def layout(config: ExportSft) -> pa.Schema:
    """The columns of the rows."""
    from sequences.export_rows import sft_schema

    return sft_schema(config)


def setup(config: ExportSft, inputs: Mapping[str, Any]) -> ChatTokenizer | None:
    """The tokenizer of layout tokens. Raises UsageError where it is missing, or cannot serve."""
    if config.layout != "tokens":
        if "tokenizer" in inputs:
            raise UsageError(f"export-sft: layout {config.layout} takes no input 'tokenizer'; layout tokens does")
        return None
    if "tokenizer" not in inputs:
        raise UsageError("export-sft: layout tokens needs a tokenizer: --input tokenizer=FOLDER")
    from sequences.export_tokens import ChatTokenizer

    return ChatTokenizer.load(inputs["tokenizer"])


def core(
    batches: Iterator[pa.RecordBatch], config: ExportSft, tokenizer: ChatTokenizer | None
) -> Iterator[pa.RecordBatch | tuple[str, Outcome] | Mapping[str, int]]:
    """Rows of each conversation, all or none of them; a ledger entry for one that the layout cannot hold."""
    from collections import Counter

    from arcmill.chat import ChatError
    from arcmill.records import batch_to_rows
    from sequences.export_rows import TooLong, sft_rows, sft_schema, to_batches

    schema = sft_schema(config, as_json=False)
    tallies: Counter[str] = Counter({"conversations": 0, "rows": 0})
    for batch in batches:
        made: list[dict[str, Any]] = []
        held = 0  # tokens of them
        for conversation in batch_to_rows("Conversation", batch):
            try:
                rows, counts = sft_rows(conversation, config, tokenizer)
            except TooLong as long:
                yield conversation.id, Outcome("too-long", score=long.tokens, threshold=config.max_tokens)
                continue
            except ChatError as error:
                yield conversation.id, Outcome(error.reason, detail=error.detail)
                continue
            made += rows
            held += counts.get("tokens", 0)
            tallies.update({"conversations": 1, "rows": len(rows), **counts})
            if held > TOKENS_AT_ONCE:
                yield from to_batches(made, schema)
                made, held = [], 0
        yield from to_batches(made, schema)
    yield tallies


STAGE = Stage(
    name="export-sft",
    version=2,
    help="Write conversations in the columns that SFT frameworks read (TRL, verl, Llama-Factory), as text, or as tokens.",
    example="arcmill export-sft --input accepted --input tokenizer=tokenizer --output sft --set layout=tokens "
    "--set dialect=glm45",
    config=ExportSft,
    reads={"input": "Conversation", "tokenizer?": "Model"},
    writes="Export",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
    layout=layout,
)
