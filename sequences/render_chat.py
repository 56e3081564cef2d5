"""`render-chat`: conversations to documents, so that a mixture holds them beside all else, and `pack` knows their tokens.

A document's text is the rendering of a training row in a dialect, byte for byte that of export-sft's layout text. Metadata
says what it is: `chat` (the dialect), `chat_loss` (JSON, [[start, end], …]: characters that are in the loss), `chat_marks`
(messages marked /nothink, where there are any), `conversation` (its id) and `turn`. Ids are `<conversation>` where that is always one
row (rows=conversation, unless thinking=both), else `<conversation>#<turn>`; `-direct` follows where its reasoning was taken out besides
a row that has it. So no two rows share an id, whatever conversations are called: all ids have the ending, or none has.

Every row is rendered, parsed back and compared, and each call checked by the schema of its tool. A conversation of which
one row fails is dropped as a whole, with the reason as its rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.records import Conversation

CHARACTERS_AT_ONCE = 4 << 20  # of documents that are held before they are written


class RenderChat(StageConfig):
    """Which rows a conversation becomes, and in which dialect."""

    dialect: Literal["glm45", "glm47"] = Field("glm45", description="chat dialect of the text; see docs/chat.md")
    rows: Literal["turn", "conversation", "fewest"] = Field(
        "turn", description="a document for each user turn that was answered (what comes before is its context), or one for "
        "a conversation, which loses the reasoning of its earlier turns; fewest: one, with all answers in "
        "the loss, for a conversation that has none to lose and ends in an answer, else a document for each turn"
    )  # fmt: skip
    thinking: Literal["given", "thinking", "direct", "both"] = Field(
        "given", description="given: rows as their conversation says; thinking: rows that reason, no others; direct: rows "
        "without their reasoning, marked so; both: of each row that reasons both, of any other the direct one"
    )  # fmt: skip
    end: Literal["<|endoftext|>", "<|user|>"] = Field(
        "<|endoftext|>", description="the stop token after the last answer of a conversation"
    )

    @property
    def by_turn(self) -> bool:
        return self.rows == "turn"

    @property
    def numbered(self) -> bool:
        """Whether a conversation may become several rows, so that ids name the turn."""
        return self.rows != "conversation" or self.thinking == "both"

    def shaped(self, conversation: Conversation) -> tuple[RenderChat, bool]:
        """These settings with the rows that a conversation gets, turn or conversation; and whether all its answers are in the loss."""
        if self.rows != "fewest":
            return self, False
        from arcmill.chat.messages import last_user

        messages = conversation.messages
        answered = next((m.role == "assistant" for m in reversed(messages) if m.role != "tool"), False)
        loses = self.thinking != "direct" and any((m.reasoning or "").strip() for m in messages[: last_user(messages)])
        whole = answered and not loses
        return self.model_copy(update={"rows": "conversation" if whole else "turn"}), whole

    @property
    def check(self) -> str:
        return "full"


def core(
    batches: Iterator[pa.RecordBatch], config: RenderChat
) -> Iterator[pa.RecordBatch | tuple[str, Outcome] | Mapping[str, int]]:
    """Documents of each conversation, all or none of them; a ledger entry for one that the dialect cannot hold."""
    from collections import Counter

    from arcmill.chat import ChatError
    from arcmill.records import Document, batch_to_rows, documents_to_batch
    from sequences.chat_documents import document_of
    from sequences.export_rows import variants

    counts: Counter[str] = Counter({"conversations": 0, "rows": 0, "characters": 0})
    for batch in batches:
        made: list[Document] = []
        held = 0
        for conversation in batch_to_rows("Conversation", batch):
            told: Counter[str] = Counter()
            try:
                shape, every = config.shaped(conversation)
                rows = variants(conversation, shape, told, every)
                pairs = {row.turn for row in rows if row.thinking is True} if config.thinking == "both" else ()
                documents = [
                    document_of(
                        conversation, row, config.dialect, config.numbered, row.thinking is False and row.turn in pairs
                    )
                    for row in rows
                ]
                documents_to_batch(documents)  # what cannot be written is found here, and not in a batch of many
            except ChatError as error:
                yield conversation.id, Outcome(error.reason, detail=error.detail)
                continue
            except UnicodeEncodeError as error:
                yield conversation.id, Outcome("not-text", "errored", detail=str(error)[:200])
                continue
            characters = sum(len(document.text) for document in documents)
            counts.update({"conversations": 1, "rows": len(rows), "characters": characters, **told})
            made += documents
            held += characters
            if held > CHARACTERS_AT_ONCE:
                yield documents_to_batch(made)
                made, held = [], 0
        if made:
            yield documents_to_batch(made)
    yield counts


STAGE = Stage(
    name="render-chat",
    version=2,
    help="Render conversations as documents of a chat dialect, with the characters that are in the loss, for mix and pack.",
    example="arcmill render-chat --input accepted --output chats --set dialect=glm45 --set thinking=both",
    config=RenderChat,
    reads={"input": "Conversation"},
    writes="Document",
    engine="datatrove",
    core=core,
    makes=True,
)
