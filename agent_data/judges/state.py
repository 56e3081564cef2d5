"""The state at the end against the goal's: what was done, however it was done.

The state is scored at the terminating call (or where the conversation ended); a call after that is wrong in itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent_data.environments.environment import Called, Tool
from agent_data.evidence import Evidence
from agent_data.goal import Goal
from agent_data.judges.check import Check
from agent_data.replay import Replayed


def wanted(goal: Goal) -> str | None:
    """The hash that the state must have at the end; None where the goal names none."""
    if goal.kind == "done":
        return goal.state
    return goal.state or goal.initial if goal.kind == "refuse" else goal.state


def check_state(
    goal: Goal, evidence: Evidence, replayed: Replayed | None, calls: Sequence[Called], tools: Mapping[str, Tool]
) -> Check:
    """`replayed` is None where the trajectory could not be played again: then what its row records is compared."""
    done = [call.name for call in calls if not call.error and call.name in tools]
    for call in goal.calls:
        if call["name"] in tools and tools[call["name"]].ends and call["name"] not in done:
            return Check("state", False, f"{call['name']}, which ends the task, was not called")
    if replayed is not None and replayed.after:
        return Check("state", False, f"{replayed.after} calls after the one that ended the episode")
    expected = wanted(goal)
    if expected is None and goal.kind == "refuse" and replayed is not None:
        expected = replayed.initial
    observed = replayed.scored if replayed is not None else evidence.states.get("final")
    if expected is None or observed is None:
        if goal.kind == "refuse" and any(tools[name].writes for name in done):
            return Check("state", False, "what must be refused was done")
        return Check("state", None, "the goal names no state" if expected is None else "the world has no state")
    facts = {"expected": expected, "observed": observed}
    if replayed is not None and goal.initial not in (None, replayed.initial):
        return Check("state", False, "the task was made from another state at the start", facts)
    if expected == observed:
        return Check("state", True, "", facts)
    if observed == (replayed.initial if replayed is not None else evidence.states.get("initial")):
        return Check("state", False, "nothing was changed", facts)
    why = "what must be refused was done" if goal.kind == "refuse" else "another state than the goal's"
    return Check("state", False, why, facts)
