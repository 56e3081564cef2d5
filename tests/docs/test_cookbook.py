"""docs/cookbook.md: every recipe and command of it is sound; those that need nothing are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click import Context

from arcmill.dataset import Dataset
from pipelines import cli, runner
from pipelines.recipe import load_recipe
from pipelines.verify import verify_path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (DOCS / "cookbook.md").read_text("utf-8")
FILES = {
    code.splitlines()[0].removeprefix("# file: "): code.partition("\n")[2]
    for _, code in BLOCK.findall(PAGE) if code.startswith("# file: ")
}  # fmt: skip
COMMANDS = [line for language, code in BLOCK.findall(PAGE) if language == "sh" for line in code.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, and the world of another."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    world = next(code for _, code in BLOCK.findall((DOCS / "environments.md").read_text("utf-8")) if "A clinic" in code)
    (tmp_path / "clinic.py").write_text(world)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_there_are_ten_jobs_each_with_a_command() -> None:
    sections = re.findall(r"^## \d+\. (.*?)$(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    assert len(sections) == 10 and all("arcmill run " in text for _, text in sections)
    assert "TODO" not in PAGE
    assert len(FILES) == 9


def test_every_recipe_is_planned_and_every_command_parsed(folder: Path) -> None:
    planned = []
    for line in COMMANDS:
        words = shlex.split(line)
        assert words[0] == "arcmill", line
        command = cli.cli.get_command(Context(cli.cli), words[1])
        assert command is not None, line
        given = command.make_context(
            words[1], words[2:]
        ).params  # options and arguments that it does not have would raise
        if words[1] == "run":
            recipe = load_recipe(given["recipe"], given["assignments"])
            planned.append(given["recipe"])
            # What lies in folders of the reader is not there: no other step may be refused.
            refused = [
                step for step in runner.plan(recipe, runner.run_root(recipe, given["root"])) if step.state == "refuse"
            ]
            assert all(step.step.paths for step in refused), [(step.step.name, step.reason) for step in refused]
    assert len(planned) == 10 and {name for name in FILES if name.endswith(".yaml")} <= set(planned)


@pytest.mark.parametrize(
    ("name", "fewer", "end"),
    [
        ("worked.yaml", ["problems.count=40", "held-out.count=5"], "trl"),
        ("clinic.yaml", ["tasks.count=6"], "sft"),
        ("sft-mix.yaml", ["problems.count=100", "mixed.budget_tokens=9000", "mixed.max_epochs=50"], "packed"),
    ],
)
def test_a_recipe_that_needs_nothing_of_the_reader_runs(folder: Path, name: str, fewer: list[str], end: str) -> None:
    recipe = load_recipe(name, fewer)
    root = runner.run_root(recipe, None)
    runner.run(recipe, root, workers=1, quiet=True)
    assert Dataset.open(f"{root}/{end}").rows > 0
    assert verify_path(root, environments=["clinic=clinic:environment"])["ok"]
