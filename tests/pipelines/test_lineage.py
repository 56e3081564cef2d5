"""The DAG of a run, found from fingerprints alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_stages import DROP, MAKE, MEASURE, DropConfig, MakeConfig

from arcmill.config import StageConfig
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.identity import identify
from pipelines.lineage import DAMAGED, DONE, UNFINISHED, find_rows, open_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """z-made -> m-dropped -> a-dropped, and a model beside: the names are in the wrong order on purpose."""
    root = tmp_path_factory.mktemp("lineage") / "run"
    execute(MAKE, MakeConfig(splits=2, rows=40), {}, f"{root}/z-made")
    execute(DROP, DropConfig(), {"input": [f"{root}/z-made"]}, f"{root}/m-dropped")
    execute(DROP, DropConfig(modulus=5), {"input": [f"{root}/m-dropped"]}, f"{root}/a-dropped")
    execute(MEASURE, StageConfig(), {"input": [f"{root}/m-dropped"]}, f"{root}/b-model")
    return root


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_steps_come_after_what_they_read_the_longest_chain_first(run: Path) -> None:
    found = open_run(str(run))
    assert [step.name for step in found.steps] == ["z-made", "m-dropped", "a-dropped", "b-model"]
    assert found.name == "run"
    middle = found.by_name["m-dropped"]
    assert [step.name for step in found.sources(middle)] == ["z-made"]
    assert sorted(step.name for step in found.consumers(middle)) == ["a-dropped", "b-model"]
    assert [step.name for step in found.ancestors(found.by_name["a-dropped"])] == ["z-made", "m-dropped", "a-dropped"]


def test_a_moved_run_keeps_its_edges_and_a_rebuilt_input_loses_them(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    run.rename(moved)
    assert open_run(str(moved)).by_name["a-dropped"].inputs[0].step == "m-dropped"
    execute(DROP, DropConfig(modulus=7), {"input": [f"{moved}/z-made"]}, f"{moved}/m-dropped", force=True)
    edge = open_run(str(moved)).by_name["a-dropped"].inputs[0]
    assert edge.step is None
    assert edge.input == "input"


def test_a_single_dataset_is_a_run_of_one_step(run: Path) -> None:
    found = open_run(f"{run}/m-dropped/")
    assert [(step.name, step.state) for step in found.steps] == [("m-dropped", DONE)]
    assert found.steps[0].inputs[0].step is None


def test_unfinished_and_damaged_steps_are_told_apart(run: Path) -> None:
    identity, _ = identify(DROP, DropConfig(modulus=2), {"input": [f"{run}/z-made"]})
    staging = run / "cut-off" / "_staging"
    staging.mkdir(parents=True)
    (staging / "plan.json").write_text(json.dumps(identity))
    (staging / "task-000000.json").write_text("{}")
    (run / "bad").mkdir()
    (run / "bad" / "manifest.json").write_text('{"format_version": 1, "stage": "x", "files": [], "counts": {}}')
    (run / "torn").mkdir()
    (run / "torn" / "manifest.json").write_text('{"format_ver')
    (run / "notes").mkdir()
    found = open_run(str(run))
    cut = found.by_name["cut-off"]
    assert (cut.state, cut.stage, cut.tasks, cut.dataset) == (UNFINISHED, "drop", 1, None)
    assert [edge.step for edge in cut.inputs] == ["z-made"]
    assert {found.by_name[name].state for name in ("bad", "torn")} == {DAMAGED}
    assert all(found.by_name[name].problem for name in ("bad", "torn"))
    assert "notes" not in found.by_name


def test_the_same_work_under_two_names_and_a_forged_cycle_do_no_harm(run: Path) -> None:
    shutil.copytree(run / "m-dropped", run / "copy")
    found = open_run(str(run))
    assert found.by_name["a-dropped"].inputs[0].step == "copy"  # the first by name; the bytes are the same
    for name, other in (("z-made", "a-dropped"), ("a-dropped", "z-made")):
        path = run / name / "manifest.json"
        manifest = json.loads(path.read_text())
        mark = json.loads((run / other / "manifest.json").read_text())["fingerprint"]
        path.write_text(json.dumps({**manifest, "inputs": [{"name": "input", "fingerprint": mark}]}))
    assert {step.name for step in open_run(str(run)).steps} == {"z-made", "m-dropped", "copy", "a-dropped", "b-model"}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_run(str(tmp_path / "none"))
    with pytest.raises(InputError, match="holds no arcmill dataset"):
        open_run(str(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        open_run(str(tmp_path / "file"))


def test_rows_are_found_by_id_within_bounds(run: Path) -> None:
    dataset = open_run(str(run)).by_name["z-made"].dataset
    assert dataset is not None
    ids = [row for batch in dataset.batches(["id"]) for row in batch.column(0).to_pylist()]
    found = find_rows(dataset, {ids[3], ids[-1], "absent"}, ["text", "source"])
    assert found.keys() == {ids[3], ids[-1]}
    assert found[ids[3]].keys() == {"id", "text", "source"}
    assert "unit-0" in found[ids[3]]["text"]
    assert find_rows(dataset, {ids[-1]}, ["text"], max_rows=1) == {}
    part = run / "z-made" / dataset.parts[-1]["path"]
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged part"):
        find_rows(dataset, {ids[-1]}, ["text"])
