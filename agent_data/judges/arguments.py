"""The calls that change the world, beside those of the blueprint: their arguments compared by the types of the schema.

The state says whether what was done is right, so other arguments that end in the same state are told and not refused. Where
no state can tell (a world without one, or a task that changes nothing and asks nothing to be told), the arguments decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent_data.environments.environment import Called, Tool
from agent_data.goal import Goal
from agent_data.judges.check import Check
from arcmill.functions.compare import compare

_SHOWN = 5


def check_arguments(goal: Goal, calls: Sequence[Called], tools: Mapping[str, Tool], decide: bool) -> Check:
    """`decide`: whether other calls than the blueprint's are wrong; otherwise that is only told, as `way`."""
    if goal.kind != "done" or not goal.calls:
        return Check("arguments", None, "the goal has no blueprint")
    known = any(tool.writes for tool in tools.values())
    changes = any(_writes(call["name"], tools) for call in goal.calls)

    def counts(name: str) -> bool:
        """Calls that change something; where nothing is known to, or the task changes nothing, those of the blueprint."""
        return _writes(name, tools) if known and changes else any(name == call["name"] for call in goal.calls)

    wanted = [call for call in goal.calls if counts(str(call["name"]))]
    made = [call for call in calls if not call.error and counts(call.name)]
    left, missing = list(made), []
    for call in wanted:
        parameters = tools[call["name"]].parameters if call["name"] in tools else {}
        like = next(
            (one for one in left if one.name == call["name"] and not _differ(call, one, parameters)),
            None,
        )
        if like is None:
            missing.append(call)
        else:
            left.remove(like)
    # A reading that is made once more changes nothing; a change that nobody asked for is one.
    extra = left if known and changes else []
    facts: dict[str, Any] = {"way": "blueprint" if not (missing or extra) else "another", "writes": len(made)}
    if not missing and not extra:
        return Check("arguments", True, "", facts)
    told = [_nearest(call, left, tools) for call in missing] + [
        f"{call.name} is not in the blueprint" for call in extra
    ]
    why = "; ".join(told[:_SHOWN])
    if decide:
        return Check("arguments", False, why[:500], facts)
    return Check("arguments", None, "the state decides", {**facts, "unlike": why[:500]})


def _writes(name: str, tools: Mapping[str, Tool]) -> bool:
    return name in tools and tools[name].writes


def _differ(call: Mapping[str, Any], made: Called, parameters: Mapping[str, Any]) -> list[str]:
    return [str(one) for one in compare(call.get("arguments") or {}, made.arguments, parameters)]


def _nearest(call: Mapping[str, Any], made: Sequence[Called], tools: Mapping[str, Tool]) -> str:
    """What is wrong with the call that comes nearest to one of the blueprint."""
    name = call["name"]
    parameters = tools[name].parameters if name in tools else {}
    tries = sorted((_differ(call, one, parameters) for one in made if one.name == name), key=len)
    return f"{name}: {'; '.join(tries[0])}" if tries else f"{name} of the blueprint is not called"
