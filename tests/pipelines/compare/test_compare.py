"""Two runs, or two datasets, side by side: each figure against one that is counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from given_rows import dataset_of

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message
from pipelines.catalogue import get_stage
from pipelines.cli import cli
from pipelines.compare import compare, render
from pipelines.compare import overlap as overlaps


def make(stage: str, output: Path, inputs: dict[str, list[str]], **settings: object) -> Dataset:
    declared = get_stage(stage)
    return execute(declared, validate(declared.config, settings, "test"), inputs, str(output)).dataset


def documents(numbers: range, **other: Any) -> list[Document]:
    return [
        Document(
            f"d{n}", other.get("text", "word ") * (n % 50 + 5), "even" if n % 2 == 0 else "odd",
            quality_score=n % 100 / 100, language="en", metadata={"tokens": str(n)} if other.get("tokens") else None,
        )
        for n in numbers
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("compare")
    for name, numbers, least in (("a", range(400), 60), ("b", range(100, 500), 90)):
        docs = dataset_of("Document", documents(numbers), str(folder / name / "docs"))
        make("filter-web", folder / name / "clean", {"input": [docs]}, gopher_quality={"min_words": least // 10})
    return str(folder / "a"), str(folder / "b")


def test_overlap_by_id_and_text(tmp_path: Path) -> None:
    rows = documents(range(100))
    changed = [Document(d.id, d.text + "!" if d.id == "d40" else d.text, d.source) for d in rows[30:]]
    extra = [*changed, Document("new", rows[0].text, "odd"), Document("d99", rows[99].text, "odd")]
    a, b = (dataset_of("Document", r, str(tmp_path / n)) for r, n in ((rows, "a"), (extra, "b")))
    held = compare(a, b, samples=5)["contents"][0]["overlap"]
    assert {k: held["ids"][k] for k in ("a", "b", "both", "only_a", "only_b", "rows_b")} == {
        "a": 100, "b": 71, "both": 70, "only_a": 30, "only_b": 1, "rows_b": 72
    }  # fmt: skip
    assert held["ids"]["jaccard"] == 70 / 101 and held["same_id_other_text"] == 1
    texts = {d.text for d in rows}, {d.text for d in extra}
    assert (held["texts"]["both"], held["texts"]["only_b"]) == (len(texts[0] & texts[1]), len(texts[1] - texts[0]))


def test_samples_are_of_one_side_alone_and_follow_the_seed(tmp_path: Path) -> None:
    a, b = (
        dataset_of("Document", documents(r), str(tmp_path / n)) for r, n in ((range(80), "a"), (range(40, 120), "b"))
    )
    found = [compare(a, b, samples=4, seed=seed)["contents"][0]["only_in"] for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    for each in found:
        assert [len(each[side]) for side in "ab"] == [4, 4]
        assert all(int(row["id"][1:]) < 40 for row in each["a"]) and all(int(row["id"][1:]) >= 80 for row in each["b"])
        assert all(row["text"].startswith("word ") for row in each["a"])


def test_partitions_on_disk_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (
        dataset_of("Document", documents(r), str(tmp_path / n)) for r, n in ((range(300), "a"), (range(200, 400), "b"))
    )
    whole = compare(a, b)
    monkeypatch.setattr(overlaps, "PARTITION_ROWS", 7)
    monkeypatch.setattr(overlaps, "HELD", 11)
    assert compare(a, b) == whole


def test_tokens_and_scores(tmp_path: Path) -> None:
    a = dataset_of("Document", documents(range(100), tokens=True), str(tmp_path / "a"))
    b = dataset_of("Document", documents(range(100)), str(tmp_path / "b"))
    held = compare(a, b)["contents"][0]
    assert held["tokens"] == [sum(range(100)), round(sum(5 * (n % 50 + 5) for n in range(100)) / 4)]
    assert held["tokens_by"] == [{"counted": 100, "estimated by bytes": 0}, {"estimated by bytes": 100}]
    by_source = {row["value"]: row["tokens_a"] for row in held["mix"]["source"]}
    assert by_source == {"even": sum(range(0, 100, 2)), "odd": sum(range(1, 100, 2))}
    scores = next(d for d in held["distributions"] if d["name"] == "quality_score")
    assert scores["ks"] == 0 and scores["ks_p"] == 1 and abs(scores["a"]["p50"] - 0.49) < 0.002


def test_runs_step_by_step(runs: tuple[str, str]) -> None:
    found = compare(*runs)
    docs, clean = (next(step for step in found["steps"] if step["a"] == name) for name in ("docs", "clean"))
    assert docs["counts_a"]["in"] == docs["counts_b"]["in"] == 400 and not docs["same"]
    assert any("min_words: 6 -> 9" in line for line in clean["differs"])
    assert sum(rule["a"] for rule in clean["rules"]) == clean["counts_a"]["dropped"] + clean["counts_a"]["merged"]
    assert [content["a"] for content in found["contents"]] == ["clean"]
    same = compare(runs[0], runs[0])
    assert all(step["same"] for step in same["steps"]) and same["contents"][0]["overlap"]["ids"]["jaccard"] in (1, None)


def test_command(runs: tuple[str, str]) -> None:
    out = CliRunner().invoke(cli, ["compare", *runs, "--step", "docs"])
    assert out.exit_code == 0 and "overlap by id: both 300, only a 100, only b 100, Jaccard 0.6000" in out.stdout
    told = json.loads(CliRunner().invoke(cli, ["compare", *runs, "--json"]).stdout)
    assert told == json.loads(json.dumps(compare(*runs))) and render(told)


@pytest.mark.parametrize(
    ("step", "says"), [("nothing", "no finished step 'nothing'"), ("docs:none", "no finished step 'none'")]
)
def test_steps_that_are_not_there(runs: tuple[str, str], step: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        compare(*runs, step=step)


def test_other_kinds_of_rows(tmp_path: Path) -> None:
    talks = [Conversation(f"c{n}", [Message("user", f"hi {n}")], "s", thinking=n % 2 == 0) for n in range(9)]
    a, b = (dataset_of("Conversation", r, str(tmp_path / n)) for r, n in ((talks, "a"), (talks[3:], "b")))
    held = compare(a, b)["contents"][0]
    assert held["overlap"]["texts"]["both"] == 6 and {row["value"] for row in held["mix"]["thinking"]} == {
        "true",
        "false",
    }
    docs = dataset_of("Document", documents(range(5)), str(tmp_path / "docs"))
    with pytest.raises(UsageError, match="no rows of the same kind"):
        compare(a, docs)


def test_sequences(tmp_path: Path) -> None:
    docs = dataset_of("Document", documents(range(60)), str(tmp_path / "docs"))
    tokenizer = make("train-tokenizer", tmp_path / "tokenizer", {"input": [docs]}, vocab_size=512).url
    packed = make("pack", tmp_path / "packed", {"input": [docs], "tokenizer": [tokenizer]}, sequence_length=64)
    less = make("remove-documents", tmp_path / "less", {"input": [packed.url]}, ids=["d3", "d4"])
    held = compare(packed.url, less.url)["contents"][0]
    assert (held["overlap"]["ids"]["both"], held["overlap"]["ids"]["only_a"], held["overlap"]["ids"]["only_b"]) == (
        58,
        2,
        0,
    )
    assert held["packing"]["documents_begun"] == [60, 58]
    assert held["tokens"][0] - held["tokens"][1] == less.statistics["tokens_removed"]
    assert held["packing"]["tokens"] == [packed.rows * 64, less.rows * 64]
