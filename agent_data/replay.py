"""A trajectory, played again from its seed: every observation and every hash must come out as they are recorded.

This is what judge-trajectories does before it looks at anything else, and what `arcmill verify` does with a dataset.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent_data.environments.environment import Called, Environment, EpisodeLost, Tool
from agent_data.environments.offered import offered, otherwise
from agent_data.environments.play import Observation, Play, begin
from agent_data.evidence import FINISHED, Evidence, read_evidence
from arcmill.generation import drive
from arcmill.records import Conversation, Message, ToolCall


@dataclass(slots=True)
class Replayed:
    """What came of playing a trajectory again. `problem` is the first thing that is not as recorded; the rest is then unknown."""

    problem: str | None = None
    skipped: str | None = None  # why there is nothing to play again
    message: int | None = None  # the place of the message where it stands
    lost: str | None = None  # the world itself failed now: nothing is known about the trajectory
    calls: list[Called] = field(default_factory=list)
    initial: str | None = None
    final: str | None = None  # hash of the state at the end
    scored: str | None = None  # hash of the state at the terminating call, else at the end
    after: int = 0  # calls that were made after the terminating call


@dataclass(frozen=True, slots=True)
class Made:
    """A call as a trajectory holds it, with the place of its message, and what it records as its observation."""

    call: ToolCall
    message: int
    observation: str | None


def calls_of(messages: Sequence[Message]) -> list[Made]:
    """The calls of a trajectory in their order, each with its observation. ValueError where the two do not belong together."""
    made: list[Made] = []
    for place, message in enumerate(messages):
        if message.role == "tool":
            if place == 0 or (messages[place - 1].role != "tool" and not messages[place - 1].tool_calls):
                raise ValueError(f"message {place}: an observation that follows no call")
            continue
        if not message.tool_calls:
            continue
        given: dict[str, str | None] = {}
        for later in messages[place + 1 :]:
            if later.role != "tool":
                break
            if later.tool_call_id is None or later.tool_call_id in given:
                raise ValueError(f"message {place}: two observations of call {later.tool_call_id!r}")
            given[later.tool_call_id] = later.content or ""
        for call in message.tool_calls:
            made.append(Made(call, place, given.pop(call.id, None)))
        if given:
            raise ValueError(f"message {place}: an observation of {next(iter(given))!r}, which it does not call")
    return made


def tools_of(row: Conversation, environment: Environment) -> list[Tool]:
    """The tools that a trajectory was offered. ValueError where one is described otherwise than the environment describes it."""
    texts = tuple(row.tools or ())
    known: dict[tuple[str, ...], list[Tool]] = vars(environment).setdefault(
        "_offered", {}
    )  # read once, not for each row
    if texts not in known:
        tools = offered(environment, texts)
        if (tool := otherwise(environment, tools, texts)) is not None:
            raise ValueError(f"tool {tool.name!r} is described otherwise than the environment has it")
        if len(known) >= _SETS:
            known.clear()
        known[texts] = tools
    return known[texts]


_SETS = 256


def replay(row: Conversation, evidence: Evidence, environment: Environment) -> Generator[Any, Any, Replayed]:
    """Play a trajectory again. A piece of a generation core; `arcmill.generation.drive` runs it alone.

    Observations are compared as texts, errors and hashes of states with what the evidence records of each call.
    """
    found = Replayed()
    if evidence.states.get("initial") is None:
        found.skipped = f"the world did not begin: {evidence.ended}"
        return found
    try:
        tools = tools_of(row, environment)
        made = calls_of(row.messages)
        if wrong := _other_end(row.messages, evidence):
            found.problem, found.message = wrong, len(row.messages) - 1
            return found
    except (ValueError, AttributeError, TypeError) as error:
        found.problem = str(error)
        return found
    try:
        play = yield from begin(environment, evidence.seed, tools, evidence.characters)
    except EpisodeLost as lost:
        found.lost = str(lost)
        return found
    try:
        yield from _played(play, made, evidence, found)
    except EpisodeLost as lost:
        found.lost = str(lost)
    finally:
        play.close()
    return found


def _other_end(messages: Sequence[Message], evidence: Evidence) -> str | None:
    """Why messages that end so are no trajectory that came to the recorded end by itself; where a world ended it, the world tells."""
    last, dialogue = messages[-1], evidence.steps == "dialogue"
    if evidence.ended not in ("answered", "user-stop"):
        return None
    if dialogue != (evidence.ended == "user-stop"):
        return f"a task of {evidence.steps} steps does not end by {evidence.ended}"
    if last.role == "tool" or last.tool_calls:
        return f"it ends with a call, and is recorded as {evidence.ended}"
    if evidence.ended == "answered" and (last.role != "assistant" or not (last.content or "").strip()):
        return "it ends without an answer, and is recorded as answered"
    return None


def _played(play: Play, made: Sequence[Made], evidence: Evidence, found: Replayed) -> Generator[Any, Any, None]:
    def differs(problem: str, place: int | None = None) -> None:
        found.problem, found.message = problem, place

    found.initial = play.initial
    recorded = evidence.states.get("initial")
    if recorded != play.initial:
        return differs(f"the state at the start is {_short(play.initial)}, {_short(recorded)} is recorded")
    finished, number = evidence.ended in FINISHED, 0
    for one in made:
        if one.observation is None:
            # What a limit cut off, or what stands beside the call that ended the episode, was never made.
            if finished and not play.over:
                return differs(f"call {one.call.id!r} of {one.call.name} has no observation", one.message)
            continue
        told = evidence.calls[number] if number < len(evidence.calls) else {}
        number += 1
        found.after += play.over
        over = play.over
        observed: Observation = yield from play.call(one.call)
        if problem := _unlike(one, observed, told):
            return differs(problem, one.message)
        if "state" in told:
            state = yield from play.hash()
            if state != told["state"]:
                problem = f"the state after {one.call.name} is {_short(state)}, {_short(told['state'])} is recorded"
                return differs(problem, one.message)
        found.calls.append(Called(one.call.name, _arguments(one.call), one.observation, observed.error, one.message))
        if play.over and not over:
            found.scored = yield from play.hash()
    broken = not finished and number + 1 == len(
        evidence.calls
    )  # the world failed in the last call, which nobody can repeat
    if number != len(evidence.calls) and not broken:
        return differs(f"{number} calls stand in the messages, {len(evidence.calls)} in the evidence")
    if finished and (evidence.ended == "terminal-call") != play.over:
        return differs(f"the episode is {'over' if play.over else 'not over'}, and is recorded as {evidence.ended}")
    found.final = yield from play.hash()
    found.scored = found.scored or found.final
    if found.final != evidence.states.get("final") and not broken:
        differs(f"the state at the end is {_short(found.final)}, {_short(evidence.states.get('final'))} is recorded")
    return None


def _unlike(one: Made, observed: Observation, told: Mapping[str, Any]) -> str | None:
    """What of a call is not as recorded."""
    name = one.call.name
    if observed.text != one.observation:
        at = next(
            (place for place, (a, b) in enumerate(zip(observed.text, one.observation or "", strict=False)) if a != b),
            min(len(observed.text), len(one.observation or "")),
        )
        return f"{name} gives {_around(observed.text, at)} now, {_around(one.observation or '', at)} is recorded"
    if told.get("name") != name:
        return f"{name} is called, the evidence has a call of {told.get('name')!r} there"
    if bool(told.get("error")) != observed.error:
        return f"{name} is {'' if observed.error else 'no '}error now, which is recorded otherwise"
    return None


def certify(row: Conversation, worlds: Mapping[str, Environment]) -> tuple[str | None, str | None]:
    """(what does not hold, why it was not played again), each None where there is nothing to say: what `arcmill verify` tells.

    A row that was judged right must end in the state that it was judged by. UsageError where its environment is not known.
    """
    try:
        evidence = read_evidence(row.evidence)
    except ValueError as error:
        return f"{row.id}: {error}", None
    if evidence is None:
        return f"{row.id}: its evidence is not that of a trajectory", None
    environment = worlds[evidence.environment]
    if not environment.repeatable:
        return None, f"{evidence.environment} cannot be played again"
    found = drive(replay(row, evidence, environment))
    if found.lost is not None:
        return None, f"{evidence.environment} failed: {found.lost}"[:200]
    if found.skipped is not None:
        return None, found.skipped[:200]
    problem = found.problem
    if problem is None and evidence.verdict == "right":
        goal = evidence.states.get("goal")
        if found.after or goal not in (None, found.scored):
            problem = f"judged right, but the state is {_short(found.scored)}, not the goal's {_short(goal)}"
    if problem is None:
        return None, None
    where = "" if found.message is None else f"message {found.message}: "
    if environment.version != evidence.version:
        problem += f" (made with version {evidence.version[:12]} of {evidence.environment}, here is {environment.version[:12]})"
    return f"{row.id}: {where}{problem}", None


def recorded_calls(row: Conversation, evidence: Evidence) -> list[Called]:
    """The calls as the row holds them, of a trajectory that cannot be played again. ValueError as `calls_of`."""
    made = [one for one in calls_of(row.messages) if one.observation is not None]
    if len(made) != len(evidence.calls):
        raise ValueError(f"{len(made)} calls stand in the messages, {len(evidence.calls)} in the evidence")
    return [
        Called(one.call.name, _arguments(one.call), one.observation, bool(told.get("error")), one.message)
        for one, told in zip(made, evidence.calls, strict=True)
    ]


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        held = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _around(text: str, at: int, room: int = 40) -> str:
    start = max(0, at - room // 2)
    return repr(("…" if start else "") + text[start : at + room] + ("…" if at + room < len(text) else ""))


def _short(digest: str | None) -> str:
    return str(digest)[:12]
