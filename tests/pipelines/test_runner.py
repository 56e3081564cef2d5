"""What `--only`, `--from` and `--force` build anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import runner
from pipelines.recipe import Recipe, load_recipe

RECIPE = """
name: small
steps:
  other:     {stage: ingest-text, input: rows.jsonl}
  pages:     {stage: ingest-text, input: rows.jsonl}
  language:  {stage: identify-language, input: pages}
  cleaned:   {stage: identify-language, input: language, config: {min_score: 0.1}}
  tokenizer: {stage: train-tokenizer, input: cleaned, config: {vocab_size: 512}}
"""
STEPS = ["other", "pages", "language", "cleaned", "tokenizer"]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe, run once into `run`."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"d{n}", "text": f"This is the plain text of document number {n}. " * 9} for n in range(20)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("small.yaml").write_text(RECIPE)
    loaded = load_recipe("small.yaml")
    runner.run(loaded, "run", quiet=True)
    return loaded


def manifests() -> dict[str, tuple[int, str]]:
    """Of each step when its manifest was written, and what it says."""
    files = {name: Path("run", name, "manifest.json") for name in STEPS}
    return {name: (file.stat().st_mtime_ns, file.read_text()) for name, file in files.items()}


@pytest.mark.parametrize(
    ("asked", "rebuilt"),
    [
        ({"start": ["language"], "force": True}, {"language", "cleaned", "tokenizer"}),
        ({"start": ["language", "other"], "force": True}, {"other", "language", "cleaned", "tokenizer"}),
        ({"only": ["language"], "force": True}, {"language"}),
        ({"only": ["cleaned"], "start": ["language"], "force": True}, {"cleaned"}),
        ({"start": ["language"]}, set()),
        ({"force": True}, set()),
    ],
)
def test_force_builds_anew_what_only_and_from_leave_and_nothing_else(
    recipe: Recipe, asked: dict[str, list[str] | bool], rebuilt: set[str]
) -> None:
    before = manifests()
    runner.run(recipe, "run", quiet=True, **asked)  # type: ignore[arg-type]
    after = manifests()
    assert {name for name in STEPS if after[name][0] != before[name][0]} == rebuilt
    assert {name: text for name, (_, text) in after.items()} == {name: text for name, (_, text) in before.items()}


def test_force_alone_builds_what_drifted_and_what_follows(recipe: Recipe) -> None:
    before = manifests()
    changed = load_recipe("small.yaml", ["cleaned.min_score=0.2"])
    runner.run(changed, "run", quiet=True, force=True)
    after = manifests()
    # The tokenizer is of the same rows, but its input has another fingerprint.
    assert {name for name in STEPS if after[name][0] != before[name][0]} == {"cleaned", "tokenizer"}
