"""All checks of a trajectory that need no model, in their order."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from agent_data.environments.environment import Called, Environment, EpisodeLost, Tool
from agent_data.environments.play import begin
from agent_data.evidence import FINISHED, Evidence
from agent_data.goal import Goal
from agent_data.judges.arguments import check_arguments
from agent_data.judges.check import Check
from agent_data.judges.policy import check_policy
from agent_data.judges.state import check_state
from agent_data.judges.told import check_told, shown, unseen, wanted
from agent_data.reading import reading_calls
from agent_data.replay import Replayed, recorded_calls, replay, tools_of
from arcmill.records import AgentTask, Conversation, ToolCall


class WorldFailed(Exception):
    """The world failed while a trajectory was played again: nothing is known about the trajectory."""


def verify(
    row: Conversation,
    evidence: Evidence,
    task: AgentTask,
    goal: Goal,
    environment: Environment,
    most_errors: int | None,
) -> Generator[Any, Any, list[Check]]:
    """A piece of a generation core. The first wrong check is the verdict; after a wrong `replay` nothing else is known."""
    checks = [_ended(evidence), _task(row, evidence, task, goal, environment.policy.strip())]
    if checks[1].right is False:
        return checks
    replayed: Replayed | None = None
    if environment.repeatable:
        replayed = yield from replay(row, evidence, environment)
        if replayed.lost is not None:
            raise WorldFailed(replayed.lost)
        if replayed.skipped is not None:
            return [*checks, Check("replay", False, replayed.skipped)]
        if replayed.problem is not None:
            place = {} if replayed.message is None else {"message": replayed.message}
            return [*checks, Check("replay", False, replayed.problem, place)]
        checks.append(Check("replay", True, "", {"calls": len(replayed.calls), "version": environment.version}))
        calls: Sequence[Called] = replayed.calls
    else:
        try:
            calls = recorded_calls(row, evidence)
        except ValueError as error:
            return [*checks, Check("replay", False, str(error))]
        checks.append(Check("replay", None, "the world cannot be played again"))
    tools = {tool.name: tool for tool in tools_of(row, environment)}
    state = check_state(goal, evidence, replayed, calls, tools)
    dialogue = evidence.steps == "dialogue"
    told = check_told(goal, row.messages, calls, dialogue)
    if told.right and goal.kind == "answer":
        told = _unread(calls, tools) or told
    if told.right and replayed is not None and (hidden := unseen(wanted(goal), row.messages, calls, dialogue)):
        told = (yield from _guessed(goal, environment, tools, hidden)) or told
    checks += [state, told, check_policy(environment, evidence, row.messages, calls)]
    checks.append(check_arguments(goal, calls, tools, decide=not _decided(goal, state, told)))
    checks.append(_errors(sum(call.error for call in calls), most_errors))
    return checks


def _decided(goal: Goal, state: Check, told: Check) -> bool:
    """Whether state and words can tell a right trajectory from one that did nothing."""
    changed = goal.state is not None and goal.state != goal.initial
    return state.right is not None and (changed or told.right is not None)


def _unread(calls: Sequence[Called], tools: Mapping[str, Tool]) -> Check | None:
    """An answer comes from the world: without a single call that read something, it came from memory."""
    reading = {name for name, tool in tools.items() if not tool.writes} or {
        n for n, tool in tools.items() if not tool.ends
    }
    if not reading or any(call.name in reading and not call.error for call in calls):
        return None
    return Check("told", False, "answered without having read anything")


def _guessed(
    goal: Goal, environment: Environment, tools: Mapping[str, Tool], hidden: Sequence[dict[str, Any]]
) -> Generator[Any, Any, Check | None]:
    """A value that the blueprint's observations show, and the agent told without having seen it, is a guess."""
    try:
        play = yield from begin(environment, goal.seed, None)
        observations: list[str] = []
        try:
            for number, call in enumerate(goal.calls or reading_calls(goal, tools)):
                made = ToolCall(f"blueprint-{number}", call["name"], json.dumps(call.get("arguments") or {}))
                observed = yield from play.call(made)
                if not observed.error:
                    observations.append(observed.text)
        finally:
            play.close()
    except EpisodeLost as lost:
        raise WorldFailed(str(lost)) from None
    guessed = [str(entry.get("what", "")) for entry in shown(hidden, observations)]
    return Check("told", False, f"told without having seen it: {'; '.join(guessed)}"[:500]) if guessed else None


def _ended(evidence: Evidence) -> Check:
    if evidence.ended in FINISHED:
        return Check("ended", True, "", {"ended": evidence.ended})
    return Check("ended", False, evidence.ended + (f": {evidence.detail}" if evidence.detail else ""))


def _task(row: Conversation, evidence: Evidence, task: AgentTask, goal: Goal, policy: str) -> Check:
    """The trajectory is one of this task: its world, seed and tools, the user's words and the world's policy."""
    wrong = ""
    told = [message.content or "" for message in row.messages if message.role == "system"]
    asked = [message.content or "" for message in row.messages if message.role == "user"]
    if evidence.environment != task.environment:
        wrong = f"played in {evidence.environment!r}, the task is of {task.environment!r}"
    elif evidence.seed != goal.seed:
        wrong = f"played with seed {evidence.seed}, the task has {goal.seed}"
    elif evidence.steps != task.steps:
        wrong = f"played as {evidence.steps}, the task is {task.steps}"
    elif task.tools is not None and row.tools != task.tools and _schemas(row.tools) != _schemas(task.tools):
        wrong = "other tools were offered than the task has"
    elif task.steps != "dialogue" and (len(asked) != 1 or task.instruction not in asked[0]):
        wrong = "the user says something else than the instruction" if asked else "the instruction was not given"
    elif told != ([policy] if policy else []):
        wrong = "the system message is not the policy of the world"
    return Check("task", not wrong, wrong)


def _schemas(tools: Sequence[str] | None) -> list[Any]:
    return [json.loads(text) for text in tools or ()]


def _errors(errors: int, most: int | None) -> Check:
    if most is None:
        return Check("errors", None, "", {"errors": errors} if errors else {})
    wrong = f"{errors} calls were refused" if errors > most else ""
    return Check("errors", not wrong, wrong, {"errors": errors})
