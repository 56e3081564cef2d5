"""What a trajectory did against the policy of its world, beyond what the tools refuse by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from agent_data.environments.environment import Called, Environment, Trace
from agent_data.evidence import Evidence
from agent_data.judges.check import Check
from arcmill.records import Message

_SHOWN = 5


def check_policy(
    environment: Environment, evidence: Evidence, messages: Sequence[Message], calls: Sequence[Called]
) -> Check:
    """By the environment's own rules; not asked where it has no policy and says nothing."""
    trace = Trace(messages, calls, evidence.seed, evidence.steps == "dialogue")
    breaches = environment.breaches(trace)
    if breaches:
        return Check("policy", False, "; ".join(breaches[:_SHOWN]), {"breaches": len(breaches)})
    if not environment.policy:
        return Check("policy", None, "the world has no policy")
    return Check("policy", True)
