from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from arcmill.config import StageConfig, validate
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document, batch_to_documents, documents_to_batch
from arcmill.stage import SourceFile, Stage
from sequences.fim.context import continuing, restore_run
from sequences.fim.sentinels import SETS, restore
from sequences.fim.stage import FormatFim
from sequences.fim.stage import core as format_fim
from sequences.fim.stage import setup as set_up_fim
from sequences.pack import STAGE, Pack, pack_alone, setup
from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS, TrainTokenizer
from sequences.tokenizer import STAGE as TRAIN
from sequences.tokenizer_training import learn, write

TEXT = "def f(x):\n    return x + 1  # 日本語のテキスト 😀 ü\n\nclass A:\n    pass\n"
LAYOUTS = [{"mode": mode, "shuffle": shuffle} for mode in ("concat", "best_fit") for shuffle in (True, False)]
ALL = {"rate": 1.0, "min_tokens": 1}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("context-tokenizer")
    tokenizer = learn(iter(["def f(x): return x + 1 class pass " * 20]), 300, 2)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in STRUCTURE_TOKENS])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for name in SETS for token in SETS[name].tokens])
    write(tokenizer, made)
    return str(made)


@pytest.fixture(scope="session")
def tokenizer(folder: str) -> Tokenizer:
    return Tokenizer.from_file(f"{folder}/tokenizer.json")


def code(name: str, text: str, **metadata: str) -> Document:
    return Document(name, text, "code", metadata={"programming_language": "python", **metadata})


def packed(
    folder: str, documents: list[Document], fim: dict[str, Any], batch: int = 5, **config: Any
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows, and what was counted."""
    settings = validate(Pack, {"sequence_length": 32, **config, "context_fim": fim}, "pack")
    rows: list[dict[str, Any]] = []
    tallies: Counter[str] = Counter()
    batches = (documents_to_batch(documents[n : n + batch]) for n in range(0, len(documents), batch))
    for made in pack_alone(batches, settings, setup(settings, {"tokenizer": folder})):
        if isinstance(made, Mapping):
            tallies.update({key: count for key, count in made.items() if key.startswith("context_fim.")})
        elif not isinstance(made, tuple):
            made.validate(full=True)
            rows += made.to_pylist()
    return rows, tallies


def runs(
    rows: list[dict[str, Any]], length: int, tokenizer: Tokenizer, name: str = "glm"
) -> dict[tuple[str, int], list[tuple[int, str, list[int], list[int]]]]:
    """By document: (offset, role, tokens as they stand, the document's tokens) of its segments, in order."""
    eos = tokenizer.token_to_id("<|endoftext|>")
    sentinels = tuple(tokenizer.token_to_id(token) for token in SETS[name].tokens)
    found = defaultdict(list)
    for row in rows:
        assert len(row["input_ids"]) == len(row["loss_mask"]) == length
        end = 0
        for segment in row["segments"]:
            assert segment["start"] == end
            end += segment["length"]
            stands = row["input_ids"][segment["start"] : end]
            own = stands
            if segment["role"] in ("psm", "spm"):
                own = restore_run(np.array(stands, np.int32), sentinels, eos).tolist()  # type: ignore[arg-type]
                assert len(own) == len(stands) - 3
            assert segment["role"] == "fim" or not set(own) & set(sentinels)
            found[segment["id"], segment["epoch"]].append((segment["offset"], segment["role"], stands, own))
        assert row["loss_mask"] == [1] * end + [0] * (length - end)
        assert row["input_ids"][end:] == [eos] * (length - end)
    for held in found.values():
        held.sort()
        at = 0
        for offset, _, _, own in held:
            assert offset == at  # each token once: the runs follow one another without a gap
            at += len(own)
    return found


def whole(held: list[tuple[int, str, list[int], list[int]]]) -> list[int]:
    return [token for *_, own in held for token in own]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("length", [5, 16, 32, 333])
def test_every_token_of_every_document_once(
    folder: str, tokenizer: Tokenizer, layout: dict[str, Any], length: int
) -> None:
    draw = random.Random(length)
    documents = [code(f"d{n}", TEXT[draw.randrange(20) :] * draw.randrange(1, 4)) for n in range(40)]
    documents += [Document(f"p{n}", TEXT, "web") for n in range(10)]
    plain = runs(packed(folder, documents, {}, sequence_length=length, **layout)[0], length, tokenizer)
    rows, tallies = packed(folder, documents, ALL, sequence_length=length, **layout)
    found = runs(rows, length, tokenizer)
    assert {key: whole(held) for key, held in found.items()} == {key: whole(held) for key, held in plain.items()}
    roles = Counter(role for held in found.values() for _, role, *_ in held)
    assert min(roles["psm"], roles["spm"]) > 5
    assert {role for key, held in found.items() for _, role, *_ in held if key[0][0] == "p"} == {"document"}
    assert tallies["context_fim.psm"] == roles["psm"] and tallies["context_fim.spm"] == roles["spm"]
    eos = tokenizer.token_to_id("<|endoftext|>")
    assert all(held[-1][2][-1] == eos for held in found.values())  # what closes a document stays behind its middle
    if layout["mode"] == "concat":
        assert sum(row["loss_mask"][-1] == 0 for row in rows) <= 1


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(st.text(min_size=1, max_size=50), max_size=8),
    length=st.integers(2, 40),
    layout=st.sampled_from(LAYOUTS),
    name=st.sampled_from(list(SETS)),
    fim=st.fixed_dictionaries(
        {
            "rate": st.sampled_from([0.5, 1.0]),
            "spm_share": st.sampled_from([0.0, 0.5, 1.0]),
            "min_tokens": st.integers(1, 6),
            "max_span": st.sampled_from([None, 1, 5]),
            "spm_order": st.sampled_from([None, "joined", "suffix_first"]),
        }
    ),
    add_eos=st.booleans(),
)
def test_any_text_is_exact(
    folder: str, tokenizer: Tokenizer, texts: list[str], length: int, layout: dict[str, Any], name: str,
    fim: dict[str, Any], add_eos: bool,
) -> None:  # fmt: skip
    documents = [code(str(n), text) for n, text in enumerate(texts)]
    rows, _ = packed(
        folder, documents, fim, sequence_length=length, fim_tokens=name, add_eos=add_eos, seed=len(texts), **layout
    )
    found = runs(rows, length, tokenizer, name)
    for each in documents:
        if each.text.strip():
            tokens = whole(found[each.id, 0])
            assert tokenizer.decode(tokens[: len(tokens) - add_eos], skip_special_tokens=False) == each.text


def test_no_cut_lies_inside_a_character(folder: str, tokenizer: Tokenizer) -> None:
    sentinels = {tokenizer.token_to_id(token) for token in SETS["glm"].tokens}
    documents = [code(str(n), "日本語😀ü" * 3) for n in range(60)]  # each character is several tokens
    rows, _ = packed(folder, documents, {**ALL, "spm_order": "suffix_first"}, sequence_length=200, mode="best_fit")
    parts = 0
    for held in runs(rows, 200, tokenizer).values():
        ((_, role, stands, _),) = held
        assert role in ("psm", "spm")
        piece: list[int] = []
        for token in [*stands[:-1], stands[0]]:
            if token in sentinels:
                assert "\ufffd" not in tokenizer.decode(piece)
                parts += bool(piece)
                piece = []
            else:
                piece.append(token)
    assert parts > 150


def test_orders_of_the_parts(folder: str, tokenizer: Tokenizer) -> None:
    pre, suf, mid = (tokenizer.token_to_id(token) for token in SETS["glm"].tokens)
    documents = [code(str(n), TEXT) for n in range(40)]
    for order, first in (("suffix_first", [suf]), ("joined", [pre, suf])):
        rows, _ = packed(folder, documents, {**ALL, "spm_order": order}, sequence_length=300, mode="best_fit")
        for held in runs(rows, 300, tokenizer).values():
            ((_, role, stands, _),) = held
            assert stands[: len(first)] == first if role == "spm" else stands[0] == pre
            assert stands.index(mid) > max(stands.index(pre), stands.index(suf))


def test_rates_and_languages(folder: str, tokenizer: Tokenizer) -> None:
    documents = [code(f"d{n}", TEXT) for n in range(600)]
    rows, tallies = packed(folder, documents, {"rate": 0.4, "spm_share": 0.25}, sequence_length=256, mode="best_fit")
    held = runs(rows, 256, tokenizer)
    roles = Counter(role for each in held.values() for _, role, *_ in each)
    assert abs(roles["psm"] + roles["spm"] - 240) < 4 * (600 * 0.24) ** 0.5
    assert abs(roles["spm"] - 60) < 4 * (240 * 0.1875) ** 0.5
    assert tallies["context_fim.runs"] == roles["psm"] + roles["spm"]
    assert not packed(folder, documents, {**ALL, "languages": ["go"]}, sequence_length=256)[1]
    assert packed(folder, documents, {**ALL, "min_tokens": 300}, sequence_length=256)[1] == {}


def test_documents_that_were_rearranged_before_are_not_again(folder: str, tokenizer: Tokenizer) -> None:
    marks = SETS["glm"]
    text = f"{marks.prefix}def f():{marks.suffix}\n{marks.middle}    return 1"
    rows, tallies = packed(folder, [code("d", text, fim="psm")], ALL, sequence_length=64, mode="best_fit")
    assert [segment["role"] for row in rows for segment in row["segments"]] == ["fim"]
    assert not tallies


def test_without_a_rate_nothing_changes(folder: str) -> None:
    documents = [code(f"d{n}", TEXT) for n in range(9)]
    prose = [Document(each.id, each.text, each.source) for each in documents]
    assert packed(folder, documents, {}) == packed(folder, prose, ALL)


@pytest.mark.parametrize("mode", ["concat", "best_fit"])
def test_neither_batches_nor_the_order_of_rows_show(folder: str, mode: str) -> None:
    documents = [code(f"d{n}", TEXT[n % 30 :]) for n in range(50)]
    expected = packed(folder, documents, ALL, mode=mode)
    assert packed(folder, documents, ALL, batch=1, mode=mode) == expected
    assert packed(folder, documents[::-1], ALL, mode=mode) == expected


def test_epochs_are_cut_apart(folder: str, tokenizer: Tokenizer) -> None:
    documents = [code("d", TEXT, epoch=str(epoch)) for epoch in range(4)]
    rows, _ = packed(folder, documents, ALL, sequence_length=256, mode="best_fit")
    held = runs(rows, 256, tokenizer)
    assert len(held) == 4
    assert len({tuple(each[0][2]) for each in held.values()}) == 4


def lines(file: SourceFile, config: StageConfig) -> Iterator[Document]:
    with file.open() as stream:
        for line in stream:
            yield code(**json.loads(line))


LINES = Stage(
    name="read-lines", version=1, help="Read lines.", config=StageConfig, reads={"input": "Files"},
    writes="Document", engine="datatrove", core=lines, accepts=(".jsonl",),
)  # fmt: skip


def test_through_the_engine_with_statistics(tmp_path: Path) -> None:
    file, made, model = (str(tmp_path / name) for name in ("a.jsonl", "code", "tokenizer"))
    Path(file).write_text("\n".join(json.dumps({"name": f"d{n}", "text": TEXT}) for n in range(50)))
    execute(LINES, StageConfig(), {"input": [file]}, made)
    execute(TRAIN, TrainTokenizer(vocab_size=600), {"input": [made]}, model)
    config = validate(Pack, {"sequence_length": 64, "context_fim": {"rate": 1.0}}, "pack")
    dataset = execute(STAGE, config, {"input": [made], "tokenizer": [model]}, str(tmp_path / "packed")).dataset
    assert dataset.statistics["context_fim.runs"] > 20
    assert dataset.counts["kept"] == 50
    assert list(dataset.problems()) == []


def test_a_run_that_is_none_is_refused() -> None:
    for tokens in ([], [1, 5, 6], [1, 5, 2, 6, 3, 7, 3], [5, 1, 2, 3], [3, 1, 2]):
        with pytest.raises(InputError, match="not a fill-in-the-middle run"):
            restore_run(np.array(tokens, np.int32), (1, 2, 3), None)
    assert restore_run(np.array([1, 5, 2, 6, 3, 7, 9], np.int32), (1, 2, 3), 9).tolist() == [5, 7, 6, 9]


def test_tokens_that_begin_inside_a_character(tokenizer: Tokenizer) -> None:
    inside = continuing(tokenizer.get_vocab(), True)
    for text in ("日", "ü", "😀", "\u07ff"):
        tokens = tokenizer.encode(text).ids
        assert [bool(inside[token]) for token in tokens] == [False] + [True] * (len(tokens) - 1)
    assert not inside[tokenizer.encode("def return").ids].any()
    assert continuing({"<0x80>": 0, "<0xBF>": 1, "<0xC0>": 2, "é": 3}, False).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"context_fim": {"rate": 2}}, "rate"), ({"context_fim": {"min_span": 20}}, "min_span 20"),
        ({"context_fim": {"min_span": 3, "max_span": 2}}, "min_span 3"), ({"fim_tokens": "llama"}, "fim_tokens"),
        ({"context_fim": {"rate": 1}, "fim_tokens": ["<a>", "<b>"]}, "three fim_tokens"),
    ],
)  # fmt: skip
def test_a_bad_config_is_told(config: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        validate(Pack, config, "pack")


def test_a_tokenizer_without_the_sentinels_is_a_usage_error(folder: str) -> None:
    config = validate(Pack, {"fim_tokens": ["<a>", "<b>", "<c>"], "context_fim": {"rate": 1}}, "pack")
    with pytest.raises(UsageError, match="fim_tokens '<a>'"):
        setup(config, {"tokenizer": folder})


@pytest.mark.parametrize("name", SETS)
def test_documents_of_format_fim_are_packed_with_their_sentinels(folder: str, tokenizer: Tokenizer, name: str) -> None:
    fim = validate(FormatFim, {"sentinels": name}, "format-fim")
    documents = [code(f"d{n}", TEXT * (n % 3 + 1)) for n in range(20)]
    batch = documents_to_batch(documents)
    for column, values in format_fim(batch, fim, set_up_fim(fim, {})).columns.items():
        place = batch.schema.get_field_index(column)
        batch = batch.set_column(place, batch.schema.field(column), values)
    rows, _ = packed(
        folder, batch_to_documents(batch), {}, sequence_length=2000, mode="best_fit", fim_tokens=name, add_eos=False
    )
    held = runs(rows, 2000, tokenizer, name)
    for each in documents:
        ((_, role, stands, _),) = held[each.id, 0]
        assert role == "fim"
        assert restore(tokenizer.decode(stands, skip_special_tokens=False), SETS[name]) == each.text
