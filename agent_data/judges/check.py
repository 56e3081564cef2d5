"""What one check of a trajectory found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# In the order in which they are told: the first that is wrong is the rule in the ledger.
CHECKS = ("ended", "task", "replay", "state", "told", "policy", "arguments", "errors", "panel")


@dataclass(slots=True)
class Check:
    """`right` is None where the check cannot be had, or was not asked for; `why` says so then, or what is wrong."""

    name: str
    right: bool | None
    why: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def evidence(self) -> dict[str, Any]:
        """As `Evidence.checks` holds it."""
        verdict = {True: "right", False: "wrong", None: "not asked"}[self.right]
        return {"verdict": verdict, **({"why": self.why} if self.why else {}), **self.facts}
