from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document, documents_to_batch, schema
from arcmill.stage import Outcome, SourceFile, Stage
from sequences import pack_encode
from sequences.pack import STAGE, Pack, pack_alone, setup
from sequences.pack_encode import DocumentEncoder
from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS
from sequences.tokenizer_checks import byte_letters
from sequences.tokenizer_training import learn, write

TEXT = "The quick brown fox jumps over the lazy dog. def f(x):\n    return x + 1\n\n日本語のテキスト 12345 "
FIM = ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>")
HOSTILE = [
    "<|endoftext|>", "a<|endoftext|>b", "[gMASK]<sop><|user|>\nhi<|assistant|>\n<think></think>", "/nothink",
    "<|code_prefix|>x<|code_suffix|>y<|code_middle|>", "<tool_call>f\n<arg_key>", "<|endoftext|>" * 50,
    "\x00\x01\x1b[31m\x7f", "\ufeff\u200b\u200d\u2028\u202e\ufffd\U0010ffff", "\r\n\r\n\t \v\f",
    "e\u0301\u0301\u0301" * 20,
    "👩\u200d👩\u200d👧\u200d👦🏽", "نص عربي\u200f و עברית", "' OR 1=1; --",
    "<script>alert(1)</script>", "$(rm -rf /)", "%s%n{0}\\u0000",
    "1" * 1000, "=" * 1000, " " * 1000 + "x", "\n" * 1000 + "x", "ß" * 999, "K\u0130ı", "null", "NaN",
]  # fmt: skip


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = learn(iter([TEXT * 20]), 420, 2)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in STRUCTURE_TOKENS])
    write(tokenizer, folder)
    return str(folder)


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: str) -> Tokenizer:
    return Tokenizer.from_file(f"{tokenizer_folder}/tokenizer.json")


def document(name: str, text: str, **rest: Any) -> Document:
    return Document(name, text, rest.pop("source", "web"), **rest)


def packed(
    folder: str, documents: list[Document], batch: int = 3, **config: Any
) -> tuple[list[dict[str, Any]], dict[str, Outcome]]:
    """The rows, and the outcome of every document that is in none."""
    settings = Pack(**{"sequence_length": 16, **config})
    batches = (documents_to_batch(documents[n : n + batch]) for n in range(0, len(documents), batch))
    rows: list[dict[str, Any]] = []
    outcomes: dict[str, Outcome] = {}
    for made in pack_alone(batches, settings, setup(settings, {"tokenizer": folder})):
        if isinstance(made, tuple):
            assert made[0] not in outcomes
            outcomes[made[0]] = made[1]
        elif not isinstance(made, Mapping):
            assert made.schema == schema("Sequence")
            made.validate(full=True)
            rows += made.to_pylist()
    return rows, outcomes


def assembled(rows: list[dict[str, Any]], length: int, pad: int) -> dict[tuple[str, int], list[int]]:
    """The tokens of each (id, epoch), put together from its segments; holds what every row must hold."""
    pieces: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(dict)
    for row in rows:
        assert len(row["input_ids"]) == len(row["loss_mask"]) == length
        end = 0
        for segment in row["segments"]:
            assert segment["start"] == end
            assert segment["length"] > 0
            end += segment["length"]
            of = pieces[segment["id"], segment["epoch"]]
            assert segment["offset"] not in of
            of[segment["offset"]] = row["input_ids"][segment["start"] : end]
        assert row["loss_mask"] == [1] * end + [0] * (length - end)
        assert row["input_ids"][end:] == [pad] * (length - end)
    whole = {}
    for key, of in pieces.items():
        tokens: list[int] = []
        for offset in sorted(of):
            assert offset == len(tokens)
            tokens += of[offset]
        whole[key] = tokens
    return whole


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    spec = json.loads(tokenizer.to_str())
    return Tokenizer.from_str(json.dumps({**spec, "added_tokens": []})).encode(text).ids  # type: ignore[no-any-return]


@pytest.fixture
def eos(tokenizer: Tokenizer) -> int:
    return int(tokenizer.token_to_id("<|endoftext|>"))


LAYOUTS = [
    {"mode": "concat"},
    {"mode": "concat", "shuffle": False},
    {"mode": "best_fit"},
    {"mode": "best_fit", "shuffle": False},
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("length", [2, 16, 333])
def test_every_token_of_every_document_once(
    tokenizer_folder: str, tokenizer: Tokenizer, eos: int, layout: dict[str, Any], length: int
) -> None:
    draw = random.Random(length)
    documents = [document(f"d{n}", TEXT[: draw.randrange(1, 70)] * draw.randrange(1, 4)) for n in range(60)]
    rows, outcomes = packed(tokenizer_folder, documents, sequence_length=length, **layout)
    assert not outcomes
    expected = {(d.id, 0): [*ids(tokenizer, d.text), eos] for d in documents}
    assert assembled(rows, length, eos) == expected
    if layout["mode"] == "concat":
        tokens = sum(map(len, expected.values()))
        assert len(rows) == -(-tokens // length)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(max_size=60), max_size=12),
    length=st.integers(2, 40),
    seed=st.integers(0, 5),
    layout=st.sampled_from(LAYOUTS),
    add_eos=st.booleans(),
)
def test_any_text_is_exact(
    tokenizer_folder: str, tokenizer: Tokenizer, texts: list[str], length: int, seed: int,
    layout: dict[str, Any], add_eos: bool,
) -> None:  # fmt: skip
    documents = [document(str(n), text) for n, text in enumerate(texts)]
    rows, outcomes = packed(tokenizer_folder, documents, sequence_length=length, seed=seed, add_eos=add_eos, **layout)
    eos = tokenizer.token_to_id("<|endoftext|>")
    whole = assembled(rows, length, eos)
    for each in documents:
        if not each.text.strip():
            assert outcomes[each.id].rule == "empty"
            assert (each.id, 0) not in whole
        else:
            tokens = whole[each.id, 0]
            assert tokenizer.decode(tokens[: len(tokens) - add_eos], skip_special_tokens=False) == each.text
    assert len(whole) + len(outcomes) == len(documents)


def test_control_tokens_in_a_page_are_text(tokenizer_folder: str, tokenizer: Tokenizer, eos: int) -> None:
    control = {tokenizer.token_to_id(token) for token in (*SPECIAL_TOKENS, *STRUCTURE_TOKENS)}
    rows, outcomes = packed(tokenizer_folder, [document(str(n), text) for n, text in enumerate(HOSTILE)])
    assert {number: outcome.rule for number, outcome in outcomes.items()} == {
        str(HOSTILE.index("\r\n\r\n\t \v\f")): "empty"
    }
    for (name, _), tokens in assembled(rows, 16, eos).items():
        assert tokens[-1] == eos
        assert not control & set(tokens[:-1])
        assert tokenizer.decode(tokens[:-1], skip_special_tokens=False) == HOSTILE[int(name)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_batches_do_not_show(tokenizer_folder: str, layout: dict[str, Any]) -> None:
    documents = [document(f"d{n}", TEXT[: n % 50 + 1]) for n in range(80)]
    made = [packed(tokenizer_folder, documents, batch=size, **layout) for size in (1, 7, 80)]
    assert made[0] == made[1] == made[2]


def test_groups_of_the_encoder_do_not_show(tokenizer_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [document(f"d{n}", TEXT[: n % 50 + 1]) for n in range(80)]
    expected = packed(tokenizer_folder, documents, batch=80)
    monkeypatch.setattr(pack_encode, "GROUP", 40)
    assert packed(tokenizer_folder, documents, batch=80) == expected


def test_threads_of_the_library_stay_off_and_do_not_show(
    tokenizer_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    documents = [document(f"d{n}", TEXT * 9) for n in range(40)]
    expected = packed(tokenizer_folder, documents)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
    assert packed(tokenizer_folder, documents) == expected
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
    if before:
        assert len(os.listdir("/proc/self/task")) == before


@pytest.mark.parametrize("mode", ["concat", "best_fit"])
def test_order_of_rows_does_not_show_when_shuffled(tokenizer_folder: str, mode: str) -> None:
    documents = [document(f"d{n}", TEXT[: n % 50 + 1]) for n in range(80)]
    assert packed(tokenizer_folder, documents, mode=mode) == packed(tokenizer_folder, documents[::-1], mode=mode)


def test_seed_moves_the_cut_of_a_single_document(tokenizer_folder: str) -> None:
    cuts = set()
    for seed in range(12):
        rows, _ = packed(tokenizer_folder, [document("d", TEXT * 3)], seed=seed)
        cuts.add(rows[0]["segments"][0]["offset"])
    assert len(cuts) > 5
    assert max(cuts) < 16


def test_seed_turns_the_order(tokenizer_folder: str) -> None:
    documents = [document(f"d{n}", "x") for n in range(30)]

    def order(seed: int) -> list[str]:
        rows, _ = packed(tokenizer_folder, documents, seed=seed)
        return [segment["id"] for row in rows for segment in row["segments"]]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_epochs_of_a_document_are_apart(tokenizer_folder: str, tokenizer: Tokenizer, eos: int) -> None:
    documents = [document("d", TEXT, metadata={"epoch": str(epoch), "a": "b"}) for epoch in range(3)]
    rows, _ = packed(tokenizer_folder, documents)
    tokens = [*ids(tokenizer, TEXT), eos]
    assert assembled(rows, 16, eos) == {("d", epoch): tokens for epoch in range(3)}


def test_each_epoch_has_an_order_of_its_own(tokenizer_folder: str) -> None:
    documents = [document(f"d{n}", "x", metadata={"epoch": str(epoch)}) for n in range(30) for epoch in (0, 1)]
    rows, _ = packed(tokenizer_folder, documents, mode="best_fit")
    order: dict[int, list[str]] = {0: [], 1: []}
    for row in rows:
        for segment in row["segments"]:
            if segment["offset"] == 0:
                order[segment["epoch"]].append(segment["id"])
    assert sorted(order[0]) == sorted(order[1])
    assert order[0] != order[1]


def test_a_broken_epoch_is_an_error(tokenizer_folder: str) -> None:
    documents = [
        document(value, "text", metadata={"epoch": value}) for value in ("-1", "one", "²", "1.5", "9" * 20, "9" * 5000)
    ]
    rows, outcomes = packed(tokenizer_folder, documents)
    assert not rows
    assert {(o.rule, o.outcome) for o in outcomes.values()} == {("epoch", "errored")}


def test_segments_name_source_bucket_and_role(tokenizer_folder: str) -> None:
    rows, _ = packed(
        tokenizer_folder,
        [document("a", "x", source="books", quality_bucket=3), document("b", "y")],
        shuffle=False,
    )
    found = {s["id"]: (s["source"], s["bucket"], s["epoch"], s["role"]) for row in rows for s in row["segments"]}
    assert found == {"a": ("books", 3, 0, "document"), "b": ("web", None, 0, "document")}


def test_empty_and_short_documents_are_dropped(tokenizer_folder: str) -> None:
    documents = [document("e", ""), document("w", " \n\t"), document("s", "Z"), document("l", TEXT)]
    rows, outcomes = packed(tokenizer_folder, documents, min_document_tokens=2)
    assert {name: (o.rule, o.outcome, o.score, o.threshold) for name, o in outcomes.items()} == {
        "e": ("empty", "dropped", None, None),
        "w": ("empty", "dropped", None, None),
        "s": ("too_few_tokens", "dropped", 1.0, 2.0),
    }
    assert {segment["id"] for row in rows for segment in row["segments"]} == {"l"}
    assert packed(tokenizer_folder, []) == ([], {})


def test_text_that_is_not_utf8_is_an_error_of_its_row(tokenizer_folder: str) -> None:
    good = documents_to_batch([document("good", "text"), document("bad", "xxx"), document("fine", "more")])
    data = b"text" + b"\xed\xa0\x80" + b"more"  # a lone surrogate
    offsets = pa.array([0, 4, 7, 11], pa.int64()).buffers()[1]
    broken = pa.Array.from_buffers(pa.large_string(), 3, [None, offsets, pa.py_buffer(data)])
    batch = good.set_column(1, good.schema.field("text"), broken)
    config = Pack(sequence_length=16)
    made = list(pack_alone(iter([batch]), config, setup(config, {"tokenizer": tokenizer_folder})))
    errors = [item for item in made if isinstance(item, tuple)]
    assert [(name, outcome.rule, outcome.outcome) for name, outcome in errors] == [("bad", "not_utf8", "errored")]
    rows = [row for item in made if isinstance(item, pa.RecordBatch) for row in item.to_pylist()]
    assert {segment["id"] for row in rows for segment in row["segments"]} == {"good", "fine"}


def test_fim_documents_keep_their_control_tokens(tokenizer_folder: str, tokenizer: Tokenizer, eos: int) -> None:
    prefix, suffix, middle = (tokenizer.token_to_id(token) for token in FIM)
    text = f"{FIM[0]}def f():{FIM[1]}\n<think>{FIM[2]}    return 1"
    rows, outcomes = packed(tokenizer_folder, [document("d", text, metadata={"fim": "psm"})])
    assert not outcomes
    assert assembled(rows, 16, eos)["d", 0] == [
        prefix, *ids(tokenizer, "def f():"), suffix, *ids(tokenizer, "\n<think>"), middle,
        *ids(tokenizer, "    return 1"), eos,
    ]  # fmt: skip
    assert {segment["role"] for row in rows for segment in row["segments"]} == {"fim"}


@pytest.mark.parametrize("text", ["x", f"{FIM[0]}a{FIM[1]}b", f"{FIM[0]}a{FIM[1]}{FIM[0]}b{FIM[2]}"])
def test_a_broken_fim_document_is_an_error(tokenizer_folder: str, text: str) -> None:
    rows, outcomes = packed(tokenizer_folder, [document("d", text, metadata={"fim": "psm"})])
    assert not rows
    assert (outcomes["d"].rule, outcomes["d"].outcome) == ("fim_tokens", "errored")


@pytest.mark.parametrize(
    "text",
    [
        TEXT * 300,
        "a" * 20000,
        "日本語" * 5000,
        (" " * 50 + "word") * 300,
        "\n" * 20000,
        "x\r\n\r\n  y" * 2000,
    ],
)
def test_long_text_in_pieces_is_the_same_text(
    tokenizer_folder: str, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    whole = ids(tokenizer, text)
    monkeypatch.setattr(pack_encode, "PIECE", 1000)
    monkeypatch.setattr(pack_encode, "GROUP", 2500)
    encoder = setup(Pack(), {"tokenizer": tokenizer_folder})
    parts = encoder.parts(text)
    assert isinstance(parts, list)
    assert len(parts) > 10
    (made,) = encoder.encode([parts])
    assert not isinstance(made, Outcome)
    assert tokenizer.decode(made[:-1].tolist()) == text
    if " " in text and "y" not in text:  # words or lines to cut at: the very same tokens
        assert made[:-1].tolist() == whole


def test_a_long_text_is_cut_where_a_tokenizer_without_a_plan_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GPT-2's words with a normaliser and tokens of white space, as GPT-NeoX: two line feeds are one word at the end of a text."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["\n\n " * 50], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_special_tokens(["<|endoftext|>"])
    made.add_tokens(["   "])
    made.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(pack_encode, "PIECE", 100)
    text = "some words\n\nand more of them\n\n12\n\n34.\n56\n\n" * 40
    whole = made.encode(text, add_special_tokens=False).ids
    encoder = setup(Pack(), {"tokenizer": str(tmp_path)})
    parts = encoder.parts(text)
    assert isinstance(parts, list)
    assert len(parts) > 10
    (ids,) = encoder.encode([parts])
    assert not isinstance(ids, Outcome)
    assert ids[:-1].tolist() == whole


def test_text_tokens_keep_their_ids_without_the_control_tokens_before_them(tmp_path: Path) -> None:
    """The library numbers added tokens anew: white space behind control tokens would get the ids of these."""
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(byte_letters())}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|endoftext|>", "<|user|>"])
    made.add_tokens(["  ", "   ", "    ", "     "])
    made.save(str(tmp_path / "tokenizer.json"))
    encoder = setup(Pack(), {"tokenizer": str(tmp_path)})
    for text in ("a  b", "a   b", "a    b     c"):
        parts = encoder.parts(text)
        assert isinstance(parts, list)
        (ids,) = encoder.encode([parts])
        assert not isinstance(ids, Outcome)
        assert ids[:-1].tolist() == made.encode(text).ids


def test_settings_stored_with_a_tokenizer_do_not_act(
    tokenizer_folder: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    other = Tokenizer.from_str(tokenizer.to_str())
    other.enable_truncation(5)
    other.enable_padding(length=50)
    sop = ("<sop>", other.token_to_id("<sop>"))
    other.post_processor = processors.TemplateProcessing("<sop> $A", special_tokens=[sop])
    other.save(str(tmp_path / "tokenizer.json"))
    documents = [document("d", TEXT)]
    assert packed(str(tmp_path), documents) == packed(tokenizer_folder, documents)


def test_characters_that_a_tokenizer_cannot_hold_are_an_error(tmp_path: Path) -> None:
    letters = {sign: number for number, sign in enumerate(("[UNK]", "<|endoftext|>", *"know "))}
    poor = Tokenizer(models.BPE(letters, [], unk_token="[UNK]"))
    poor.decoder = decoders.Fuse()
    poor.save(str(tmp_path / "tokenizer.json"))
    rows, outcomes = packed(str(tmp_path), [document("a", "known known"), document("b", "known unheard")])
    assert {name: outcome.rule for name, outcome in outcomes.items()} == {"b": "control_token"}
    assert sum(sum(row["loss_mask"]) for row in rows) == len("known known") + 1


def test_a_folder_without_a_tokenizer_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        setup(Pack(), {"tokenizer": str(tmp_path)})
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"not a tokenizer\.json"):
        setup(Pack(), {"tokenizer": str(tmp_path)})


def test_a_token_that_the_tokenizer_lacks_is_a_usage_error(tokenizer_folder: str) -> None:
    with pytest.raises(UsageError, match="eos_token '<eos>'"):
        setup(Pack(eos_token="<eos>"), {"tokenizer": tokenizer_folder})
    with pytest.raises(UsageError, match="pad_token '<pad>'"):
        setup(Pack(pad_token="<pad>"), {"tokenizer": tokenizer_folder})


def test_dropout_is_refused(tokenizer_folder: str, tmp_path: Path) -> None:
    spec = json.loads(Path(tokenizer_folder, "tokenizer.json").read_text())
    spec["model"]["dropout"] = 0.1
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(UsageError, match="dropout"):
        DocumentEncoder.load(str(tmp_path), eos=None, pad="<|endoftext|>", fim=())


def test_padding_has_its_own_token(tokenizer_folder: str, tokenizer: Tokenizer) -> None:
    rows, _ = packed(tokenizer_folder, [document("d", "x")], pad_token="[MASK]", add_eos=False)
    assert rows[0]["input_ids"][-1] == tokenizer.token_to_id("[MASK]")
    assert sum(rows[0]["loss_mask"]) == 1


def test_best_fit_cuts_only_what_is_too_long(tokenizer_folder: str, eos: int) -> None:
    draw = random.Random(0)
    documents = [document(f"d{n}", TEXT * draw.randrange(1, 9)) for n in range(60)]
    rows, _ = packed(tokenizer_folder, documents, sequence_length=64, mode="best_fit")
    runs: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        for segment in row["segments"]:
            runs[segment["id"]].append(segment["length"])
    assert any(len(lengths) > 1 for lengths in runs.values())
    for lengths in runs.values():
        assert sorted(lengths)[1:] == [64] * (len(lengths) - 1)


def lines(file: SourceFile, config: StageConfig) -> Iterator[Document]:
    with file.open() as stream:
        for line in stream:
            yield Document(**json.loads(line))


LINES = Stage(
    name="read-lines", version=1, help="Read lines.", config=StageConfig, reads={"input": "Files"},
    writes="Document", engine="datatrove", core=lines, accepts=(".jsonl",),
)  # fmt: skip


def test_through_the_engine(tmp_path: Path, tokenizer_folder: str) -> None:
    from sequences.tokenizer import STAGE as TRAIN
    from sequences.tokenizer import TrainTokenizer

    for name in "ab":
        rows = [{"id": f"{name}{n}", "text": TEXT[n % 40 :] * (n % 5), "source": name} for n in range(300)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = {
        "input": [str(tmp_path / "documents")],
        "tokenizer": [str(tmp_path / "tokenizer")],
    }
    files = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    execute(LINES, StageConfig(part_bytes=20_000), {"input": files}, made["input"][0])
    execute(TRAIN, TrainTokenizer(vocab_size=600), {"input": made["input"]}, made["tokenizer"][0])
    digests = set()
    for workers in (1, 2):
        config = Pack(sequence_length=64)
        result = execute(STAGE, config, made, str(tmp_path / f"packed{workers}"), workers=workers)
        digests.add(json.dumps(result.dataset.manifest, sort_keys=True))
    assert len(digests) == 1
    dataset = Dataset.open(str(tmp_path / "packed1"))
    assert dataset.counts["in"] == 600
    assert dataset.counts["dropped"] == 120
    assert dataset.counts["kept"] == 480
    assert dataset.counts["created"] == dataset.rows > 0
    assert list(dataset.problems()) == []
