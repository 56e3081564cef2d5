"""ingest-conversations: chats of others (JSON lines, Parquet, CSV) to Conversations: OpenAI's messages, or ShareGPT's turns."""

from __future__ import annotations

from collections.abc import Iterator

from arcmill.config import Field
from arcmill.records import Conversation
from arcmill.stage import Failure, SourceFile, Stage
from arcmill.tables.config import TableConfig
from arcmill.tables.formats import ACCEPTED


class IngestConversations(TableConfig):
    """Where in a row the messages are. Which of the two forms they have, each message tells: `role` or `from`."""

    messages: str | None = Field(
        None, description="column of the messages, a list or its JSON; null: `messages`, else `conversations`"
    )
    tools: str = Field("tools", description="column of the tools' schemas, a list or its JSON, where there is one")
    system: str = Field("system", description="column of a system message that stands apart, where there is one")
    id: str = Field("id", description="column of the id; a row without one gets a hash of source, tools and messages")
    source: str | None = Field(
        None, description='`source` of every conversation; null: the column `source` of the row, else "conversations"'
    )
    reasoning_tags: tuple[str, str] | None = Field(
        ("<think>", "</think>"), description="what an answer's reasoning stands between, at the beginning of its content; "
        "null: it is not looked for (OpenAI's reasoning_content is taken either way)"
    )  # fmt: skip


def core(file: SourceFile, config: IngestConversations) -> Iterator[Conversation | Failure]:
    """Every row of a file as a Conversation or a Failure, whose rule says what is unsound."""
    from arcmill.tables.read import read
    from ingest.conversation_rows import ConversationMapper

    return read(file, ConversationMapper(config, file.name), config)


STAGE = Stage(
    name="ingest-conversations",
    version=1,
    help="Read conversations in OpenAI's or ShareGPT's form, from JSON lines, Parquet or CSV.",
    example="arcmill ingest-conversations --input chats.jsonl --output chats --set source=ours",
    config=IngestConversations,
    reads={"input": "Files"},
    writes="Conversation",
    engine="datatrove",
    core=core,
    accepts=ACCEPTED,
)
