"""What a task asks for, as `AgentTask.goal` holds it: JSON with sorted keys."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = ("done", "refuse", "answer")


@dataclass(slots=True)
class Goal:
    """`done`: the state `state` and all of `tell`; `refuse`: the state of the start, and the user told that it cannot be
    done; `answer`: `answer` or one of `aliases` told, as search tasks have it (a goal without `kind` is one of these)."""

    kind: str
    seed: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)  # the blueprint: name, arguments
    initial: str | None = None  # hash of the state at the start
    state: str | None = None  # hash of the state at the end
    tell: list[dict[str, Any]] = field(
        default_factory=list
    )  # {"what": …, "values": [texts, one of which must be said]}
    user: dict[str, Any] | None = None  # of a dialogue: see UserScript below
    refuse: dict[str, str] | None = None  # {"why": "no-tool" | "policy", "rule": …}
    blueprint: dict[str, Any] | None = None  # how it was made: the origin of each argument
    wording: str = "template"  # template | model
    answer: str | None = None
    aliases: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # what other makers of tasks add, kept as it is

    def text(self) -> str:
        """The JSON text."""
        held = {name: value for name, value in asdict(self).items() if name != "more" and value not in (None, [])}
        return json.dumps({**self.more, **held}, sort_keys=True, ensure_ascii=False)


# UserScript, the `user` of a dialogue: {"introduction": text or null, "requests": [{"text": a request in the user's words,
# "facts": {name: value}}], "facts": {name: value that the user gives when asked}}. The first line opens the dialogue.


def read_goal(text: str | None) -> Goal:
    """A goal from its JSON text. ValueError says what is wrong."""
    held = json.loads(text or "null")
    if not isinstance(held, dict):
        raise ValueError("the task has no goal")
    names = Goal.__dataclass_fields__
    kind = held.get("kind", "answer" if "answer" in held else None)
    if kind not in KINDS:
        raise ValueError(f"goal of kind {kind!r}; known: {', '.join(KINDS)}")
    known = {name: value for name, value in held.items() if name in names and name != "more"}
    return Goal(**{**known, "kind": kind}, more={name: value for name, value in held.items() if name not in names})
