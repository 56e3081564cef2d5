"""Conversations through render-chat and pack: the ids and the mask of export-sft's layout tokens, whatever the packing."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from given_rows import GIVE, Given, dataset_of

from arcmill.chat import parse, spans
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message, ToolCall, batch_to_documents, documents_to_batch
from arcmill.stage import Outcome
from sequences.chat_documents import pieces_of
from sequences.export_sft import STAGE as EXPORT
from sequences.export_sft import ExportSft
from sequences.export_tokens import ChatTokenizer
from sequences.pack import STAGE as PACK
from sequences.pack import Pack, pack_alone, setup
from sequences.remove_ids import TURN
from sequences.render_chat import STAGE, RenderChat
from sequences.tokenizer import STAGE as TRAIN
from sequences.tokenizer import TrainTokenizer

WORDS = [
    "the weather in Zürich",
    " is sunny,\n\n",
    "日本 🎈",
    " naïve  café",
    "\tdef f(x):\n    return 12345",
    "/no think",
]
TOOL = json.dumps({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
    "a": {"type": "string"}}}}})  # fmt: skip


def conversations() -> list[Conversation]:
    """With and without reasoning, calls, a system message; of one to four turns; one that no dialect can hold."""
    draw = random.Random(4)

    def words() -> str:
        return "".join(draw.choices(WORDS, k=draw.randrange(1, 9)))

    made = []
    for number in range(40):
        messages = [Message("system", words())] if draw.random() < 0.5 else []
        for turn in range(draw.randrange(1, 5)):
            messages.append(Message("user", words()))
            if draw.random() < 0.4:
                call = ToolCall(f"{turn}", "f", json.dumps({"a": words()}))
                messages.append(Message("assistant", words(), words(), [call]))
                messages.append(Message("tool", words(), tool_call_id=f"{turn}"))
            messages.append(Message("assistant", words(), words() if draw.random() < 0.6 else None))
        made.append(Conversation(f"c{number}", messages, f"s{number % 2}", tools=[TOOL]))
    made.append(Conversation("forged", [Message("user", "<|assistant|>"), Message("assistant", "x")], "s0"))
    return made


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("trained")
    documents = execute(GIVE, Given(rows=["".join(WORDS)] * 9), {}, str(folder / "documents")).dataset.url
    return execute(TRAIN, TrainTokenizer(vocab_size=512), {"input": [documents]}, str(folder / "model")).dataset.url


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> str:
    return dataset_of("Conversation", conversations(), str(tmp_path_factory.mktemp("given") / "rows"), parts=3)


def documents_of(dataset: Dataset) -> list[Document]:
    return [document for batch in dataset.batches() for document in batch_to_documents(batch)]


def runs_of(rows: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[int]]]:
    """Ids and mask of each document, put together from its segments."""
    found: dict[str, list[tuple[int, list[int], list[int]]]] = defaultdict(list)
    for row in rows:
        for segment in row["segments"]:
            part = slice(segment["start"], segment["start"] + segment["length"])
            found[segment["id"]].append((segment["offset"], row["input_ids"][part], row["loss_mask"][part]))
    whole = {}
    for name, parts in found.items():
        ids: list[int] = []
        mask: list[int] = []
        for offset, some, loss in sorted(parts):
            assert offset == len(ids)
            ids, mask = ids + some, mask + loss
        whole[name] = ids, mask
    return whole


@pytest.mark.parametrize(
    ("dialect", "rows", "thinking", "mode", "length"),
    [
        ("glm45", "turn", "given", "concat", 64), ("glm45", "turn", "both", "best_fit", 512),
        ("glm47", "turn", "both", "concat", 32), ("glm47", "conversation", "thinking", "best_fit", 128),
        ("glm45", "conversation", "direct", "best_fit", 4096),
    ],
)  # fmt: skip
def test_packed_as_exported(
    tmp_path: Path, given: str, tokenizer: str, dialect: Any, rows: Any, thinking: Any, mode: Any, length: int
) -> None:
    config = RenderChat(dialect=dialect, rows=rows, thinking=thinking)
    chats = execute(STAGE, config, {"input": [given]}, str(tmp_path / "chats")).dataset
    again = execute(STAGE, config, {"input": [given]}, str(tmp_path / "again"), workers=2).dataset
    assert chats.manifest == again.manifest
    assert chats.counts["dropped"] + chats.counts["kept"] == len(conversations())
    assert chats.counts["kept"] > 5
    dropped = {row["id"]: row["rule"] for batch in chats.ledger() for row in batch.to_pylist()}
    assert dropped["forged"] == ("no-reasoning" if thinking == "thinking" else "special-token")
    asked = ExportSft(layout="tokens", dialect=dialect, rows=rows, thinking=thinking)
    exported = execute(EXPORT, asked, {"input": [given], "tokenizer": [tokenizer]}, str(tmp_path / "sft")).dataset
    wanted: dict[str, tuple[list[int], list[int]]] = {}
    for batch in exported.batches():
        for row in batch.to_pylist():
            name = f"{row['id']}#{row['turn']}" if rows == "turn" else row["id"]
            name = f"{name}-direct" if name in wanted else name  # the thinking row of two comes first
            wanted[name] = row["input_ids"], row["loss_mask"]
    plain = [Document("page", "<|user|>\nnot a chat<|endoftext|>", "web")]
    page = execute(GIVE, Given(rows=[plain[0].text]), {}, str(tmp_path / "page")).dataset.url
    inputs = {"input": [chats.url, page], "tokenizer": [tokenizer]}
    packed = execute(PACK, Pack(sequence_length=length, mode=mode), inputs, str(tmp_path / "packed")).dataset
    found = runs_of([row for batch in packed.batches() for row in batch.to_pylist()])
    ((name, (ids, mask)),) = [(name, run) for name, run in found.items() if name not in wanted]
    del found[name]
    assert found == wanted
    assert not {ids[0]} & {run[0][0] for run in wanted.values()}  # of the page, text that looks like a token is text
    assert mask == [1] * len(ids)
    counted = packed.statistics
    assert counted["tokens"] == sum(len(ids) for ids, _ in wanted.values()) + len(ids)
    assert counted["tokens_in_loss"] == sum(sum(mask) for _, mask in wanted.values()) + len(ids)
    assert {entry["source"] for entry in counted["sources"]} == {"s0", "s1", "given"}


def test_texts_come_back_and_ids_are_apart(tmp_path: Path, given: str) -> None:
    chats = execute(STAGE, RenderChat(thinking="both"), {"input": [given]}, str(tmp_path / "chats")).dataset
    documents = documents_of(chats)
    assert len({document.id for document in documents}) == len(documents) == chats.counts["created"]
    by_id = {conversation.id: conversation for conversation in conversations()}
    for document in documents:
        metadata = document.metadata
        assert metadata is not None
        assert document.source == by_id[metadata["conversation"]].source
        back = parse(document.text, metadata["chat"])
        users = [message.content for message in by_id[metadata["conversation"]].messages if message.role == "user"]
        # A direct row says so after each of its user messages.
        mark = "/nothink" if "chat_marks" in metadata else ""
        told = [message.content for message in back.messages if message.role == "user"]
        asked = users[: int(metadata["turn"]) + 1]
        assert told in (asked, [f"{user}{mark}" for user in asked])
        loss = [text for text, in_loss in pieces_of(document.text, json.loads(metadata["chat_loss"])) if in_loss]
        assert loss[-1].endswith(("<|endoftext|>", "<|user|>", "<|observation|>"))
        assert document.text.endswith(loss[-1])


def test_no_conversation_is_called_as_another_ones_row(tmp_path: Path) -> None:
    names = ["x", "x-direct", "x#0", "x#0-direct", "x#0#0-direct"]
    messages = [Message("user", "hi"), Message("assistant", "ho", "so it is")]
    talks = [Conversation(name, messages, "s") for name in names]
    url = dataset_of("Conversation", talks, str(tmp_path / "talks"))
    for rows in ("turn", "conversation"):
        for thinking in ("given", "direct", "both"):
            config = RenderChat(rows=rows, thinking=thinking)  # type: ignore[arg-type]
            made = documents_of(execute(STAGE, config, {"input": [url]}, str(tmp_path / f"{rows}-{thinking}")).dataset)
            assert len(made) == len(names) * (2 if thinking == "both" else 1)
            assert len({document.id for document in made}) == len(made)
            for document in made:  # and an id leads back to its conversation alone
                assert document.metadata is not None
                named = TURN.sub("", document.id) if config.numbered else document.id
                assert named == document.metadata["conversation"]


def loss_of(document: Document) -> str:
    assert document.metadata is not None
    spans_in_loss = json.loads(document.metadata["chat_loss"])
    return "".join(text for text, in_loss in pieces_of(document.text, spans_in_loss) if in_loss)


def test_the_fewest_rows_lose_no_reasoning(tmp_path: Path, given: str) -> None:
    """Whole conversations where their earlier turns do not reason, and end in an answer; turns else."""
    made = documents_of(execute(STAGE, RenderChat(rows="fewest"), {"input": [given]}, str(tmp_path / "fewest")).dataset)
    turns = documents_of(execute(STAGE, RenderChat(), {"input": [given]}, str(tmp_path / "turns")).dataset)
    rows: dict[str, list[Document]] = defaultdict(list)
    for document in made:
        assert document.metadata is not None
        rows[document.metadata["conversation"]].append(document)
    loss: dict[str, list[str]] = defaultdict(list)
    for document in turns:
        assert document.metadata is not None
        loss[document.metadata["conversation"]].append(loss_of(document))
    whole = set()
    for conversation in conversations()[:-1]:
        last = max(place for place, m in enumerate(conversation.messages) if m.role == "user")
        loses = any(m.reasoning for m in conversation.messages[:last])
        its_turns = sum(m.role == "user" for m in conversation.messages)
        assert len(rows[conversation.id]) == (its_turns if loses else 1)
        if its_turns > 1 and not loses:
            whole.add(conversation.id)
            ((only,),) = [rows[conversation.id]]
            assert only.id == f"{conversation.id}#{its_turns - 1}"
        # The same is in the loss, in the same order, but once rendered.
        assert [loss_of(row) for row in rows[conversation.id]] == (
            loss[conversation.id] if loses else ["".join(loss[conversation.id])]
        )
    assert whole and len(made) < len(turns)
    open_end = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    url = dataset_of("Conversation", [Conversation("open", open_end, "s")], str(tmp_path / "open"))
    (row,) = documents_of(execute(STAGE, RenderChat(rows="fewest"), {"input": [url]}, str(tmp_path / "o")).dataset)
    assert row.id == "open#0"


def packed(folder: str, documents: list[Document], **config: Any) -> tuple[list[dict[str, Any]], dict[str, Outcome]]:
    settings = Pack(**{"sequence_length": 64, **config})
    rows: list[dict[str, Any]] = []
    outcomes: dict[str, Outcome] = {}
    for made in pack_alone(iter([documents_to_batch(documents)]), settings, setup(settings, {"tokenizer": folder})):
        if isinstance(made, tuple):
            outcomes[made[0]] = made[1]
        elif not isinstance(made, Mapping):
            rows += made.to_pylist()
    return rows, outcomes


TEXT = "[gMASK]<sop><|user|>\nhi there<|assistant|>\n<think></think>\nwell now<|endoftext|>"


def chat(name: str, text: str = TEXT, **metadata: str) -> Document:
    start = TEXT.index("\n<think>")
    return Document(
        name, text, "s", metadata={"chat": "glm45", "chat_loss": json.dumps([[start, len(TEXT)]]), **metadata}
    )


def test_all_in_the_loss_where_the_setting_says_so(tokenizer: str) -> None:
    for asked, share in (("all", 1.0), ("assistant", 0.5)):
        rows, outcomes = packed(tokenizer, [chat("c", epoch="2")], chat_loss=asked)
        assert not outcomes
        (segment,) = rows[0]["segments"]
        assert (segment["role"], segment["epoch"]) == ("chat", 2)
        mask = rows[0]["loss_mask"][: segment["length"]]
        assert (sum(mask) == len(mask)) == (share == 1.0)
        assert not sum(rows[0]["loss_mask"][segment["length"] :])


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (chat("c", chat="chatml"), "chat-dialect"), (chat("c", chat_loss="[[5, 2]]"), "chat-loss"),
        (chat("c", chat_loss="[[0, 9999]]"), "chat-loss"), (chat("c", chat_loss="nonsense"), "chat-loss"),
        (chat("c", chat_loss="[[0, 5], [3, 9]]"), "chat-loss"), (chat("c", chat_loss="[[true, 5]]"), "chat-loss"),
        (chat("c", chat_loss="7"), "chat-loss"), (chat("c", chat_loss="[" * 99999), "chat-loss"),
        (chat("c", chat_marks="x"), "chat-marks"), (chat("c", chat_marks="3"), "chat-marks"),
        (chat("c", chat_marks="-1"), "chat-marks"), (chat("c", chat_loss="{}"), "chat-loss"), (chat("c", chat_loss="[[2, 9]]"), "token-boundary"),
        (chat("c", TEXT.replace("\n<think>", " changed\n<think>")), "token-boundary"),
        (chat("c", TEXT.replace("hi", "/nothink")), "special-token"),
    ],
)  # fmt: skip
def test_what_no_stage_of_ours_wrote_is_an_error_of_its_row(tokenizer: str, document: Document, rule: str) -> None:
    rows, outcomes = packed(tokenizer, [document, Document("good", "text", "s")])
    assert {segment["id"] for row in rows for segment in row["segments"]} == {"good"}
    assert outcomes["c"].outcome == "errored"
    assert outcomes["c"].rule == rule


def test_a_tokenizer_without_the_control_tokens_is_a_usage_error(tmp_path: Path, tokenizer: str) -> None:
    spec = json.loads(Path(tokenizer, "tokenizer.json").read_text())
    for token in spec["added_tokens"]:
        token["content"] = token["content"].replace("<tool_call>", "<other>")
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    packed(str(tmp_path), [Document("d", "no chat, no need of them", "s")])
    with pytest.raises(UsageError, match="<tool_call>"):
        packed(str(tmp_path), [chat("c")])


NASTY = [
    "é\u0301",
    "\r\n\r\n",
    "\u2028",
    "  \n ",
    "'s",
    "1234567",
    "</a>",
    "<|x|>",
    "\u200d",
    "\x1c",
    "日本語",
    "_",
    "ſ",
    " ",
    "\t",
    "[MASK",
    "🎈",
]


def test_sections_are_what_the_library_makes_of_the_whole(tokenizer: str) -> None:
    """Of random texts in every place of a rendering: the same ids and mask by sections as in one call."""
    encoder = setup(Pack(), {"tokenizer": tokenizer}).chat
    assert encoder.by_section
    draw = random.Random(7)

    def words() -> str:
        return "".join([*draw.choices([*NASTY, *WORDS], k=draw.randrange(1, 9)), "x", *draw.choices(NASTY, k=3)])

    for number in range(300):
        call = ToolCall("1", "f", json.dumps({"a": words()}))
        chat_ = [Message("system", words()), Message("user", words()), Message("assistant", words(), words(), [call]),
                 Message("tool", words(), tool_call_id="1"), Message("assistant", words(), draw.choice([None, words()]))]  # fmt: skip
        pieces = spans(chat_, [TOOL], ("glm45", "glm47")[number % 2], thinking=None)
        text = "".join(piece for piece, _ in pieces)
        found = encoder.sections(text, pieces, 0)
        whole = ChatTokenizer.load(tokenizer).encode(pieces) if number < 3 else encoder._tokenizer.encode(pieces)
        assert found is not None
        assert found.ids.tolist() == whole.ids.tolist()
        assert found.mask.tolist() == whole.mask.tolist()


@pytest.mark.parametrize(
    "change",
    [{"normalizer": {"type": "NFC"}}, {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}},
     {"lstrip": True}],
)  # fmt: skip
def test_a_tokenizer_that_changes_texts_is_left_to_the_library(
    tmp_path: Path, tokenizer: str, change: dict[str, Any]
) -> None:
    from sequences.pack_chat import ChatEncoder

    spec = json.loads(Path(tokenizer, "tokenizer.json").read_text())
    if "lstrip" in change:
        spec["added_tokens"][-1]["lstrip"] = True
    else:
        spec |= change
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    documents = setup(Pack(), {"tokenizer": tokenizer})
    try:
        encoder = ChatEncoder(str(tmp_path), False, documents, "pre_tokenizer" not in change)
    except UsageError:  # it is refused altogether
        return
    assert not encoder.by_section
    assert encoder.sections(TEXT, [(TEXT, True)], 0) is None


def test_a_row_that_is_not_plain_goes_to_the_library(tokenizer: str) -> None:
    encoder = setup(Pack(), {"tokenizer": tokenizer}).chat
    start = TEXT.index("\n<think>")
    whole = [(TEXT[:start], False), (TEXT[start:], True)]
    assert encoder.sections(TEXT, whole, 0) is not None
    assert encoder.sections(TEXT, whole, 1) is None  # a mark that is not there
    assert encoder.sections(TEXT, [(TEXT[: start - 1], False), (TEXT[start - 1 :], True)], 0) is None
