"""What a trajectory's row says of itself: `Conversation.evidence`, JSON with sorted keys.

From it and the messages the trajectory can be played again: environment, seed, the calls, and the hashes of the states.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

KIND = "trajectory"
FINISHED = ("answered", "user-stop", "terminal-call")  # ends of a trajectory that came to its end by itself


@dataclass(slots=True)
class Evidence:
    """See each field. `ended` is one of FINISHED, or why it failed: malformed-call, turns, tokens, time, …"""

    environment: str
    version: str  # of the environment
    seed: int
    task: str  # AgentTask.id
    steps: str  # of the task: single | multi | dialogue
    player: str  # model:<served name>, or gold: the blueprint replayed without a model
    ended: str
    sample: int = 0
    user: str | None = None  # who spoke for the user: model:<served name>, scripted, or None
    detail: str | None = None  # of `ended`
    characters: int = 20_000  # longest observation, in characters
    calls: list[dict[str, Any]] = field(
        default_factory=list
    )  # name, error (true where so), state (hash, after a write)
    states: dict[str, str | None] = field(default_factory=dict)  # initial, final, goal: hashes
    verifier: str = "replay"
    verdict: str = "unjudged"  # unjudged | right
    checks: dict[str, Any] = field(default_factory=dict)  # judge-trajectories: check -> its verdict and why
    kind: str = KIND

    def text(self) -> str:
        """The JSON text."""
        held = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps(held, sort_keys=True, ensure_ascii=False)


def read_evidence(text: str | None) -> Evidence | None:
    """The evidence of a trajectory; None of any other row. ValueError where it is broken."""
    try:
        held = json.loads(text or "null")
    except ValueError as error:
        raise ValueError(f"evidence is no JSON ({error})") from None
    if not isinstance(held, dict) or held.get("kind") != KIND:
        return None
    try:
        return Evidence(**held)
    except TypeError as error:
        raise ValueError(f"evidence of a trajectory: {error}") from None
