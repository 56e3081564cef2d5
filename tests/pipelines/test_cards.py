"""Dataset cards: the numbers of the manifests, YAML that the Hub reads, folders that `datasets` loads, data that is no markup."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from given_rows import dataset_of

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message, Problem
from pipelines import cards
from pipelines.cards import front
from pipelines.cards.facts import gather
from pipelines.cards.text import plain
from pipelines.catalogue import get_stage
from pipelines.verify import verify_path

HOSTILE = "a|b\n---\n# <script>alert(1)</script> [x](javascript:1) `y` *z*\x1b[31m\u202e"


def parsed(card: str) -> tuple[dict[str, Any], str]:
    head, _, body = card.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head), body


def loaded(folder: str, cache: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(folder, split="train", cache_dir=str(cache))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Problems, of which one cannot be exported, and their export."""
    root = tmp_path / "run"
    problems = [Problem(f"p{n}", f"{n}+1?", "math", "sums", str(n + 1)) for n in range(4)]
    problems += [Problem("bad", "?", "math", HOSTILE)]
    source = dataset_of("Problem", problems, str(root / "problems"))
    stage = get_stage("export-rl")
    execute(stage, stage.config(), {"input": [source]}, str(root / "rl"))
    return root


def test_a_card_says_what_the_manifests_say_and_the_folder_loads(run: Path, tmp_path: Path) -> None:
    dataset = Dataset.open(str(run / "rl"))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    written = cards.write_card(str(run / "rl"), [str(run)])
    card = Path(written).read_text("utf-8")
    head, body = parsed(card)
    assert head["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": "part-*.parquet"}]}]
    assert head["size_categories"] == ["n<1K"] and head["license"] == "unknown" and "language" not in head
    assert "reinforcement-learning" in head["tags"]
    counts = dataset.counts
    numbers = [f"{counts[key]:,}" for key in ("in", "kept", "dropped", "merged", "errored", "created")]
    assert f"| rl | export-rl | {' | '.join(numbers)} |" in body
    assert f"{dataset.rows:,} rows for training" in body and dataset.fingerprint[:16] in body
    assert "| rl | dropped | no-answer | 1 |" in body
    assert all(f"| {plain(name)} | " in body for name in dataset.manifest["schema"])
    assert "No step compared it with benchmarks." in body
    rows = loaded(str(run / "rl"), tmp_path / "cache")
    assert len(rows) == dataset.rows == 4 and set(rows.column_names) == set(dataset.manifest["schema"])
    # The dataset is what it was, and the card is the same each time.
    assert {path: path.read_bytes() for path in before} == before
    assert verify_path(str(run))["ok"]
    assert cards.card_of(str(run / "rl"), [str(run)]) == card
    steps = json.loads(body.partition("```json\n")[2].partition("\n```")[0])
    assert {step["step"]: step["fingerprint"] for step in steps}["rl"] == dataset.fingerprint


def test_an_edited_card_is_the_users(run: Path) -> None:
    stage, output = get_stage("export-rl"), str(run / "rl")
    assert cards.keep_card(stage, output, [str(run / "problems")]) is None
    path = run / "rl" / cards.CARD
    first = path.read_bytes()
    assert cards.keep_card(stage, output, []) is None and path.read_bytes() == first, "one of this dataset stays"
    path.write_bytes(first.replace(b"## Known limits\n", b"## Known limits\n\n- One that I know of.\n"))
    edited = path.read_bytes()
    assert cards.keep_card(stage, output, []) is None and path.read_bytes() == edited
    with pytest.raises(UsageError, match="left alone"):
        cards.write_card(output)
    cards.write_card(output, [str(run)], force=True)
    assert path.read_bytes() == first
    # Made anew from something else: an untouched card is replaced.
    execute(stage, stage.config(layout="slime"), {"input": [str(run / "problems")]}, output, force=True)
    assert cards.keep_card(stage, output, []) is None
    assert Dataset.open(output).fingerprint[:16].encode() in path.read_bytes() != first


def test_other_datasets_get_none_by_themselves_and_failures_are_told(run: Path, tmp_path: Path) -> None:
    assert cards.keep_card(get_stage("dedup-exact"), str(run / "problems"), []) is None
    assert not (run / "problems" / cards.CARD).exists()
    told = cards.keep_card(get_stage("export-rl"), str(tmp_path / "nowhere"), [])
    assert told is not None and "no card was written" in told


def test_licences_languages_and_sources_are_counted_where_they_stand(tmp_path: Path) -> None:
    document = Document("d0", "text " * 20, HOSTILE, license="MIT", language="en")
    rows = [replace(document, id=f"d{n}", license=[None, "MIT", "GPL-3.0-or-later"][n % 3]) for n in range(9)]
    folder = dataset_of("Document", rows, str(tmp_path / "run/documents"))
    facts = gather(folder)
    assert facts.values["license"] == {"": 3, "MIT": 3, "GPL-3.0-or-later": 3} and facts.values["language"] == {"en": 9}
    head, body = parsed(cards.card_of(folder))
    assert head["license"] == "other" and head["language"] == ["en"]
    assert "| not stated | 3 |" in body and "3 rows state no licence" in body
    body = body.partition("```json")[0]  # what comes then is code, which shows and does nothing
    assert "<script>" not in body and "\x1b" not in body and "\u202e" not in body
    assert "javascript:1)" not in body.replace("\\", "\x00"), "brackets of links are escaped"


def test_conversations_export_and_their_card(tmp_path: Path) -> None:
    rows = [
        Conversation(f"c{n}", [Message("user", "Hi"), Message("assistant", f"Hello {n}")], "chats") for n in range(3)
    ]
    source = dataset_of("Conversation", rows, str(tmp_path / "run/chats"))
    stage = get_stage("export-sft")
    for layout in ("messages", "completion", "text"):
        output = str(tmp_path / "run" / layout)
        execute(stage, stage.config(layout=layout), {"input": [source]}, output)
        assert cards.keep_card(stage, output, [source]) is None
        head, body = parsed((tmp_path / "run" / layout / cards.CARD).read_text("utf-8"))
        assert head["tags"] == ["arcmill", "sft"] and "| chats | 3 |" in body
        assert len(loaded(output, tmp_path / "cache")) == 3


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        ({}, {"license": "unknown"}),
        ({"": 4}, {"license": "unknown"}),
        ({"Apache-2.0": 1}, {"license": "apache-2.0"}),
        ({"MIT": 2, "GPL-2.0-only": 1}, {"license": ["gpl-2.0", "mit"]}),
        ({"MIT": 2, "": 1}, {"license": "other", "license_name": "see-the-section-licences"}),
        ({"MIT OR Apache-2.0": 1}, {"license": "other", "license_name": "see-the-section-licences"}),
    ],
)
def test_a_licence_is_named_only_where_every_row_states_it(counted: dict[str, int], told: dict[str, Any]) -> None:
    assert front.licence(counted) == told


def test_sizes_and_languages_are_the_hubs() -> None:
    sizes = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 10**6: "1M<n<10M", 10**12: "n>1T"}
    assert {rows: front.size(rows) for rows in sizes} == sizes
    assert front.languages({"zh": 5000, "en": 9000, "": 100, "x": 9, "fr": 1, "not-a-code": 900}) == ["en", "zh"]


def test_only_what_a_step_passes_on_is_counted(tmp_path: Path) -> None:
    """Benchmarks that documents are compared with are no source, and no model that nobody asked wrote anything."""
    mine = [Problem(f"p{n}", f"How many boats are {n} and {n}?", "math", "boats", "1") for n in range(3)]
    tests = [Problem("t", "Who wrote the log book of the ship?", "exact", "held-out", "x")]
    inputs = {
        "input": [dataset_of("Problem", mine, str(tmp_path / "run/mine"))],
        "benchmarks": [dataset_of("Problem", tests, str(tmp_path / "run/tests"))],
    }
    stage = get_stage("decontaminate")
    execute(stage, stage.config(), inputs, str(tmp_path / "run/clean"))
    facts = gather(str(tmp_path / "run/clean"))
    assert facts.values["source"] == {"boats": 3} and facts.counted_in["source"] == ["clean"]
    export = get_stage("export-rl")
    execute(export, export.config(), {"input": [str(tmp_path / "run/clean")]}, str(tmp_path / "run/rl"))
    body = cards.card_of(str(tmp_path / "run/rl"))
    assert "boats" in body and "| held-out |" not in body
    assert "Compared with the benchmarks that were given" in body and "language models" not in body


def test_commands_write_it(run: Path) -> None:
    from click.testing import CliRunner

    from pipelines.cli import cli

    output = str(run / "again")
    done = CliRunner().invoke(cli, ["export-rl", "--input", str(run / "problems"), "--output", output, "--quiet"])
    assert done.exit_code == 0 and done.output.strip() == output, done.output
    card = (run / "again" / cards.CARD).read_text("utf-8")
    shown = CliRunner().invoke(cli, ["card", output, "--show"])
    assert shown.output.rstrip("\n") == card.rstrip("\n")
    (run / "again" / cards.CARD).unlink()
    assert CliRunner().invoke(cli, ["card", output]).output.strip() == f"{output}/{cards.CARD}"
    assert (run / "again" / cards.CARD).read_text("utf-8") == card


def test_what_lies_elsewhere_is_said_to_be_lacking(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.move(str(run / "problems"), str(tmp_path / "elsewhere"))
    card = cards.card_of(str(run / "rl"), [str(run)])
    assert "Not at hand when this was written" in card
    assert "Not at hand" not in cards.card_of(str(run / "rl"), [str(tmp_path / "elsewhere")])
