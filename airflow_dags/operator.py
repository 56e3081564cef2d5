"""The tasks: a step's command, and the report at the end. Parameters reach them as arguments; nothing is templated."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_dags.assets import UNDATED, asset_of, facts_of
from airflow_dags.command import param_of, report_command, run_command, step_command
from airflow_dags.given import Given, Made, followed_input, values_of
from airflow_dags.process import Process
from airflow_dags.resources import resources_of
from arcmill.errors import ArcmillError
from pipelines.recipe import Recipe, Step

_FINAL = {2: "a mistake in the command, the settings or the recipe", 3: "the input cannot be used"}


class CommandOperator(BaseOperator):  # type: ignore[misc]
    """A command of arcmill. Exit status 2 and 3 fail at once, for the same would come again; all else may be retried."""

    template_fields: Sequence[str] = ()  # parameters are data: no template engine sees them
    ui_color = "#dfeee4"

    def __init__(self, *, recipe: Recipe, steps: Sequence[Step], command: Sequence[str], folder: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.recipe, self.steps, self.command, self.folder = recipe, tuple(steps), list(command), folder
        self._process: Process | None = None

    def given(self, context: Mapping[str, Any]) -> Given:
        """What the run was given. AirflowFailException where something lacks."""
        logical = context.get("logical_date")
        try:
            return values_of(
                self.recipe, context["params"], self.folder, steps=self.steps, made=self._made(context),
                key=context.get("partition_key"), logical=logical.strftime("%Y-%m-%d") if logical is not None else None,
            )  # fmt: skip
        except ArcmillError as error:
            raise AirflowFailException(str(error)) from None

    def _made(self, context: Mapping[str, Any]) -> dict[str, list[Made]]:
        """The outputs of other DAGs that this task reads, the newest last: those that triggered the run, by hand all of them.

        All are asked for only where they must be: Airflow 3.3 fails to tell them while a run that one triggered is queued.
        """
        triggering = context.get("triggering_asset_events") or {}
        made: dict[str, list[Made]] = {}
        for follow, output in self.recipe.airflow.follows.items():
            step, name = followed_input(self.recipe, follow)
            asset = asset_of(*output.split("/"))
            if asset not in self.inlets or context["params"].get(param_of(step, name)) is not None:
                continue
            events = triggering[asset] if asset in triggering else context["inlet_events"][asset]
            told = [event.extra for event in events if event.extra and event.extra.get("path")]
            made[follow] = [Made(str(extra["path"]), extra.get("date")) for extra in told]
        return made

    def run_process(self, argv: Sequence[str]) -> None:
        """Run arcmill with these arguments to its end."""
        os.makedirs(self.folder, exist_ok=True)
        whole = [*self.command, *argv]
        self.log.info("in %s: %s", self.folder, shlex.join(whole))
        try:
            self._process = Process(whole, self.folder, lambda line: self.log.info("%s", line))
        except (FileNotFoundError, PermissionError):
            raise AirflowFailException(
                f"there is no command {self.command[0]!r} here; ARCMILL_AIRFLOW_COMMAND names it (docs/airflow.md)"
            ) from None
        status = self._process.wait()
        if status == 0:
            return
        said = "\n".join(self._process.last)
        if status in _FINAL:
            raise AirflowFailException(f"exit status {status}, {_FINAL[status]}:\n{said}")
        how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
        raise AirflowException(f"{how}; finished parts are kept, and a retry takes them up:\n{said}")

    def on_kill(self) -> None:
        """End the command and all that it started."""
        if self._process is not None:
            self._process.end()


class StepOperator(CommandOperator):
    """A step of a recipe, by its stage's command. Returns what its manifest says; its asset's event tells the same."""

    def __init__(self, *, step: Step, **kwargs: Any):
        super().__init__(steps=[step], **kwargs)

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Make the dataset, or find that it stands."""
        given, step = self.given(context), self.steps[0]
        workers = given.workers or resources_of(self.recipe, step).workers
        try:
            argv = step_command(
                self.recipe, step, given.root, inputs=given.inputs.get(step.name), settings=given.settings.get(step.name),
                workers=workers, force=given.force,
            )  # fmt: skip
        except ArcmillError as error:
            raise AirflowFailException(str(error)) from None
        self.run_process(argv)
        facts = {
            **facts_of(f"{given.root}/{step.name}"),
            "recipe": self.recipe.name,
            "step": step.name,
            "date": given.date,
        }
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = facts
            event.add_partitions(given.date or UNDATED)  # so that each date of a backfill starts a run of what follows
        return facts


class ReportOperator(CommandOperator):
    """The page about a run; before it the canaries, where the recipe asks for them. Returns the page's path."""

    def __init__(self, *, source: str, assignments: Sequence[str] = (), **kwargs: Any):
        super().__init__(**kwargs)
        self.source, self.assignments = source, list(assignments)

    def execute(self, context: Mapping[str, Any]) -> str:
        """Write the page."""
        given = self.given(context)
        since = context["params"].get("since") or (None if given.date is None else "previous")
        try:
            argv = report_command(self.source, given.root, since)
            if self.recipe.canaries is not None:
                workers = given.workers or self.recipe.airflow.cpu.workers
                argv = run_command(
                    self.recipe, self.source, given.root, self.assignments, given.inputs, given.settings, workers, since
                )
        except ArcmillError as error:
            raise AirflowFailException(str(error)) from None
        self.run_process(argv)
        return f"{given.root}/report.html"
