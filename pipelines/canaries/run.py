"""The shadow run: sample, control, planting, the same steps again, verdicts."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arcmill.config import StageConfig
from arcmill.errors import ArcmillError
from arcmill.stage import Stage
from pipelines.canaries import CONTROL, FOLDER, PLANTED, REPORT
from pipelines.canaries.config import Canaries
from pipelines.canaries.follow import Followed, Way, way_of
from pipelines.recipe import Recipe


@dataclass(frozen=True)
class Shadow:
    """Where a shadow run lies, and how its stages are run."""

    root: str  # of the real run
    way: Way
    workers: int
    settings: Mapping[str, Any]
    quiet: bool

    def path(self, side: str, name: str) -> str:
        return f"{self.root}/{FOLDER}/{side}/{name}"

    def source(self, side: str, step: Followed) -> list[str]:
        """The main inputs of a step: what its sources made there, lowered where they set scores."""
        by_name = {other.step.name: other for other in self.way.steps}
        lowered = {name for name in step.sources if side == PLANTED and name in by_name and by_name[name].scores}
        return [self.path(side, f"{name}.lowered" if name in lowered else name) for name in step.sources]


def run_canaries(
    recipe: Recipe, root: str, *, workers: int = 1, settings: Mapping[str, Any] | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Make or take up the shadow run of a finished run, write its report, and return it.

    The run's datasets are read, never written. What was made of other canaries or another run is made anew.
    """
    from arcmill.storage import locate, write_json
    from pipelines.canaries.verdicts import report_of

    asked = recipe.canaries
    assert asked is not None
    shadow = Shadow(root, way_of(recipe, root), workers, settings or {}, quiet)
    with _no_alarms():
        _control(shadow, asked)
        _planted(shadow, asked)
    report = report_of(shadow, asked)
    filesystem, path = locate(f"{root}/{FOLDER}/{REPORT}")
    write_json(filesystem, path, report)
    return report


def _share(total: int, shadow: Shadow) -> int:
    return max(1, -(-total // max(1, len(shadow.way.entries))))


def _control(shadow: Shadow, asked: Canaries) -> None:
    from pipelines.canaries.stages import SAMPLE, CanarySample

    documents = _share(asked.documents, shadow)
    for entry in shadow.way.entries:
        config = CanarySample(source=entry.source, documents=documents, seed=asked.seed)
        _execute(shadow, SAMPLE, config, {}, CONTROL, entry.name)
    for step in shadow.way.steps:
        _follow(shadow, step, CONTROL)


def _planted(shadow: Shadow, asked: Canaries) -> None:
    from pipelines.canaries.stages import LOWER, PLANT, LowerCanaries, PlantCanaries

    way = shadow.way
    kinds = tuple(kind for kind in asked.kinds if kind != "benchmark-item" or way.benchmarks)
    planting = Canaries(**{**asked.model_dump(), "kinds": kinds or ("clean",)})
    for entry in way.entries:
        config = PlantCanaries(
            sample=shadow.path(CONTROL, entry.name), benchmarks=way.benchmarks, settings=planting, ngram=way.ngram,
            control=tuple(shadow.path(CONTROL, step.step.name) for step in way.steps), count=_share(asked.per_kind, shadow),
        )  # fmt: skip
        _execute(shadow, PLANT, config, {}, PLANTED, entry.name)
    for step in way.steps:
        _follow(shadow, step, PLANTED)
        if step.scores:
            scored = shadow.path(PLANTED, step.step.name)
            lowering = LowerCanaries(scored=scored)
            _execute(shadow, LOWER, lowering, {"input": [scored]}, PLANTED, f"{step.step.name}.lowered")


def _follow(shadow: Shadow, step: Followed, side: str) -> None:
    """One step of the recipe, by its own config. A sample is small, so any share of errored rows is let pass."""
    inputs: dict[str, Sequence[str]] = {step.step.stage.main_input or "input": shadow.source(side, step)}
    for name in step.shadowed.keys() | step.real.keys():
        made = [shadow.path(side, other) for other in step.shadowed.get(name, ())]
        inputs[name] = [*made, *step.real.get(name, ())]
    config = step.step.config.model_copy(update={"max_error_rate": 1.0})
    _execute(shadow, step.step.stage, config, inputs, side, step.step.name)


def _execute(
    shadow: Shadow, stage: Stage, config: StageConfig, inputs: Mapping[str, Sequence[str]], side: str, name: str
) -> None:
    from arcmill.execute import execute
    from arcmill.identity import identify, standing
    from arcmill.progress import Progress

    output = shadow.path(side, name)
    try:
        drifted = standing(output, identify(stage, config, inputs)[0])[0] == "drifted"
        execute(
            stage, config, inputs, output, workers=shadow.workers, force=drifted, settings=shadow.settings,
            progress=Progress(f"canaries {side} {name}", shadow.quiet),
        )  # fmt: skip
    except ArcmillError as error:
        raise type(error)(f"canaries, {side} step '{name}': {error}") from error


@contextlib.contextmanager
def _no_alarms() -> Iterator[None]:
    """A sample full of copies loses more than its share to merging: that is no news, and its warnings are not told."""
    logger = logging.getLogger("arcmill")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def summary(report: Mapping[str, Any]) -> str:
    """The report in one line."""
    overall = [row for row in report["recall"] if row["step"] is None]
    told = {row["kind"]: f"{row['caught']}/{row['caught'] + row['missed']}" for row in overall}
    wrongly = told.pop("clean", None)
    caught = ", ".join(f"{kind} {figures}" for kind, figures in told.items()) or "none"
    clean = f"; clean ones taken wrongly {wrongly}" if wrongly else ""
    changed = report["others_changed_count"]
    others = f"{changed} OTHER DOCUMENTS CHANGED" if changed else "other documents unchanged"
    planted = sum(report["planted"].values())
    return f"canaries: {planted} planted beside {report['sample']['documents']} documents; caught {caught}{clean}; {others}"


def read_report(root: str) -> dict[str, Any] | None:
    """The report of a run, None where it has none. InputError where it is damaged."""
    from arcmill.errors import InputError
    from arcmill.storage import locate

    filesystem, path = locate(f"{root}/{FOLDER}/{REPORT}")
    try:
        report = json.loads(filesystem.cat_file(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict) or not isinstance(report.get("recall"), list):
        raise InputError(f"{root}/{FOLDER}/{REPORT}: is no report of canaries; run the recipe again")
    return report
