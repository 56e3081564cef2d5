from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny_sequences import row_values, sequence_rows, write_sequences

from arcmill.errors import InputError, UsageError
from sequences.blocks import Block, Store
from sequences.boundaries import cu_seqlens


def decoded(store: Store) -> tuple[np.ndarray, np.ndarray]:
    blocks = [store.read(n, g) for n in range(len(store.parts)) for g in range(len(store.footer(n).rows))]
    held = [unpacked(block) for block in blocks]
    return np.concatenate([ids for ids, _ in held]), np.concatenate([mask for _, mask in held])


def unpacked(block: Block) -> tuple[np.ndarray, np.ndarray]:
    shape = block.tokens.rows, block.tokens.length
    ids, mask = np.empty(shape, np.int32), np.empty(shape, np.uint8)
    for row in range(block.tokens.rows):
        block.tokens.copy(row, ids[row], mask[row])
    return ids, mask


@pytest.mark.parametrize(
    "options",
    [{}, {"use_dictionary": True}, {"data_page_version": "2.0"}, {"compression": "snappy"}, {"data_page_size": 64}],
)
def test_rows_are_those_that_pyarrow_reads_however_they_are_written(tmp_path: Path, options: dict[str, object]) -> None:
    url = write_sequences(tmp_path / "d", **options)  # type: ignore[arg-type]
    ids, mask = decoded(Store([url], segments=True))
    expected = row_values(url)
    assert np.array_equal(ids, expected[0]) and np.array_equal(mask, expected[1])


def test_segments_are_whole_where_asked_for(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "d")
    block = Store([url], segments=True).read(0, 1)
    assert block.segments is not None
    assert block.segments.to_pylist() == [row["segments"] for row in sequence_rows(5, 3, 16)]
    for row in range(3):
        ends = block.ends[block.splits[row] : block.splits[row + 1]].tolist()
        assert ends == cu_seqlens(block.segments[row].as_py(), 16)[1:].tolist()


def test_a_dataset_lies_wherever_fsspec_reaches(tmp_path: Path) -> None:
    import fsspec

    url = write_sequences(tmp_path / "d")
    memory = fsspec.filesystem("memory")
    for file in Path(url).iterdir():
        memory.pipe_file(f"/sequences/{file.name}", file.read_bytes())
    assert np.array_equal(decoded(Store(["memory://sequences"]))[0], row_values(url)[0])


def test_only_parts_of_the_manifest_are_read(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "d")
    (Path(url) / "part-00009.parquet").write_bytes((Path(url) / "part-00000.parquet").read_bytes())
    assert len(Store([url]).parts) == 3


def test_a_footer_longer_than_what_is_read_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = write_sequences(tmp_path / "d")
    monkeypatch.setattr("sequences.blocks._TAIL", 100)
    assert np.array_equal(decoded(Store([url]))[0], row_values(url)[0])


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
        return
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "a bit":
        data[40] ^= 1
    elif how == "begin":
        data[4:200] = b"\xff" * 196
    elif how == "end":
        data[-1] = 0
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("how", "verify", "told"),
    [
        ("missing", "size", "missing part"),
        ("truncated", "size", "the manifest says"),
        ("truncated", "none", "damaged"),
        ("begin", "size", "damaged"),
        ("end", "size", "damaged"),
        ("a bit", "sha256", "checksum differs"),
    ],
)
def test_a_damaged_part_is_named(tmp_path: Path, how: str, verify: str, told: str) -> None:
    url = write_sequences(tmp_path / "d", length=64)
    damage(Path(url) / "part-00001.parquet", how)
    with pytest.raises(InputError, match=told) as error:
        decoded(Store([url], verify))  # type: ignore[arg-type]
    assert "part-00001.parquet" in str(error.value)


def test_rows_of_another_number_or_length_than_told(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "d")
    manifest = json.loads((Path(url) / "manifest.json").read_text())
    manifest["files"][1]["rows"] += 1
    (Path(url) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"part-00001.parquet: 7 rows, the manifest says 8"):
        decoded(Store([url]))
    other = write_sequences(tmp_path / "e")
    table = pq.read_table(Path(other) / "part-00001.parquet")
    rows = table.to_pylist()
    rows[2]["input_ids"].append(5)
    pq.write_table(table.from_pylist(rows, schema=table.schema), Path(other) / "part-00001.parquet")
    manifest = json.loads((Path(other) / "manifest.json").read_text())
    manifest["files"][1]["bytes"] = (Path(other) / "part-00001.parquet").stat().st_size
    (Path(other) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"part-00001.parquet: row group 0 has input_ids that are not of 16 tokens"):
        decoded(Store([other]))


def test_a_dataset_that_documents_were_removed_from_names_its_tokenizer_too(tmp_path: Path) -> None:
    one = write_sequences(tmp_path / "one")
    for tokenizer in ("t", "u"):
        left = write_sequences(tmp_path / tokenizer, tokenizer=tokenizer * 64, seed=1)
        path = Path(left) / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["statistics"] = {"packed": {"config": {}, "inputs": manifest["inputs"]}}
        manifest["inputs"] = [{"name": "input", "fingerprint": "p" * 64}]
        path.write_text(json.dumps(manifest))
    assert len(Store([one, str(tmp_path / "t")]).parts) == 6
    with pytest.raises(UsageError, match=r"was packed with another tokenizer"):
        Store([one, str(tmp_path / "u")])


def test_datasets_that_do_not_belong_together(tmp_path: Path) -> None:
    one = write_sequences(tmp_path / "one")
    longer = write_sequences(tmp_path / "longer", length=32)
    foreign = write_sequences(tmp_path / "foreign", tokenizer="u" * 64)
    with pytest.raises(UsageError, match=r"longer has sequences of another length \(32\)"):
        Store([one, longer])
    with pytest.raises(UsageError, match=r"foreign was packed with another tokenizer"):
        Store([one, foreign])
    with pytest.raises(UsageError, match="verify 'md5'"):
        Store([one], "md5")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no dataset"):
        Store([])


def test_what_is_no_dataset_of_sequences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such dataset"):
        Store([str(tmp_path / "none")])
    empty = write_sequences(tmp_path / "empty", parts=())
    with pytest.raises(InputError, match="no sequences"):
        Store([empty])
    url = write_sequences(tmp_path / "d")
    manifest = json.loads((Path(url) / "manifest.json").read_text())
    (Path(url) / "manifest.json").write_text(json.dumps({**manifest, "record": "Document"}))
    with pytest.raises(UsageError, match="a dataset of Document"):
        Store([url])


def test_a_store_goes_to_another_process(tmp_path: Path) -> None:
    store = Store([write_sequences(tmp_path / "d")])
    store.footer(0)
    again = pickle.loads(pickle.dumps(store))
    assert np.array_equal(unpacked(again.read(0, 1))[0], unpacked(store.read(0, 1))[0])
