"""What an episode of the tracker holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent_data.environments.environment import ToolError
from agent_data.environments.tracker.workshop import File, Workshop


@dataclass(slots=True)
class Held:
    """`data` is the JSON value that `world.load` made, less its files; `files` the tree as it is, `head` as it was committed."""

    data: dict[str, Any]
    files: dict[str, File]
    head: dict[str, File]
    workshop: Workshop | None  # None: a tracker without shell and tests

    def issue(self, issue_id: str) -> dict[str, Any]:
        issue = self.data["issues"].get(issue_id)
        if issue is None:
            raise ToolError(f"there is no issue {issue_id!r:.60}")
        found: dict[str, Any] = issue
        return found

    def person(self, handle: str) -> dict[str, Any]:
        person = self.data["people"].get(handle)
        if person is None:
            raise ToolError(f"nobody has the handle {handle!r:.60}")
        found: dict[str, Any] = person
        return found

    def changed(self) -> list[str]:
        """Paths whose content is not as it was committed."""
        paths = self.files.keys() | self.head.keys()
        return sorted(path for path in paths if self.files.get(path) != self.head.get(path))
