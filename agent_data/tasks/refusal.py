"""Tasks that must be refused: no tool does what is asked, or the policy forbids it. The right end is the state of the start."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent_data.tasks.blueprint import Blueprint
from agent_data.tasks.check import normal
from agent_data.tasks.execute import Call, World
from agent_data.tasks.flow import explore
from agent_data.tasks.foreign import FOREIGN, filled
from agent_data.tasks.request import Refused
from agent_data.tasks.views import key, leaves

if TYPE_CHECKING:
    from agent_data.environments.environment import Tool
    from agent_data.environments.hints import Hints, Person


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request to be refused. `tools`: those that the task offers, None: all."""

    text: str
    why: str  # no-tool | policy
    rule: str
    tools: list[Tool] | None = None
    person: bool = True  # whether the introduction goes before it


def foreign(tools: Sequence[Tool], draw: random.Random) -> Refusal:
    """A request from another world. Raises Refused where every one is too near to a tool."""
    held = normal(" ".join(f"{tool.name.replace('_', ' ')} {tool.description}" for tool in tools))
    far = [text for text, stems in FOREIGN if not any(re.search(rf"\b{re.escape(stem)}", held) for stem in stems)]
    if not far:
        raise Refused("no-foreign", "the world has a tool for each")
    return Refusal(filled(draw.choice(far), draw), "no-tool", "foreign")


def withheld(world: World, made: Blueprint, hints: Hints | None, person: Person | None) -> Refusal:
    """A request that could be done, were its tool not withheld. Raises Refused where another way may remain, EpisodeLost."""
    request = made.requests[0]
    tools = [tool for tool in world.tools() if tool.name != request.tool]
    if request.kind == "tell":
        rest = World(_lacking(world, tools), world.seed)
        reach = explore(rest, hints, person)
        held = {key(value) for read in reach.reads for _, value in leaves(read.observation)}
        if all(key(told.seen.value) in held for several in made.told.values() for told in several):
            raise Refused("tool-not-needed", f"what {request.tool} tells stands elsewhere")
        if reach.cut:
            raise Refused("tool-not-needed", f"not all of {min(reach.cut)} was looked at")
    else:
        before = made.calls[: next(n for n, step in enumerate(made.steps) if step.requests)]
        for tool in tools:
            if not tool.writes or not _similar(tool, request.arguments):
                continue
            names = tool.parameters.get("properties", {})
            arguments = {name: value for name, value in request.arguments.items() if name in names}
            run = world.run([*before, Call(tool.name, arguments)])
            if run.final == made.run.final:
                raise Refused("tool-not-needed", f"{tool.name} does it as well")
    return Refusal(request.phrase, "no-tool", f"withheld: {request.tool}", tools)


def _similar(tool: Tool, arguments: dict[str, Any]) -> bool:
    return set(tool.parameters.get("required", [])) <= set(arguments)


def _lacking(world: World, tools: Sequence[Tool]) -> Any:
    """The world's environment, with fewer tools."""
    import copy

    made = copy.copy(world.environment)
    made.tools = tuple(tools)
    return made
