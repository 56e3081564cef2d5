"""`remove-documents`: take documents out of packed sequences (or of any dataset) without packing anew.

Only the rows that hold a removed document change: its segments go, what stays moves together, and the freed room is
padding. Where the pieces of a changed row all fit into the room of other changed rows of its part, they go there (best
fit) and the row is gone. All other rows keep their values, and parts without a removed document are copied byte by
byte, so their sha256 in the manifest stays. Every segment that went is a row of the ledger.

What a piece of a document is moved to changes nothing but its place: `offset` still says which tokens of the document
it holds, and attention boundaries follow from `segments`. With `contexts` (the output of concat-repo, or what was made
of it) files of repositories can be named: the context that holds one goes as a whole, since its other files were read
together with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Edited, Stage, Whole

if TYPE_CHECKING:
    from arcmill.dataset import Dataset, Part
    from sequences.remove_ids import Removal

RECORDS = "Sequence|Document|Conversation|Problem|AgentTask"


class RemoveDocuments(StageConfig):
    """Which documents go. Ids come from `ids`, `ids_file` and the input `remove`, all together."""

    guards: ClassVar[frozenset[str]] = frozenset({"max_error_rate", "allow_missing"})

    ids: tuple[str, ...] = Field((), description="ids of documents to remove, such as [3f2a9c…, 77ab01…]")
    ids_file: str | None = Field(None, description="text file with one id a line (UTF-8); empty lines do not count")
    remove_from: Literal["rows", "ledger"] = Field(
        "rows", description="what of the input `remove` names ids: its rows, or the rows that its ledger says it lost"
    )
    rules: tuple[str, ...] | None = Field(
        None, description="with remove_from ledger: the rules that count, such as [contamination]; null: all"
    )
    turns: bool = Field(
        True, description="the id of a conversation also removes the rows that render-chat made of its turns"
    )
    context: Literal["remove", "refuse"] = Field(
        "remove", description="a file of a context (input `contexts`): remove the whole context, or refuse to run"
    )
    allow_missing: bool = Field(False, description="go on where an id is nowhere in the input; else that is an error")
    pad_id: int | None = Field(
        None,
        ge=0,
        description="id of the token that fills freed room; null: the one that fills empty room in the input",
    )


def setup(config: RemoveDocuments, inputs: Mapping[str, Sequence[Dataset]]) -> Removal:
    """The ids to remove, once a worker. Raises UsageError where none are given."""
    from sequences.remove_ids import Removal

    return Removal.load(config, inputs)


def core(part: Part, config: RemoveDocuments, state: Removal) -> Edited:
    """What becomes of one part."""
    from sequences.remove_rows import without

    return without(part, state)


def conclude(config: RemoveDocuments, whole: Whole) -> dict[str, Any]:
    """The counts, and which ids were nowhere. Raises UsageError unless that is allowed."""
    from sequences.remove_ids import conclude as check

    return {**whole.counted, **check(config, whole.inputs, whole.found)}


STAGE = Stage(
    name="remove-documents",
    version=1,
    help="Remove documents from packed sequences or any dataset, by id: only the rows and parts that hold them change.",
    example="arcmill remove-documents --input packed --output packed-without --set ids='[3f2a9c…]'\n"
    "arcmill remove-documents --input packed --input remove=decontaminated --set remove_from=ledger --output packed-2",
    config=RemoveDocuments,
    reads={"input": RECORDS, "remove?": "Dataset", "contexts?": "Document"},
    writes=RECORDS,
    engine="datatrove",
    core=core,
    setup=setup,
    edits=True,
    conclude=conclude,
    model_files=lambda config: [config.ids_file] if config.ids_file else [],
)
