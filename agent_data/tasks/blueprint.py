"""The gold calls of a task: what the requests take, no call more, executed to the state that is the goal.

A call is needed where the calls without it are refused, end in another state, break the policy, take a value that none before
gave, or leave untold what was asked. Calls that are not needed go; a request that changes nothing is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent_data.tasks.check import forms
from agent_data.tasks.execute import Call, Run, World
from agent_data.tasks.flow import Reach
from agent_data.tasks.request import Origin, Refused, Request
from agent_data.tasks.views import Seen, holds, key, leaves, scalar


@dataclass(frozen=True, slots=True)
class Step:
    """A call of the blueprint: one that a request is about, or one that only finds something out (`read`)."""

    call: Call
    origins: dict[str, Origin]
    read: int | None = None
    requests: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A value that the user asks for: which step gives it, where, and whose it is (the ids that lead its record)."""

    step: int
    tool: str
    seen: Seen
    of: Mapping[str, Any]

    def stands(self, tool: str, value: Seen) -> bool:
        """Whether another place gives the same of the same thing: its own record does, or a call of the same tool."""
        if key(value.value) != key(self.seen.value) or not value.names & self.seen.names:
            return False
        if not self.of:
            return tool == self.tool
        return all((name, key(one)) in value.view.owners for name, one in self.of.items())


@dataclass(slots=True)
class Blueprint:
    """Needed calls in their order, with what they gave."""

    steps: list[Step]
    requests: list[Request]
    run: Run
    told: dict[int, list[Told]] = field(default_factory=dict)  # request -> what is told
    ordered: bool = False  # another order of the requests would end elsewhere

    @property
    def calls(self) -> list[Call]:
        return [step.call for step in self.steps]

    @property
    def tell(self) -> list[dict[str, Any]]:
        """As goals hold it: what must be told, each with the texts of which one is enough."""
        return [
            {"what": f"{self.steps[told.step].call.name}.{told.seen.place}", "values": forms(told.seen.value)}
            for number, values in sorted(self.told.items())
            for told in values
        ]

    def to_json(self, reach: Reach) -> dict[str, Any]:
        """How it was made, as goals hold it: the origin of each argument, and what was asked."""
        place = {step.read: number for number, step in enumerate(self.steps) if step.read is not None}
        calls = []
        for step in self.steps:
            origins = {}
            for path, origin in step.origins.items():
                told: dict[str, Any] = {"from": origin.kind}
                if origin.found is not None:
                    giver = place.get(origin.found.read)
                    told |= {"call": giver, "path": origin.found.seen.path} if giver is not None else {}
                if origin.by:
                    told["by"] = dict(origin.by)
                origins[path] = told
            calls.append(origins)
        asked = [
            {
                "kind": request.kind, "tool": request.tool, "text": request.phrase, "given": request.given,
                "call": next(n for n, step in enumerate(self.steps) if number in step.requests),
                "described": [
                    {"value": value, "by": dict(request.origins[path].by)}
                    for path, value in leaves(request.arguments) if path in request.origins and request.origins[path].by
                ],
                "told": [{"call": told.step, "tool": told.tool, "path": told.seen.path, "of": dict(told.of)} for told in self.told.get(number, ())],
            }
            for number, request in enumerate(self.requests)
        ]  # fmt: skip
        return {"origins": calls, "requests": asked, "ordered": self.ordered}


def blueprint(world: World, reach: Reach, requests: Sequence[Request], instruction: str) -> Blueprint:
    """The needed calls of requests, in their order. Raises Refused, EpisodeLost."""
    steps = _planned(reach, requests)
    run, steps = _let_in(world, reach, steps, instruction)
    number = 0
    while number < len(steps):
        left = steps[:number] + steps[number + 1 :]
        told = _told(steps, run, requests)
        if _needed(world, steps, run, number, told, requests, instruction):
            number += 1
            continue
        if asked := steps[number].requests:
            if any(requests[one].kind == "write" for one in asked):
                raise Refused("without-effect", f"{steps[number].call.name}: {requests[asked[0]].phrase}")
            left = _elsewhere(left, number, run, {one: told[one] for one in asked})
        steps, number = left, 0
        run = world.run([step.call for step in steps])
    if wanting := unfound(steps, run):
        raise Refused("not-findable", wanting[0])
    made = Blueprint(list(steps), list(requests), run, _told(steps, run, requests))
    values = [told.seen.value for several in made.told.values() for told in several]
    if len(values) > 6 or any(isinstance(value, bool) or len(str(value)) > 200 for value in values):
        raise Refused("nothing-to-tell", f"{len(values)} values")
    made.ordered = _ordered(world, reach, made)
    return made


def _elsewhere(left: list[Step], number: int, run: Run, told: Mapping[int, Sequence[Told]]) -> list[Step]:
    """The steps without one whose telling another step does: that step takes the request on. Raises Refused."""
    made = list(left)
    for request, values in told.items():
        for place, step in enumerate(left):
            given = run.seen[place if place < number else place + 1]
            if all(any(value.stands(step.call.name, one) for one in given) for value in values):
                made[place] = replace(made[place], requests=(*made[place].requests, request))
                break
        else:
            raise Refused("told-elsewhere", f"{values[0].seen.path}, in parts")
    return made


def possible(world: World, reach: Reach, request: Request) -> str | None:
    """Whether the world takes a request, by itself; else what it says against it. Raises EpisodeLost."""
    try:
        run, steps = _let_in(world, reach, _planned(reach, [request]), request.phrase, lenient=True)
    except Refused as refused:
        return refused.detail
    without = world.run([step.call for step in steps if not step.requests])
    return "it changes nothing" if request.kind == "write" and without.final == run.final else None


def _planned(reach: Reach, requests: Sequence[Request]) -> list[Step]:
    """All that the requests take from, each call once, before the request that first needs it."""
    steps: list[Step] = []
    held: dict[str, int] = {}
    for number, request in enumerate(requests):
        for one in reach.needs(request.reads()):
            read = reach.reads[one]
            if read.call.key() not in held:
                held[read.call.key()] = len(steps)
                steps.append(Step(read.call, _read_origins(reach, one), one))
        if request.kind == "tell" and request.call.key() in held:
            place = held[request.call.key()]
            old = steps[place]
            # What the user described is found in what the call itself gives: the user's words decide, not the search.
            steps[place] = Step(old.call, {**old.origins, **_told_origins(request)}, old.read, (*old.requests, number))
        else:
            held[request.call.key()] = len(steps)
            steps.append(Step(request.call, request.origins, request.read, (number,)))
    return steps


def _told_origins(request: Request) -> dict[str, Origin]:
    """Of a call that gives what is asked: an argument that the user names needs no finding; one they describe is searched."""
    return {path: origin for path, origin in request.origins.items() if origin.kind != "call"}


def _read_origins(reach: Reach, number: int) -> dict[str, Origin]:
    read, facts = reach.reads[number], dict(reach.person.facts) if reach.person else {}
    made = {}
    for name, value in read.call.arguments.items():
        source = read.sources.get(name)
        known = name in facts and facts[name] == value
        # What neither was found nor is known by heart is one of the values that the schema lists.
        origin = Origin("call", source) if source is not None else Origin("person" if known else "schema")
        for path, _ in leaves(value, name):
            made[path] = origin
    return made


def _let_in(
    world: World, reach: Reach, steps: list[Step], instruction: str, lenient: bool = False
) -> tuple[Run, list[Step]]:
    """The run of the steps; where calls are refused or the policy broken, with what lets the person in put before."""
    run = world.run([step.call for step in steps])
    wrong = _wrong(world, steps, run, None if lenient else instruction)
    if not wrong:
        return run, steps
    for number in reach.entries:
        read = reach.reads[number]
        if "schema" in (origin.kind for origin in _read_origins(reach, number).values()):
            continue
        same = [step for step in steps if step.call.key() == read.call.key()]
        first = same or [Step(read.call, _read_origins(reach, number), number)]
        tried = [*first, *(step for step in steps if step.call.key() != read.call.key())]
        run = world.run([step.call for step in tried])
        if not _wrong(world, tried, run, None if lenient else instruction):
            return run, tried
    raise Refused(*wrong)


def _wrong(world: World, steps: Sequence[Step], run: Run, instruction: str | None) -> tuple[str, str] | None:
    calls = [step.call for step in steps]
    for call, text, error in zip(calls, run.texts, run.errors, strict=True):
        if error:
            return "refused-by-tool", f"{call.name}: {text}"[:300]
    if instruction is not None and (breached := world.breaches(calls, run, instruction)):
        return "against-policy", breached[0][:300]
    return None


def _needed(
    world: World,
    steps: Sequence[Step],
    run: Run,
    number: int,
    told: Mapping[int, Sequence[Told]],
    requests: Sequence[Request],
    instruction: str,
) -> bool:
    left = [*steps[:number], *steps[number + 1 :]]
    without = world.run([step.call for step in left])
    if without.final != run.final or _wrong(world, left, without, instruction) or unfound(left, without):
        return True
    named = [(step.call.name, one) for step, values in zip(left, without.seen, strict=True) for one in values]
    given = [one for _, one in named]
    if any(not any(value.stands(tool, one) for tool, one in named) for values in told.values() for value in values):
        return True
    # What the user described must still be told from the others, also where the call that took it is gone.
    described = [
        (value, request.origins[path]) for number in told for request in [requests[number]]
        for path, value in leaves(request.arguments) if path in request.origins and request.origins[path].by
    ]  # fmt: skip
    return any(
        not any(key(one.value) == key(value) and holds(one.view, origin.by) for one in given)
        for value, origin in described
    )


def unfound(steps: Sequence[Step], run: Run) -> list[str]:
    """Arguments that the user does not give and that nothing before gives, so that no agent could know them."""
    missing = []
    before: list[Seen] = []
    for step, values in zip(steps, run.seen, strict=True):
        for path, value in leaves(dict(step.call.arguments)):
            origin = step.origins[path] if path in step.origins else step.origins[path.split(".")[0]]
            if origin.kind in ("user", "person", "schema"):
                continue
            if not any(key(one.value) == key(value) and holds(one.view, origin.by) for one in before):
                missing.append(f"{step.call.name}.{path}")
        before += values
    return missing


def _told(steps: Sequence[Step], run: Run, requests: Sequence[Request]) -> dict[int, list[Told]]:
    """What the requests to be told something come to. Raises Refused where a call does not give it."""
    found: dict[int, list[Told]] = {}
    for place, (step, given) in enumerate(zip(steps, run.seen, strict=True)):
        for number in step.requests:
            request = requests[number]
            if request.told is None:
                continue
            own = request.told.split(".")[-1]
            at = {
                path: one for one in given
                for path in [one.path]
                if path == request.told or path.startswith(f"{request.told}.")
            } if step.call.name == request.tool else {
                one.path: one for one in given if own in one.names and holds(one.view, request.subject())
            }  # fmt: skip
            if not at:
                raise Refused("nothing-to-tell", f"{step.call.name} gave no {request.told}")
            arguments = {name: value for name, value in request.arguments.items() if scalar(value)}
            found[number] = [
                Told(
                    place,
                    step.call.name,
                    one,
                    {name: value for name, value in arguments.items() if (name, key(value)) in one.view.owners},
                )
                for one in at.values()
            ]
    return found


def _ordered(world: World, reach: Reach, made: Blueprint) -> bool:
    """Whether the order of the requests decides where they end."""
    if len(made.requests) < 2:
        return False
    turned = _planned(reach, list(reversed(made.requests)))
    held = {step.call.key() for step in turned}
    first = [step for step in made.steps if step.call.key() not in held]
    run = world.run([step.call for step in (*first, *turned)])
    return run.final != made.run.final or not run.fine
