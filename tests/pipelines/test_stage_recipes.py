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


# More pages where they are told apart by their score, so that each source has some.
OTHERWISE = {"pretrain_code_stem": ("pages.distributions=[click, pytest, numpy]", "stem.drop_below=0.35")}


def small(name: str, *more: str) -> list[str]:
    """Settings of a recipe that make it small: those of its own steps."""
    steps = {step.name for step in load_recipe(name).steps}
    return [f"{step}.{setting}" for step, settings in SMALL.items() if step in steps for setting in settings] + [
        *OTHERWISE.get(name, ()), *more
    ]  # fmt: skip


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
    if name == "pretrain_code_stem":  # a page is in one source, the first that chooses it
        held_by = {s: {row["id"] for row in rows_of(root / f"{s}-counted")} for s in ("code-web", "stem", "web")}
        assert sum(map(len, held_by.values())) == len(set().union(*held_by.values()))
        assert Dataset.open(str(root / "web-apart")).counts["dropped"] and all(held_by.values())
        assert mixture["shared"]["documents"] == 0
    if name == "sft":
        assert 0 < packed["in_loss_percent"] < 100 and packed["in_loss_unique"] <= packed["tokens_in_loss"]
        assert sum(source["loss_percent"] for source in packed["sources"]) == pytest.approx(100, abs=0.01)
        assert packed["tokens_in_loss"] < packed["tokens"]
    else:
        assert packed["tokens_in_loss"] == packed["tokens"]
    assert "asked 30,000 tokens" in render(found)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("name", ["quickstart", "code"])
def test_any_recipe_that_mixes_and_packs_realises_what_was_asked(runs: Path, name: str) -> None:
    root = runs / name
    runner.run(load_recipe(name, small(name, "mixed.budget_tokens=300000")), str(root), workers=1, quiet=True)
    found = receipt(str(root / "packed"))
    (packed,), ((source,),) = found["packed"], [mixture["sources"] for mixture in found["mixtures"]]
    assert source["tokens_by"] == Dataset.open(str(root / "tokenizer")).fingerprint[:16]
    assert (packed["mixture"], source["asked_tokens"]) == ("mixed", 300_000)
    assert abs(source["error_percent"]) <= 0.1
    # Of a text that format-fim rearranged a cut may part a token, and its sentinels count: few, as few are rearranged so.
    assert abs(packed["error_percent"]) <= (0.5 if name == "code" else 0.1)


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
        f"web={given}/web", f"code.input={given}/code-exact", f"tokenizer={given}/tokenizer", f"code-web={given}/web",
        f"stem={given}/web-exact", f"web={given}/language", "mixed.budget_tokens=20000", "mixed.max_epochs=1000", "packed.sequence_length=2048",
    ]  # fmt: skip
    recipe = load_recipe("pretrain_code_stem", assignments)
    assert [step.name for step in recipe.steps if step.stage.name.startswith(("ingest", "score", "select"))] == []
    runner.run(recipe, str(root), workers=1, quiet=True)
    found = receipt(str(root / "packed"))
    assert [entry["step"] for entry in found["mixtures"]] == ["mixed"]
    assert {source["source"] for source in found["packed"][0]["sources"]} == {"code", "code-web", "stem", "web"}
    (only,) = receipt(str(root / "mixed"))["mixtures"]
    assert only["asked_tokens"] == 20_000
    # Each is a part of the next one here, and what is in the first is not drawn for the next.
    assert only["shared"]["documents"] == 0
    gone = {step: Dataset.open(str(root / step)).counts["dropped"] for step in ("stem-apart", "web-apart")}
    assert gone == {"stem-apart": len(rows_of(given / "web")), "web-apart": len(rows_of(given / "web-exact"))}
    with pytest.raises(UsageError, match="holds no dataset of mix or pack"):
        receipt(str(given / "web"))
