"""The steps of every_stage.yaml as single commands, and an undisturbed run of each."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from command import arcmill, metrics
from warm import Child

from pipelines.catalogue import STAGES
from pipelines.recipe import Recipe, Step, load_recipe

RECIPE = Path(__file__).with_name("every_stage.yaml")
WHOLE = "whole"  # folder of the undisturbed runs
LONGEST = 900  # seconds; the first run of a kernel compiles it
PREPARED = "reviewed"  # the step for which people fill in a table first


@dataclass
class Case:
    """A step, and what its undisturbed run was like."""

    step: Step
    recipe: Recipe
    work: Path  # all commands run here
    endpoint: str
    writes: int = 0  # of the run with one worker, see moments.py
    seconds: float = 0.0  # of that run, from its beginning to its manifest

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def stage(self) -> str:
        return self.step.stage.name

    @property
    def label(self) -> str:
        """The stage; with the step, where several have it."""
        alone = sum(step.stage.name == self.stage for step in self.recipe.steps) == 1
        return self.stage if alone else f"{self.stage} ({self.name})"

    @property
    def log(self) -> Path:
        """Where moments.py counts."""
        return self.work / "config" / f"{self.name}.writes"

    @property
    def inputs(self) -> dict[str, list[str]]:
        """Input name -> paths."""
        return self.recipe.inputs(self.step, WHOLE)

    def arguments(self, output: str, workers: int, inputs: dict[str, list[str]] | None = None) -> list[str]:
        """The command that makes it at `output`."""
        config = self.work / "config" / f"{self.name}.yaml"
        config.parent.mkdir(exist_ok=True)
        if not config.exists():  # others may run the same steps
            config.write_text(yaml.safe_dump(self.step.config.model_dump(mode="json", exclude_unset=True)))
        named = [f"{name}={path}" for name, paths in (inputs or self.inputs).items() for path in paths]
        settings = [f"llm.drain={self.recipe.settings['llm.drain']}", f"llm.endpoint={self.endpoint}"]
        return [
            self.stage, *(text for each in named for text in ("--input", each)), "--output", output,
            "--config", str(config), "--workers", str(workers),
            *(text for each in (settings if self.step.stage.engine == "vllm" else ()) for text in ("--set", each)),
        ]  # fmt: skip

    def known(self) -> bool:
        """Whether its undisturbed run stands; its length is read then."""
        told = self.work / "lengths" / f"{self.name}.json"
        if not told.exists():
            return False
        self.writes, self.seconds = json.loads(told.read_text())
        return True


def cases(work: Path, endpoint: str) -> list[Case]:
    """A case for each step, in the order of the recipe."""
    os.chdir(work)  # inputs are paths below it
    recipe = load_recipe(str(RECIPE))
    return [Case(step, recipe, work, endpoint) for step in recipe.steps]


def uncovered(found: list[Case]) -> list[str]:
    """Stages of the catalogue that no step has."""
    return sorted(set(STAGES) - {case.stage for case in found})


def undisturbed(case: Case) -> str:
    """Run a step whole, with one worker, and learn its length. Returns what was said if it failed."""
    if case.name == PREPARED:
        prepare_review(case)
    log, output = case.log, f"{WHOLE}/{case.name}"
    child = Child(case.arguments(output, 1), case.work, case.name, str(case.work / output), str(log))
    done = child.wait(LONGEST)
    if done.status:
        return f"exit {done.status}: {done.told[-1500:]}"
    case.writes, case.seconds = log.stat().st_size, metrics(case.work / output)["seconds"]
    (case.work / "lengths").mkdir(exist_ok=True)
    (case.work / "lengths" / f"{case.name}.json").write_text(json.dumps([case.writes, case.seconds]))
    return ""


def prepare_review(case: Case) -> None:
    """What people would do: the exported table, its first rows accepted and one refused."""
    table = case.work / "raw" / "review.csv"
    table.unlink(missing_ok=True)
    done = arcmill("review", "export", f"{WHOLE}/suggested", "--output", str(table), cwd=case.work)
    if done.status:
        raise SystemExit(done.told)
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows[:20]):
        row |= {
            "decision": "accept" if number else "refuse",
            "reviewer": "A. Name",
            "reviewed_at": "2026-01-01",
            "note": "" if number else "no",
        }
    with table.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
