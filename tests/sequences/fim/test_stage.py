from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.config import StageConfig, validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.parts import group_by_bytes
from arcmill.records import Document, documents_to_batch
from arcmill.stage import Changes, SourceFile, Stage
from sequences.fim.nodes import KINDS
from sequences.fim.rearrange import TAG
from sequences.fim.sentinels import SETS, restore
from sequences.fim.stage import STAGE, FormatFim, core, setup

PYTHON = (
    "import os\n\n\ndef f(a, b=2):\n    if a > b:\n        return g(a, h(b))\n    return [x + 1 for x in a]  # ü€😀\n"
)
HOSTILE = [
    "", "x", "é", "\U0001f600", "\r\n", "a\r\nb\r\n", "def f(:\r\n  ((", "\x00\x01\ufeff\u2028", "e\u0301" * 9,
    "👩\u200d👩\u200d👧\u200d👦🏽", "x=" + "1+" * 40_000 + "1", "(" * 9_000, '"""', "<|code_", "<|code_prefix|", "|>",
    " " * 500, "日本語 = 'テキスト'\n" * 20,
]  # fmt: skip


def document(name: str, text: str, language: str | None = "python", **rest: Any) -> Document:
    metadata = {"k": "v", **rest.pop("metadata", {})}
    return Document(
        name, text, "code", metadata=metadata | ({"programming_language": language} if language else {}), **rest
    )


def changed(documents: list[Document] | pa.RecordBatch, **config: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows as they come out, and what was counted."""
    batch = documents if isinstance(documents, pa.RecordBatch) else documents_to_batch(documents)
    checked = validate(FormatFim, config, "test")
    changes: Changes = core(batch, checked, setup(checked, {}))
    assert not changes.outcomes
    for name, values in changes.columns.items():
        kind = batch.schema.field(name).type
        array = values if isinstance(values, pa.Array) else pa.array(values, kind)
        array.validate(full=name != "text")
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), array)
    rows = batch.select(["id", "text", "tags", "metadata"]).cast(
        pa.schema([("id", pa.string()), ("text", pa.large_binary()), ("tags", pa.list_(pa.string())),
                   ("metadata", batch.schema.field("metadata").type)])
    ).to_pylist()  # fmt: skip
    return [{**row, "metadata": dict(row["metadata"] or ())} for row in rows], Counter(changes.tallies)


def by_hand(text: str, row: dict[str, Any], config: FormatFim) -> str:
    """The FIM text that a row's metadata describes."""
    start, end = map(int, row["metadata"]["fim_span"].split(":"))
    marks = config.marks()
    before, middle, after = text[:start], text[start:end], text[end:]
    if row["metadata"]["fim"] == "psm":
        return f"{marks.prefix}{before}{marks.suffix}{after}{marks.middle}{middle}"
    if marks.spm_order == "joined":
        return f"{marks.prefix}{marks.suffix}{after}{marks.middle}{before}{middle}"
    return f"{marks.suffix}{after}{marks.prefix}{before}{marks.middle}{middle}"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("order", [None, "joined", "suffix_first"])
def test_every_text_comes_back_and_is_what_its_metadata_says(name: str, order: str | None) -> None:
    texts = HOSTILE + [PYTHON * (n % 4 + 1) for n in range(30)]
    config = FormatFim(sentinels=name, spm_order=order)  # type: ignore[arg-type]
    rows, tallies = changed([document(f"d{n}", text) for n, text in enumerate(texts)], sentinels=name, spm_order=order)
    for row, text in zip(rows, texts, strict=True):
        after = row["text"].decode()
        if not text:
            assert after == "" and "fim" not in row["metadata"]
        else:
            assert row["metadata"]["fim"] in ("psm", "spm")
            assert after == by_hand(text, row, config)
            assert restore(after, config.marks()) == text
    assert tallies["arranged"] == len(texts) - 1
    assert tallies["left.short"] == 1
    assert {name for name in tallies if name.startswith("kind.")} >= {"kind.characters", "kind.statement"}


SETTINGS = st.fixed_dictionaries(
    {
        "rate": st.sampled_from([0.0, 0.5, 1.0]),
        "spm_share": st.sampled_from([0.0, 0.5, 1.0]),
        "node_share": st.sampled_from([0.0, 0.5, 1.0]),
        "seed": st.integers(0, 3),
        "min_span": st.integers(1, 4),
        "max_span": st.sampled_from([None, 4, 30]),
    }
)
OWN = st.sampled_from([("ab", "bc", "zz"), ("a", "b", "c"), ("aa", "ba", "cc"), ("é", "<", ">")])


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="abcz<>é \n(:=1", max_size=30), max_size=6), config=SETTINGS, own=st.none() | OWN
)
def test_any_text_with_any_sentinels_is_exact_or_left(
    texts: list[str], config: dict[str, Any], own: tuple[str, str, str] | None
) -> None:
    if own is not None:
        config = {**config, "sentinels": "own", "own_sentinels": own}
    checked = FormatFim(**config)
    rows, tallies = changed([document(str(n), text) for n, text in enumerate(texts)], **config)
    for row, text in zip(rows, texts, strict=True):
        after, held = row["text"].decode(), any(token in text for token in checked.marks().tokens)
        if "fim" in row["metadata"]:
            assert not held
            assert after == by_hand(text, row, checked)
            assert restore(after, checked.marks()) == text
            start, end = map(int, row["metadata"]["fim_span"].split(":"))
            assert config["min_span"] <= end - start <= (config["max_span"] or len(text))
        else:
            assert after == text
            tagged = TAG in (row["tags"] or ())
            assert tagged <= held
            if config["rate"] == 1 and len(text) >= config["min_span"]:
                assert tagged == held
    left = sum(count for name, count in tallies.items() if name.startswith("left."))
    assert tallies["documents"] == len(texts) == tallies["arranged"] + left


def test_a_sentinel_that_comes_about_at_a_seam_is_noticed() -> None:
    texts = ["xa" * 5 + "y" + str(n) for n in range(60)]
    config = {"sentinels": "own", "own_sentinels": ["ab", "bc", "zz"], "node_share": 0, "spm_share": 0}
    rows, tallies = changed([document(str(n), text) for n, text in enumerate(texts)], **config)
    assert tallies["left.not_restorable"] > 0 < tallies["arranged"]
    for row, text in zip(rows, texts, strict=True):
        assert "fim" in row["metadata"] or row["text"].decode() == text


def test_documents_that_are_left_alone_say_why() -> None:
    documents = [
        document("prose", PYTHON, None), document("go", PYTHON, "go"), document("done", PYTHON, metadata={"fim": "psm"}),
        document("held", PYTHON + SETS["glm"].suffix, tags=["test", TAG]), document("held2", SETS["glm"].middle),
        document("short", "ab"), document("other", PYTHON + SETS["qwen"].suffix),
    ]  # fmt: skip
    rows, tallies = changed(documents, languages=["python"], min_span=3)
    found = {row["id"]: row for row in rows}
    for each in documents[:-1]:
        assert found[each.id]["text"].decode() == each.text
        assert found[each.id]["metadata"] == each.metadata
    assert "fim" in found["other"]["metadata"]
    assert found["held"]["tags"] == ["test", TAG] and found["held2"]["tags"] == [TAG]
    assert found["short"]["tags"] is None
    assert {name: count for name, count in tallies.items() if name.startswith("left.")} == {
        "left.no_language": 1, "left.other_language": 1, "left.arranged_before": 1, "left.sentinel_in_text": 2,
        "left.short": 1,
    }  # fmt: skip
    assert (tallies["documents"], tallies["arranged"], tallies["language.python"]) == (7, 1, 1)


def test_text_that_is_not_utf8_stays_byte_for_byte() -> None:
    batch = documents_to_batch([document("a", "text"), document("b", "xxx"), document("c", PYTHON)])
    data = b"text" + b"\xed\xa0\x80" + PYTHON.encode()  # a lone surrogate
    offsets = pa.array([0, 4, 7, len(data)], pa.int64()).buffers()[1]
    broken = pa.Array.from_buffers(pa.large_string(), 3, [None, offsets, pa.py_buffer(data)])
    rows, tallies = changed(batch.set_column(1, batch.schema.field("text"), broken))
    assert rows[1]["text"] == b"\xed\xa0\x80" and "fim" not in rows[1]["metadata"]
    assert restore(rows[2]["text"].decode(), SETS["glm"]) == PYTHON
    assert tallies["left.not_utf8"] == 1 and tallies["arranged"] == 2


def test_large_files_and_other_languages_get_spans_of_characters() -> None:
    documents = [document("large", PYTHON * 9), document("haskell", PYTHON, "haskell"), document("none", "\n \n")]
    rows, tallies = changed(documents, node_share=1.0, max_parse_bytes=500)
    assert [row["metadata"]["fim_kind"] for row in rows] == ["characters"] * 3
    assert {name: tallies[name] for name in tallies if name.startswith("no_node.")} == {
        "no_node.too_large": 1, "no_node.no_grammar": 1, "no_node.none_fits": 1,
    }  # fmt: skip


def test_tsx_is_read_by_its_own_grammar() -> None:
    text = "const a = <p>{f(x)}</p>;\n"
    documents = [document(str(n), text, "typescript", path=f"a/{n}.tsx") for n in range(40)]
    rows, _ = changed(documents, node_share=1.0, node_weights={kind: float(kind == "argument") for kind in KINDS})
    spans = {row["metadata"]["fim_span"] for row in rows if row["metadata"]["fim_kind"] == "argument"}
    assert spans == {f"{text.index('x)')}:{text.index('x)') + 1}"}


def test_shares_are_as_the_config_says() -> None:
    count = 3000
    documents = [document(f"d{n}", PYTHON) for n in range(count)]
    rows, tallies = changed(documents, rate=0.6, spm_share=0.25, node_share=0.4)
    arranged = tallies["arranged"]
    kinds = Counter(row["metadata"].get("fim_kind") for row in rows)

    def near(found: int, share: float, of: int) -> bool:
        return abs(found - share * of) < 4 * (share * (1 - share) * of) ** 0.5

    assert near(arranged, 0.6, count)
    assert near(tallies["mode.spm"], 0.25, arranged)
    assert near(kinds["characters"], 0.6, arranged)
    assert tallies["left.by_rate"] == count - arranged == kinds[None]
    assert sum(kinds[kind] for kind in (*KINDS, "characters")) == arranged
    middles = tallies["characters_in_middles"]
    assert middles == sum(
        -int.__sub__(*map(int, row["metadata"]["fim_span"].split(":"))) for row in rows if "fim" in row["metadata"]
    )


def test_a_higher_rate_only_adds() -> None:
    documents = [document(f"d{n}", PYTHON) for n in range(200)]
    made = [
        {row["id"]: row for row in changed(documents, rate=rate)[0] if "fim" in row["metadata"]} for rate in (0.3, 0.7)
    ]
    assert made[0].items() <= made[1].items()
    assert len(made[0]) < len(made[1])


def test_epochs_and_seeds_are_apart() -> None:
    plain = document("d", PYTHON * 3)
    others = [document("d", PYTHON * 3, metadata={"epoch": str(n)}) for n in range(4)]
    spans = {row["metadata"]["fim_span"] for row in changed([plain, *others], node_share=0)[0]}
    assert len(spans) == 5
    assert changed([plain], seed=1)[0] != changed([plain], seed=2)[0]


def test_batches_do_not_show() -> None:
    documents = [document(f"d{n}", PYTHON[n % 50 :], "python" if n % 3 else None) for n in range(60)]
    whole = changed(documents)[0]
    batch = documents_to_batch(documents)
    for size in (1, 7, 59):
        parts = [batch.slice(n, size) for n in range(0, 60, size)]
        assert [row for part in parts for row in changed(part)[0]] == whole


def test_documents_without_metadata_pass() -> None:
    batch = documents_to_batch([Document("a", PYTHON, "s"), document("b", PYTHON), Document("c", PYTHON, "s")])
    rows, tallies = changed(batch)
    assert [bool(row["metadata"]) for row in rows] == [False, True, False]
    assert tallies["arranged"] == 1
    assert changed(batch.slice(0, 0))[1]["documents"] == 0


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"rate": 1.5}, "rate"), ({"rate": float("nan")}, "rate"), ({"sentinels": "llama"}, "sentinels"),
        ({"sentinels": "own"}, "own_sentinels goes with"), ({"own_sentinels": ["a", "b", "c"]}, "own_sentinels goes with"),
        ({"sentinels": "own", "own_sentinels": ["a", "b"]}, "own_sentinels"),
        ({"sentinels": "own", "own_sentinels": ["a", "", "c"]}, "none empty"),
        ({"sentinels": "own", "own_sentinels": ["<a>", "<b>", "<a>"]}, "none part of another"),
        ({"sentinels": "own", "own_sentinels": ["<a>", "<b>", "x<a>"]}, "none part of another"),
        ({"min_span": 0}, "min_span"), ({"min_span": 9, "max_span": 8}, "max_span 8"),
        ({"node_weights": dict.fromkeys(KINDS, 0)}, "all 0"), ({"node_weights": {"loop": 1}}, "loop"),
        ({"spm_order": "mps"}, "spm_order"), ({"unknown": 1}, "unknown setting"),
    ],
)  # fmt: skip
def test_a_bad_config_is_told(config: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        validate(FormatFim, config, "format-fim")


def lines(file: SourceFile, config: StageConfig) -> Iterator[Document]:
    with file.open() as stream:
        for line in stream:
            yield Document(**json.loads(line))


LINES = Stage(
    name="read-lines", version=1, help="Read lines.", config=StageConfig, reads={"input": "Files"},
    writes="Document", engine="datatrove", core=lines, accepts=(".jsonl",),
)  # fmt: skip


def test_the_same_bytes_for_any_workers_and_hash_seed(tmp_path: Path) -> None:
    draw = random.Random(1)
    files = []
    for name in "abcd":  # hard to compress: tasks are groups of files and of parts by their size
        rows = [
            {"id": f"{name}{n}", "source": "code", "metadata": {"programming_language": "python"},
             "text": f"{PYTHON[n % 40 :]}# {draw.randbytes(2000).hex()}\n" if n % 5 else ""}
            for n in range(200)
        ]  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        files.append(str(tmp_path / f"{name}.jsonl"))
    execute(LINES, StageConfig(), {"input": files}, str(tmp_path / "code"))
    found = set()
    for workers in (1, 2):
        result = execute(
            STAGE, FormatFim(part_bytes=100_000), {"input": [str(tmp_path / "code")]}, str(tmp_path / f"fim{workers}"),
            workers=workers,
        )  # fmt: skip
        found.add(json.dumps(result.dataset.manifest, sort_keys=True))
    tasks = group_by_bytes(part["bytes"] for part in Dataset.open(str(tmp_path / "code")).parts)
    assert len(tasks) > 2
    assert list(result.dataset.problems()) == []
    assert result.dataset.counts["kept"] == 800
    assert result.dataset.statistics["arranged"] == 640
    program = (
        "import sys; from arcmill.execute import execute; from sequences.fim.stage import STAGE, FormatFim\n"
        "execute(STAGE, FormatFim(part_bytes=100_000), {'input': [sys.argv[1]]}, sys.argv[2])"
    )
    for seed in ("1", "2"):
        output = tmp_path / f"seed{seed}"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])}
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "code"), str(output)], check=True, env=environment
        )
        found.add(json.dumps(json.loads((output / "manifest.json").read_text()), sort_keys=True))
    assert len(found) == 1


def test_large_hostile_files_are_no_trouble() -> None:
    texts = ["{" * 250_000, "a" * 250_000, "<" * 250_000, "'" * 250_000]
    rows, _ = changed(
        [
            document(f"{n}{language}", text, language)
            for n, text in enumerate(texts)
            for language in ("c++", "javascript")
        ],
        node_share=1.0,
    )
    assert [len(row["text"]) - len(texts[0]) for row in rows] == [45] * 8
