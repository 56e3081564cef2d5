"""An episode of the tracker to make calls in, for tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_data.environments.play import Observation, Play, begin
from agent_data.environments.tracker.tracker import Tracker
from agent_data.environments.tracker.workshop import PROGRAMS
from arcmill.generation import drive
from arcmill.records import ToolCall
from arcmill.sandbox import available
from arcmill.sandbox.programs import missing

needs_sandbox = pytest.mark.skipif(
    not available() or bool(missing(PROGRAMS)), reason=f"no sandbox with a shell here: {available().found}"
)


class Playing:
    """An episode; `call` gives what came back, `hash` the state's."""

    def __init__(self, world: Tracker, seed: int = 1) -> None:
        self.play: Play = drive(begin(world, seed))

    @property
    def held(self) -> Any:
        return self.play.episode.held  # type: ignore[attr-defined]

    def observe(self, tool: str, **arguments: Any) -> Observation:
        made: Observation = drive(self.play.call(ToolCall("c", tool, json.dumps(arguments))))
        return made

    def call(self, tool: str, **arguments: Any) -> Any:
        """What a call gives that must not be refused: a value where it is JSON, else text."""
        made = self.observe(tool, **arguments)
        assert not made.error, made.text
        try:
            return json.loads(made.text)
        except ValueError:
            return made.text

    def refused(self, tool: str, **arguments: Any) -> str:
        made = self.observe(tool, **arguments)
        assert made.error, made.text
        return str(json.loads(made.text)["error"])

    def shell(self, command: str) -> str:
        return str(self.observe("shell", command=command).text)

    def hash(self) -> str:
        return str(drive(self.play.hash()))
