"""The recipes of the stages of training run as they are, small, and their receipts hold; then with data in place of steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from pipelines import runner
from pipelines.receipt import receipt, render
from pipelines.recipe import load_recipe
from sequences.curriculum import STAGES

# A few documents of each kind; sequences are shorter, so that there are some.
SMALL = {
    "pages": ("max_documents=60", "distributions=[click]"), "manuals": ("max_documents=40", "distributions=[click]"),
    "files": ("max_documents=60", "distributions=[click, pytest]"), "problems": ("count=150",), "tokenizer": ("vocab_size=1024",),
    "tasks": ("count=4", "environment=[shop]", "per_world=4"), "repositories": ("budget_tokens=4000",),
    "packed": ("sequence_length=4096",), "stem": ("drop_below=0",), "mixed": ("budget_tokens=30000", "max_epochs=1000"),
}  # fmt: skip


def small(name: str, *more: str) -> list[str]:
    """Settings of a recipe that make it small: those of its own steps."""
    steps = {step.name for step in load_recipe(name).steps}
    return [f"{step}.{setting}" for step, settings in SMALL.items() if step in steps for setting in settings] + [*more]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [row for batch in Dataset.open(str(path)).batches() for row in batch.to_pylist()]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_stage_of_training_runs_and_its_receipt_holds(runs: Path, name: str) -> None:
    root = runs / name
    runner.run(load_recipe(name, small(name)), str(root), workers=1, quiet=True)
    found = receipt(str(root))
    (mixture,), (packed,) = found["mixtures"], found["packed"]
    assert mixture["training_stage"] == name
    assert mixture["asked_tokens"] == 30_000
    for source in mixture["sources"]:
        assert abs(source["error_percent"]) <= 0.1 or source["missed"], source
        if source["available_documents"]:
            assert source["tokens_by"] == Dataset.open(str(root / "tokenizer")).fingerprint[:16]
    assert sum(bool(source["tokens"]) for source in mixture["sources"]) >= 2
    assert packed["mixture"] == "mixed"
    # What the mixture says is what the sequences hold, counted anew from their segments.
    held: dict[str, int] = {}
    for row in rows_of(root / "packed"):
        for segment in row["segments"]:
            extra = 3 if segment["role"] in ("psm", "spm") else 0
            held["tokens"] = held.get("tokens", 0) + segment["length"] - extra
    assert held["tokens"] == packed["tokens"] == mixture["tokens"]
    assert packed["rows"] * 4096 == packed["tokens"] + packed["sentinels"] + packed["padding"]
    assert STAGES[name].packing == packed["mode"]
    if name == "sft":
        assert packed["tokens_in_loss"] < packed["tokens"]
    else:
        assert packed["tokens_in_loss"] == packed["tokens"]
    assert "asked 30,000 tokens" in render(found)
    assert json.loads(json.dumps(found)) == found


def test_lengths_and_stages_are_those_of_the_report() -> None:
    for name, stage in STAGES.items():
        config = {step.name: step.config for step in load_recipe(name).steps}
        assert (config["packed"].sequence_length, config["packed"].mode) == (stage.sequence_length, stage.packing)
        assert config["mixed"].training_stage == name
        if stage.tokens is not None:
            scaled = load_recipe(name, ["mixed.training_tokens=23100000"])
            mixed = next(step.config for step in scaled.steps if step.name == "mixed")
            assert mixed.tokens_asked == stage.tokens // 10**6


def test_datasets_of_a_users_own_take_the_place_of_steps(runs: Path) -> None:
    """Web pages and a tokenizer of the first stage's run in the second's."""
    given, root = runs / "pretrain_general", runs / "own"
    assignments = [
        f"web={given}/web", f"code.input={given}/code-exact", f"tokenizer={given}/tokenizer", f"stem={given}/web",
        f"code-web={given}/web", "mixed.budget_tokens=20000", "mixed.max_epochs=1000", "packed.sequence_length=2048",
    ]  # fmt: skip
    recipe = load_recipe("pretrain_code_stem", assignments)
    assert [step.name for step in recipe.steps if step.stage.name.startswith(("ingest", "score", "select"))] == []
    runner.run(recipe, str(root), workers=1, quiet=True)
    found = receipt(str(root / "packed"))
    assert [entry["step"] for entry in found["mixtures"]] == ["mixed"]
    assert {source["source"] for source in found["packed"][0]["sources"]} == {"code", "code-web", "stem", "web"}
    (only,) = receipt(str(root / "mixed"))["mixtures"]
    assert only["asked_tokens"] == 20_000
    with pytest.raises(UsageError, match="holds no dataset of mix or pack"):
        receipt(str(given / "web"))
