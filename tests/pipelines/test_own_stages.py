"""Stages of the user's own: named by their place, identified with their code, never by data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from given_rows import dataset_of

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document
from pipelines.catalogue import find_stage, get_stage
from pipelines.lineage import open_run
from pipelines.recipe import load_recipe

MODULE = """
from arcmill.config import Field, StageConfig
from arcmill.records import Document
from arcmill.stage import Outcome, Stage


class Config(StageConfig):
    most: int = Field(3, ge=1, description="longer documents are dropped; words")


def core(document, config):
    words = len(document.text.split())
    return document if words <= config.most else Outcome("too-long", score=words, threshold=config.most)


STAGE = Stage(
    name="own-short", version=1, help="Short ones.", config=Config, reads={"input": "Document"}, writes="Document",
    engine="datatrove", core=core, each=True,
)
TAKEN = Stage(name="mix", version=1, help="", config=Config, writes="Document", engine="datatrove", core=core)
NAMED = Stage(name="../x", version=1, help="", config=Config, writes="Document", engine="datatrove", core=core)
NONE = 1
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"own_stage_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize("workers", [1, 2])
def test_it_runs_like_any_other(module: str, tmp_path: Path, workers: int) -> None:
    rows = [Document(f"d{n}", "word " * (n + 1), "s") for n in range(5)]
    source = dataset_of("Document", rows, str(tmp_path / "run/rows"))
    stage = find_stage(f"{module}:STAGE")
    made = execute(stage, stage.config(), {"input": [source]}, str(tmp_path / "run/short"), workers=workers).dataset
    assert (made.counts["kept"], made.counts["dropped"]) == (3, 2)
    assert made.manifest["stage"] == "own-short" and list(made.manifest["models"]) == [f"{module}.py"]
    run = open_run(str(tmp_path / "run"))
    assert {"rows", "short"} <= {step.name for step in run.ancestors(run.by_name["short"])}


def test_other_code_is_another_dataset(module: str, tmp_path: Path) -> None:
    source = dataset_of("Document", [Document("d", "word", "s")], str(tmp_path / "rows"))
    stage = find_stage(f"{module}:STAGE")
    execute(stage, stage.config(), {"input": [source]}, str(tmp_path / "short"))
    assert execute(stage, stage.config(), {"input": [source]}, str(tmp_path / "short")).skipped
    (tmp_path / f"{module}.py").write_text(MODULE + "\n# changed\n")
    with pytest.raises(UsageError, match=rf"made from something else:\n.*{module}\.py"):
        execute(stage, stage.config(), {"input": [source]}, str(tmp_path / "short"))


def test_a_recipe_and_its_dag_name_it_by_its_place(module: str, tmp_path: Path) -> None:
    text = f"name: own\nsteps:\n  rows: {{stage: ingest-text, input: rows.jsonl}}\n  short: {{stage: {module}:STAGE, input: rows, config: {{most: 9}}}}\n"
    (tmp_path / "own.yaml").write_text(text)
    steps = {step.name: step for step in load_recipe("own.yaml", ["short.most=4"]).steps}
    assert steps["short"].config.model_dump()["most"] == 4 and steps["short"].stage.place == f"{module}:STAGE"
    assert steps["rows"].stage.place == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TAKEN", "is a stage of arcmill's"),
        ("NAMED", "must be of small letters"),
        ("NONE", "is a int, not"),
        ("GONE", "holds no"),
    ],
)
def test_what_is_no_stage_is_refused(module: str, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        find_stage(f"{module}:{name}")


def test_a_manifest_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_trap_stage.py").write_text("raise RuntimeError('imported by data')")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = dataset_of("Document", [Document("d", "word", "s")], str(tmp_path / "run/rows"))
    manifest = Path(folder) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "stage": "own_trap_stage:STAGE"}))
    assert open_run(str(tmp_path / "run")).steps[0].record == Dataset.open(folder).record == "Document"
    with pytest.raises(UsageError, match="unknown stage"):
        get_stage("own_trap_stage:STAGE")
