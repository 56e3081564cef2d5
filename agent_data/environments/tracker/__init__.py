"""An issue tracker with a repository: files, tests and a shell in the sandbox, and faults to mend."""

from __future__ import annotations

from agent_data.environments.environment import Environment


def environment(shell: bool = True) -> Environment:
    """The tracker. Its episodes raise EngineError where `shell` is wanted and there is no sandbox, or a program is missing."""
    from agent_data.environments.tracker.tracker import Tracker

    return Tracker(shell)
