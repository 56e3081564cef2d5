"""The search environment: `search` and `open` as arcmill.search answers them, to the byte, and the tools of a desk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_data.environments.environment import Environment, Episode, Tool, ToolError, Trace, canonical
from agent_data.environments.hints import Hints
from agent_data.environments.search.desk import DESK_TOOLS, Desk
from agent_data.environments.tooling import tool_of
from arcmill.search import TOOLS, SearchIndex
from arcmill.search.tools import answer

FOLDER = Path(__file__).parent


class Documents(Environment):
    """Over an index of index-documents; `fingerprint` is the index's. A task may offer `search` and `open` alone."""

    def __init__(self, index: str | Path) -> None:
        self.index = SearchIndex.open(index)
        self.fingerprint = self.index.fingerprint
        self._functions = {function.__name__: function for function in DESK_TOOLS}
        given = [one["function"] for one in TOOLS]
        self.tools = (
            *(Tool(one["name"], one["description"], one["parameters"]) for one in given),
            *(tool_of(function) for function in DESK_TOOLS),
        )
        self.policy = (FOLDER / "policy.md").read_text(encoding="utf-8")
        known = sha256(canonical([self.fingerprint, self.policy, [tool.schema() for tool in self.tools]]))
        for path in sorted(FOLDER.glob("*.py")):
            known.update(f"{path.name} {sha256(path.read_bytes()).hexdigest()}".encode())
        self.version = f"1-{known.hexdigest()[:12]}"

    def begin(self, seed: int, tools: Sequence[Tool] | None = None) -> Episode:
        return Reading(Desk(self.index), self._functions)

    def breaches(self, trace: Trace) -> list[str]:
        """An answer that is submitted has a citation before it."""
        found = []
        cited = False
        for call in trace.calls:
            cited = cited or (call.name == "cite" and not call.error)
            if call.name == "submit_answer" and not call.error and not cited:
                found.append("citation: an answer is submitted that no page was cited for")
        return found

    def hints(self) -> Hints:
        from agent_data.environments.search.asked import hints

        return hints(self.index)


@dataclass(slots=True)
class Reading(Episode):
    """One run over the documents."""

    desk: Desk
    functions: Mapping[str, Any]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        if name in self.functions:
            return self.functions[name](self.desk, **arguments)
        text, wrong = answer(self.desk.index, name, arguments)
        if wrong:
            raise ToolError(json.loads(text)["error"])
        return text

    def state(self) -> Any:
        return self.desk.state
