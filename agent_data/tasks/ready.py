"""Tasks that a world makes whole (`Hints.ready`): its calls are executed, and its words checked as those of any other task."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from agent_data.goal import Goal
from agent_data.tasks.check import missing, revealed
from agent_data.tasks.execute import Call, World
from agent_data.tasks.request import Refused
from agent_data.tasks.wording import sentence

if TYPE_CHECKING:
    from agent_data.environments.hints import Person, Ready

    Way = Callable[[Any, random.Random, Person | None], Ready | None]

SHARE = 0.25  # of the tasks of a world that has such


def ready_task(
    world: World, ways: Sequence[Way], state: Any, person: Person | None, draw: random.Random
) -> tuple[str, Goal, Ready]:
    """(what the user says, the goal, what the world gave). Raises Refused, EpisodeLost."""
    for way in draw.sample(ways, len(ways)):
        if (found := way(state, draw, person)) is not None:
            break
    else:
        raise Refused("nothing-ready", "not in this state")
    calls = [Call(name, arguments) for name, arguments in found.calls]
    run = world.run(calls)
    if not run.fine:
        number = run.errors.index(True)
        raise Refused("refused-by-tool", f"{calls[number].name}: {run.texts[number]}")
    if run.final == run.initial and not found.tell:
        raise Refused("changes-nothing", found.request)
    text = sentence(
        draw.choice(("Please {}.", "Could you {}?", "I would like you to {}.", "I need you to {}.")), found.request
    )
    if broken := world.breaches(calls, run, text):
        raise Refused("against-policy", broken[0])
    if lost := missing(found.facts.values(), text):
        raise Refused("value-not-in-text", f"{lost[0]!r:.80}")
    told = [{"what": what, "values": list(values)} for what, values in found.tell]
    hidden = [value for one in told for value in one["values"]]
    hidden += [tool.name for tool in world.tools() if "_" in tool.name]
    if given := revealed(hidden, text):
        raise Refused("gives-away", f"{given[0]!r:.80} stands in the text")
    goal = Goal(
        "done", world.seed, [call.to_json() for call in calls], run.initial, run.final, told,
        blueprint={"requests": [{"text": found.request, "given": dict(found.facts)}], "origin": "world"},
    )  # fmt: skip
    return text, goal, found
