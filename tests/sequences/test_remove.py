"""Documents out of packed sequences: only what holds them changes, and nothing else is lost."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_rows import dataset_of
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message
from pipelines.catalogue import get_stage
from pipelines.receipt import receipt, render
from pipelines.verify import verify_path
from sequences.fim.context import ROOM
from sequences.pack_rows import ARRANGED
from sequences.recount import UNKNOWN, recount
from sequences.remove_rows import Piece, together

Tokens = dict[tuple[str, int], list[tuple[int, list[int], str]]]


def make(stage: str, output: Path, inputs: dict[str, list[str]], workers: int = 1, **options: object) -> Dataset:
    declared = get_stage(stage)
    return execute(declared, validate(declared.config, options, "test"), inputs, str(output), workers=workers).dataset


@pytest.fixture(scope="module", params=["concat", "best_fit"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remove")
    drawn = random.Random(5)
    rows = [
        Document(
            f"d{number}", " ".join(drawn.choice(("red", "green", "blue", "def f():")) for _ in range(drawn.randrange(5, 400))),
            "web", repo="o/r", path=f"f{number}.py",
            metadata={"programming_language": "python", "epoch": str(number % 2)},
        )
        for number in range(300)
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:  # a task a part, so that there are several parts
        patch.setattr("arcmill.engines.datatrove.group_by_bytes", lambda sizes: [[n] for n, _ in enumerate(sizes)])
        docs = dataset_of("Document", rows, str(folder / "docs"), parts=6)
        tokenizer = make("train-tokenizer", folder / "tokenizer", {"input": [docs]}, vocab_size=512).url
        packed = make(
            "pack", folder / "packed", {"input": [docs], "tokenizer": [tokenizer]}, sequence_length=512,
            mode=request.param, context_fim={"rate": 0.5},
        )  # fmt: skip
    assert len(packed.parts) > 3
    return folder


def held(dataset: Dataset) -> Tokens:
    """Document and epoch -> offset, tokens, role of its pieces."""
    found: Tokens = defaultdict(list)
    for batch in dataset.batches():
        for row in batch.to_pylist():
            for s in row["segments"]:
                tokens = row["input_ids"][s["start"] : s["start"] + s["length"]]
                assert row["loss_mask"][s["start"] : s["start"] + s["length"]] == [1] * s["length"]
                found[s["id"], s["epoch"]].append((s["offset"], tokens, s["role"]))
            used = sum(s["length"] for s in row["segments"])
            assert row["loss_mask"][used:] == [0] * (len(row["loss_mask"]) - used)
            assert [s["start"] for s in row["segments"]] == np.cumsum([0, *(s["length"] for s in row["segments"])])[
                :-1
            ].tolist()
    return {key: sorted(pieces) for key, pieces in found.items()}


def test_only_rows_and_parts_that_hold_it_change(run: Path, tmp_path: Path) -> None:
    before = Dataset.open(str(run / "packed"))
    after = make("remove-documents", tmp_path / "out", {"input": [before.url]}, ids=["d7", "d8"])
    was, now = held(before), held(after)
    assert {key for key in was if key not in now} == {("d7", 1), ("d8", 0)}
    assert now == {key: pieces for key, pieces in was.items() if key in now}
    same = {p["path"]: p["sha256"] for p in after.parts}.items() & {
        p["path"]: p["sha256"] for p in before.parts
    }.items()
    with_it = {
        part["path"] for part in before.parts
        for batch in _rows(before, part) for row in batch if {s["id"] for s in row["segments"]} & {"d7", "d8"}
    }  # fmt: skip
    assert {path for path, _ in same} == {p["path"] for p in before.parts} - with_it
    for name in with_it:  # rows without it are as they were, in their order
        old = [
            row
            for batch in _rows(before, {"path": name})
            for row in batch
            if not {s["id"] for s in row["segments"]} & {"d7", "d8"}
        ]
        new = (
            [row for batch in _rows(after, {"path": name}) for row in batch]
            if name in {p["path"] for p in after.parts}
            else []
        )
        rest = iter(new)
        assert all(any(row == other for other in rest) for row in old)
    statistics = after.statistics
    assert statistics["ids"] == statistics["ids_found"] == 2 and statistics["parts_touched"] == len(with_it)
    gone = sum(len(tokens) for key in (("d7", 1), ("d8", 0)) for _, tokens, _ in was[key])
    assert statistics["tokens_removed"] == gone
    assert {row for batch in after.ledger(["id"]) for row in batch.column("id").to_pylist()} == {"d7", "d8"}
    assert verify_path(str(tmp_path / "out"))["ok"]


def _rows(dataset: Dataset, part: Any) -> list[list[dict[str, Any]]]:
    from arcmill.dataset import read_part

    return [batch.to_pylist() for batch in read_part(dataset, part["path"])]


def test_a_receipt_is_counted_anew_from_the_rows_that_are_left(run: Path, tmp_path: Path) -> None:
    packed = Dataset.open(str(run / "packed"))
    before = recount(packed, packed.statistics["mode"])
    unknown = dict.fromkeys(UNKNOWN)
    wanted = {key: told for key, told in packed.statistics.items() if "." not in key}
    assert before == {**wanted, **unknown}, "of rows that are as pack wrote them, what pack has counted"
    gone = {(id, epoch): pieces for (id, epoch), pieces in held(packed).items() if id in ("d7", "d8")}
    make("remove-documents", tmp_path / "out", {"input": [packed.url]}, ids=["d7", "d8"])
    (after,) = receipt(str(tmp_path / "out"))["packed"]
    removed = sum(len(tokens) - ROOM * (role in ARRANGED) for pieces in gone.values() for _, tokens, role in pieces)
    assert len(gone) == 2 and after["tokens"] == before["tokens"] - removed
    assert after["occurrences"] == before["occurrences"] - 2 and after["documents"] == before["documents"] - 1
    assert after["tokens"] + after["sentinels"] + after["padding"] == after["rows"] * 512
    assert after["mode"] == packed.statistics["mode"] and "documents cut ?" in render(receipt(str(tmp_path / "out")))


def test_same_bytes_for_any_workers_and_twice_is_once(run: Path, tmp_path: Path) -> None:
    ids = [f"d{number}" for number in range(0, 300, 3)]
    packed = str(run / "packed")
    one, two = (make("remove-documents", tmp_path / f"w{n}", {"input": [packed]}, workers=n, ids=ids) for n in (1, 3))
    assert one.manifest == two.manifest
    assert one.statistics["rows_emptied"] > 0
    again = make("remove-documents", tmp_path / "again", {"input": [one.url]}, ids=ids, allow_missing=True)
    assert again.parts == one.parts and again.statistics["ids_found"] == 0
    assert again.statistics["packed"] == one.statistics["packed"]


def test_everything_may_go(run: Path, tmp_path: Path) -> None:
    whole = make("remove-documents", tmp_path / "none", {"input": [str(run / "packed")], "remove": [str(run / "docs")]})
    assert whole.rows == 0 and whole.counts["kept"] == 0 and whole.counts["dropped"] == whole.counts["in"]
    assert verify_path(str(tmp_path / "none"))["ok"]


def test_ids_come_from_files_and_ledgers(run: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("d1\n\n  d2 \n")
    fewer = make(
        "remove-documents", tmp_path / "docs2", {"input": [str(run / "docs")]}, ids_file=str(tmp_path / "ids.txt")
    )
    assert fewer.rows == 298 and fewer.counts == {
        "in": 300,
        "kept": 298,
        "dropped": 2,
        "merged": 0,
        "errored": 0,
        "created": 0,
    }
    assert verify_path(str(tmp_path / "docs2"))["ok"]
    packed = {"input": [str(run / "packed")], "remove": [fewer.url]}
    after = make("remove-documents", tmp_path / "out", packed, remove_from="ledger")
    assert {key[0] for key in held(Dataset.open(str(run / "packed")))} - {key[0] for key in held(after)} == {"d1", "d2"}


def test_what_is_not_there_is_told(run: Path, tmp_path: Path) -> None:
    packed = {"input": [str(run / "packed")]}
    with pytest.raises(UsageError, match="1 of 2 ids are nowhere in the input: nobody"):
        make("remove-documents", tmp_path / "out", packed, ids=["d1", "nobody"])
    assert make("remove-documents", tmp_path / "out", packed, ids=["d1", "nobody"], allow_missing=True).statistics[
        "ids_missing"
    ] == ["nobody"]
    with pytest.raises(UsageError, match="nothing to remove"):
        make("remove-documents", tmp_path / "other", packed)
    with pytest.raises(UsageError, match="does not exist"):
        make("remove-documents", tmp_path / "other", packed, ids_file=str(tmp_path / "no.txt"))
    with pytest.raises(UsageError, match="takes one dataset"):
        make("remove-documents", tmp_path / "other", {"input": [str(run / "packed")] * 2}, ids=["d1"])


def test_a_damaged_part_is_not_copied(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run / "docs", tmp_path / "docs")
    path = tmp_path / "docs/part-00001.parquet"
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1  # in the metadata of a column that is not read
    path.write_bytes(data)
    with pytest.raises(InputError, match="part-00001"):
        make("remove-documents", tmp_path / "out", {"input": [str(tmp_path / "docs")]}, ids=["d0"])


def test_the_context_of_a_file_goes_as_a_whole(run: Path, tmp_path: Path) -> None:
    contexts = make("concat-repo", tmp_path / "contexts", {"input": [str(run / "docs")]}, budget_tokens=2000)
    inputs = {"input": [contexts.url], "tokenizer": [str(run / "tokenizer")]}
    packed = make("pack", tmp_path / "packed", inputs, sequence_length=2048, mode="best_fit")
    with pytest.raises(UsageError, match="--input contexts="):
        make("remove-documents", tmp_path / "out", {"input": [packed.url]}, ids=["d7"])
    given_both = {"input": [packed.url], "contexts": [contexts.url]}
    with pytest.raises(UsageError, match="d7 in "):
        make("remove-documents", tmp_path / "out2", given_both, ids=["d7"], context="refuse")
    after = make("remove-documents", tmp_path / "out3", given_both, ids=["d7"])
    assert after.statistics["ids_found"] == 1
    (lost,) = {key[0] for key in held(packed)} - {key[0] for key in held(after)}
    files = [
        m
        for b in contexts.batches(["id", "metadata"])
        for i, m in zip(*(c.to_pylist() for c in b.columns), strict=True)
        if i == lost
    ]
    assert "d7" in [file["id"] for file in json.loads(dict(files[0])["files"])]
    assert verify_path(str(tmp_path / "out3"))["ok"]


def test_a_conversation_goes_with_the_rows_of_its_turns(tmp_path: Path) -> None:
    names = ["c1", "c1#0", "c1#12-direct", "c1-direct", "c10#1", "c1#x"]
    talks = [Conversation(name, [Message("user", "hi")], "s") for name in names]
    url = dataset_of("Conversation", talks, str(tmp_path / "talks"))
    after = make("remove-documents", tmp_path / "out", {"input": [url]}, ids=["c1"])
    assert [i for b in after.batches(["id"]) for i in b.column("id").to_pylist()] == ["c1-direct", "c10#1", "c1#x"]
    alone = make("remove-documents", tmp_path / "alone", {"input": [url]}, ids=["c1"], turns=False)
    assert alone.rows == 5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(1, 20), max_size=5).filter(lambda row: sum(row) <= 20), min_size=1, max_size=12))
def test_pieces_are_put_together_without_loss(rows: list[list[int]]) -> None:
    stays = {}
    for number, lengths in enumerate(rows):
        starts = np.cumsum([0, *lengths])[:-1].tolist()
        stays[number] = [Piece(number, start, length, {}) for start, length in zip(starts, lengths, strict=True)]
    done = together(stays, 20)
    pieces = sorted((p.row, p.start) for held_row in done.values() for p in held_row)
    assert pieces == sorted((p.row, p.start) for held_row in stays.values() for p in held_row)
    assert all(0 < sum(p.length for p in held_row) <= 20 for held_row in done.values())
    assert all(done[row][: len(stays[row])] == stays[row] for row in done)
    assert len(done) >= -(-sum(map(sum, rows)) // 20)
