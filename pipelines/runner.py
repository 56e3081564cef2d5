"""Running and planning recipes: one dataset a step, under the run's folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from arcmill.errors import ArcmillError, UsageError
from pipelines.recipe import Recipe, Step


@dataclass(frozen=True)
class Planned:
    """What would become of a step: done | run | take up | refuse."""

    step: Step
    output: str
    state: str
    reason: str


def run_root(recipe: Recipe, root: str | None) -> str:
    """The folder of a run: `runs/<recipe name>` unless one is given."""
    return (root or f"runs/{recipe.name}").rstrip("/")


def select(recipe: Recipe, only: Sequence[str], start: Sequence[str]) -> list[Step]:
    """The steps that `--only` and `--from` leave. A stage's name will do for a step's, where one step has it."""
    for wanted in (*only, *start):
        _named(recipe, wanted)
    if only:
        names = {_named(recipe, wanted) for wanted in only}
        return [step for step in recipe.steps if step.name in names]
    if not start:
        return list(recipe.steps)
    names = {_named(recipe, wanted) for wanted in start}
    for step in recipe.steps:  # in topological order, so what follows is found in one pass
        if any(other in names for others in step.steps.values() for other in others):
            names.add(step.name)
    return [step for step in recipe.steps if step.name in names]


def _named(recipe: Recipe, wanted: str) -> str:
    if any(step.name == wanted for step in recipe.steps):
        return wanted
    by_stage = [step.name for step in recipe.steps if step.stage.name == wanted]
    if len(by_stage) == 1:
        return by_stage[0]
    names = ", ".join(step.name for step in recipe.steps)
    raise UsageError(f"no step '{wanted}' in recipe {recipe.name}; steps: {names}")


def plan(recipe: Recipe, root: str) -> Iterator[Planned]:
    """The DAG in order: what is done, what would run and why. Nothing is changed."""
    from arcmill.identity import identify, standing

    pending: set[str] = set()
    for step in recipe.steps:
        output = f"{root}/{step.name}"
        waits = [other for others in step.steps.values() for other in others if other in pending]
        if waits:
            state, reason = "run", f"after {', '.join(waits)}" + ("; it was cut off before" if _staged(output) else "")
        else:
            try:
                identity, _ = identify(step.stage, step.config, recipe.inputs(step, root))
                standing_now, differences = standing(output, identity)
                state, reason = {
                    "done": ("done", ""), "new": ("run", "not made yet"), "unfinished": ("take up", f"a run was cut off; {_staged(output)} done"),
                    "drifted": ("refuse", "; ".join(differences)),
                }[standing_now]  # fmt: skip
            except ArcmillError as error:
                state, reason = "refuse", str(error)
        if state != "done":
            pending.add(step.name)
        yield Planned(step, output, state, reason)


def _staged(output: str) -> str:
    """The tasks that a run which was cut off left in the staging of a step, in words; empty where there is no staging."""
    from arcmill.dataset import STAGING
    from arcmill.storage import locate

    filesystem, path = locate(output)
    try:
        names = [str(name).rpartition("/")[2] for name in filesystem.ls(f"{path}/{STAGING}", detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return ""
    tasks = sum(name.startswith("task-") for name in names)
    return f"{tasks} task{'' if tasks == 1 else 's'}"


def run(
    recipe: Recipe, root: str, *, only: Sequence[str] = (), start: Sequence[str] = (), workers: int = 1,
    force: bool = False, quiet: bool = False,
) -> str | None:  # fmt: skip
    """Run the steps in order; a finished one is skipped. Says on stderr what became of each.

    Then the canaries that the recipe asks for, except under `only`; returns what became of them, in one line.

    `force` rebuilds steps whose dataset was made from something else. With `only` or `start` it rebuilds every step that they
    leave: those named and, from `start` on, all that consume them, whatever their fingerprints say. Who asks for a step to be
    built anew with what follows no longer trusts what lies there, and a fingerprint knows inputs and settings, not the code.
    """
    from arcmill.execute import execute
    from arcmill.identity import identify, standing
    from arcmill.progress import Progress

    steps = select(recipe, only, start)
    chosen = bool(only or start)
    width = max(len(step.name) for step in steps)
    began = time.monotonic()
    for number, step in enumerate(steps, 1):
        output, inputs = f"{root}/{step.name}", recipe.inputs(step, root)
        rebuild = force and (chosen or standing(output, identify(step.stage, step.config, inputs)[0])[0] == "drifted")
        label = f"[{number}/{len(steps)}] {step.name:<{width}}"
        try:
            result = execute(
                step.stage, step.config, inputs, output, workers=workers, force=rebuild, settings=recipe.settings,
                progress=Progress(label, quiet),
            )  # fmt: skip
        except ArcmillError as error:
            raise type(error)(f"step '{step.name}': {error}") from error
        if not quiet:
            said = "done before" if result.skipped else f"{result.seconds:6.1f} s"
            print(f"{label}  {summary(result.dataset.manifest)}  {said}", file=sys.stderr, flush=True)
    if not quiet:
        print(f"{recipe.name}: {len(steps)} steps in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    if recipe.canaries is None or only:
        return None
    from pipelines.canaries.run import run_canaries
    from pipelines.canaries.run import summary as canaries_in_short

    report = run_canaries(recipe, root, workers=workers, settings=recipe.settings, quiet=quiet)
    return canaries_in_short(report)


def summary(manifest: dict[str, Any]) -> str:
    """Counts in a few words."""
    counts = manifest["counts"]
    if manifest["record"] == "Model":
        return f"{counts['in']:>9,} in -> model"
    leaves = [f"{counts[name]:,} {name}" for name in ("dropped", "merged", "errored", "created") if counts.get(name)]
    return f"{counts['in']:>9,} in -> {counts['kept']:,} kept" + (f" ({', '.join(leaves)})" if leaves else "")
