"""count-tokens counts what pack packs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import schema
from sequences.count_tokens import STAGE, tokenizer_name
from sequences.pack import STAGE as PACK
from sequences.tokenizer import STAGE as TRAIN


def dataset(folder: Path, rows: list[dict[str, Any]]) -> str:
    """Documents as a dataset, by way of ingest-text's kernel."""
    from ingest.text import STAGE as INGEST

    folder.mkdir()
    pq.write_table(
        pa.Table.from_pylist([{"text": row["text"], "name": row["id"]} for row in rows]), folder / "raw.parquet"
    )
    config = INGEST.config.model_validate({"columns": {"text": "text", "id": "name"}})
    execute(INGEST, config, {"input": [str(folder / "raw.parquet")]}, str(folder / "made"))
    return str(folder / "made")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("count")
    words = ("token", "sequence", "näher", "日本語", "<|endoftext|>", "x = [1, 2]\n", "🎈")
    rows = [{"id": f"d{i}", "text": " ".join(words[(i * k) % len(words)] for k in range(1, 3 + i))} for i in range(60)]
    documents = dataset(folder / "rows", rows)
    execute(TRAIN, TRAIN.config(vocab_size=700), {"input": [documents]}, str(folder / "tokenizer"))
    return documents, str(folder / "tokenizer")


def rows_of(path: str) -> list[dict[str, Any]]:
    return [row for batch in Dataset.open(path).batches() for row in batch.to_pylist()]


def test_the_numbers_are_those_of_pack(made: tuple[str, str], tmp_path: Path, digest: Any) -> None:
    documents, tokenizer = made
    inputs = {"input": [documents], "tokenizer": [tokenizer]}
    done = execute(STAGE, STAGE.config(), inputs, str(tmp_path / "counted")).dataset
    packed = execute(PACK, PACK.config(sequence_length=64), inputs, str(tmp_path / "packed")).dataset
    lengths: dict[str, int] = {}
    for row in rows_of(packed.url):
        for segment in row["segments"]:
            lengths[segment["id"]] = lengths.get(segment["id"], 0) + segment["length"]
    counted = {row["id"]: dict(row["metadata"]) for row in rows_of(done.url)}
    assert {name: int(entries["tokens"]) for name, entries in counted.items()} == lengths
    assert {entries["tokens_by"] for entries in counted.values()} == {Dataset.open(tokenizer).fingerprint[:16]}
    assert done.statistics["tokens"] == sum(lengths.values()) == packed.statistics["tokens"]
    execute(STAGE, STAGE.config(), inputs, str(tmp_path / "again"), workers=4)
    assert digest(tmp_path / "again") == digest(tmp_path / "counted")


def test_counting_twice_replaces_and_the_closing_token_is_a_setting(made: tuple[str, str], tmp_path: Path) -> None:
    documents, tokenizer = made
    inputs = {"input": [documents], "tokenizer": [tokenizer]}
    first = execute(STAGE, STAGE.config(), inputs, str(tmp_path / "first")).dataset
    open_ended = {"input": [first.url], "tokenizer": [tokenizer]}
    second = execute(STAGE, STAGE.config(add_eos=False), open_ended, str(tmp_path / "second")).dataset
    pairs = zip(rows_of(first.url), rows_of(second.url), strict=True)
    for before, after in pairs:
        keys = [key for key, _ in after["metadata"]]
        assert len(keys) == len(set(keys))
        assert int(dict(before["metadata"])["tokens"]) == int(dict(after["metadata"])["tokens"]) + 1


def test_what_pack_cannot_use_leaves_with_its_reason(made: tuple[str, str]) -> None:
    from sequences.count_tokens import setup

    rows = [
        {"id": "a", "text": "  \n", "source": "s"}, {"id": "b", "text": "some words", "source": "s"},
        {"id": "c", "text": "no sentinels", "source": "s", "metadata": [("fim", "psm")]},
    ]  # fmt: skip
    batch = pa.RecordBatch.from_pylist(rows, schema=schema("Document"))
    config = STAGE.config()
    found = STAGE.core(batch, config, setup(config, {"tokenizer": made[1]}))
    assert {row: (outcome.outcome, outcome.rule) for row, outcome in found.outcomes.items()} == {
        0: ("dropped", "empty"), 2: ("errored", "fim_tokens")
    }  # fmt: skip
    assert dict(found.columns["metadata"][1])["tokens"].isdigit()
    assert found.tallies["text_bytes"] == len("some words")


def test_a_tokenizer_that_cannot_serve_is_told(made: tuple[str, str], tmp_path: Path) -> None:
    documents, tokenizer = made
    with pytest.raises(UsageError, match=r"eos_token '<none>' is not a token"):
        execute(
            STAGE,
            STAGE.config(eos_token="<none>"),
            {"input": [documents], "tokenizer": [tokenizer]},
            str(tmp_path / "x"),
        )
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "tokenizer.json").write_text("{}")
    assert tokenizer_name(str(tmp_path / "plain")) == "44136fa355b3678a"


def test_the_folder_of_a_published_model_is_a_tokenizer(made: tuple[str, str], tmp_path: Path) -> None:
    documents, tokenizer = made
    folder = tmp_path / "published"
    folder.mkdir()
    given = {"input": [documents], "tokenizer": [str(folder)]}
    with pytest.raises(InputError, match=r"no folder with a tokenizer\.json.*import-tokenizer"):
        execute(PACK, PACK.config(), given, str(tmp_path / "packed"))
    held = (Path(tokenizer) / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(held)
    packed = execute(PACK, PACK.config(sequence_length=64), given, str(tmp_path / "packed")).dataset
    mark = hashlib.sha256(held).hexdigest()
    assert {"name": "tokenizer", "fingerprint": mark} in packed.manifest["inputs"]
    own = execute(
        PACK, PACK.config(sequence_length=64), {**given, "tokenizer": [tokenizer]}, str(tmp_path / "own")
    ).dataset
    assert [part["sha256"] for part in packed.parts] == [part["sha256"] for part in own.parts]
    counted = execute(STAGE, STAGE.config(), given, str(tmp_path / "counted")).dataset
    by = {dict(row["metadata"])["tokens_by"] for batch in counted.batches(["metadata"]) for row in batch.to_pylist()}
    assert by == {mark[:16]}
    (folder / "tokenizer.json").write_bytes(held + b"\n")
    with pytest.raises(UsageError, match="made from something else"):  # another tokenizer: other data
        execute(PACK, PACK.config(sequence_length=64), given, str(tmp_path / "packed"))
