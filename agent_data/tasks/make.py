"""The making of tasks: which world, who asks, what for; and which candidates become rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from agent_data.environments.environment import EpisodeLost, Tool, canonical
from agent_data.goal import Goal
from agent_data.tasks.blueprint import Blueprint, blueprint, possible
from agent_data.tasks.check import missing, revealed
from agent_data.tasks.execute import World
from agent_data.tasks.flow import Reach, edges, explore
from agent_data.tasks.imperative import imperative
from agent_data.tasks.invent import Impossible
from agent_data.tasks.people import knowing
from agent_data.tasks.ready import SHARE, ready_task
from agent_data.tasks.refusal import Refusal, foreign, withheld
from agent_data.tasks.request import Filler, Refused, Request
from agent_data.tasks.views import leaves
from agent_data.tasks.wording import lines, sentence, whole
from arcmill.records import AgentTask, stable_id
from arcmill.stage import Failure, Outcome

if TYPE_CHECKING:
    from agent_data.environments.environment import Environment
    from agent_data.environments.hints import Hints, Person
    from agent_data.tasks.stage import SynthTasks

_TRIES = 8  # tools that are tried for one request
_PATIENCE = 12  # tries of a kind of task, of which none was made, before a split does without
_FILLINGS = 8  # values that are tried for one tool
_DESCRIBED = 0.7  # share of found values that are described and not named, where they can be


@dataclass(slots=True)
class Place:
    """A world at a seed, with who lives in it and what they reach."""

    world: World
    hints: Hints | None
    state: Any
    people: list[Person]
    reaches: dict[int, Reach] = field(default_factory=dict)

    @classmethod
    def of(cls, environment: Environment, seed: int) -> Place:
        world = World(environment, seed)
        hints, state = environment.hints(), world.state()
        if hints is None:
            return cls(world, None, state, knowing(explore(world, None, None), environment.tools, state))
        return cls(world, hints, state, list(hints.people(state)) if hints.people else [])

    def reach(self, number: int | None) -> Reach:
        """What a person can find out; None: somebody who need not say who they are."""
        held = -1 if number is None else number
        if held not in self.reaches:
            person = None if number is None else self.people[number]
            self.reaches[held] = explore(self.world, self.hints, person)
        return self.reaches[held]


@dataclass(slots=True)
class Made:
    """A candidate that held: what the row is made of."""

    instruction: str
    steps: str
    goal: Goal
    tools: Sequence[Tool]


class Maker:
    """Makes the tasks of one environment, split by split. What a split yields depends on its number alone."""

    def __init__(self, config: SynthTasks, environment: Environment) -> None:
        self.config, self.environment = config, environment

    def split(self, number: int, share: int) -> Iterator[Any]:
        """Tasks, a Failure for each candidate that was refused, and at the end what was counted."""
        config, name = self.config, self.environment.name
        mix, used = Mix(pairs(config.kinds, config.steps)), Counter[str]()
        texts: set[str] = set()
        made, left, turn, counts = 0, share * config.attempts, 0, Counter[str]()
        while made < share and left > 0:
            seed = world_seed(config.seed, name, number, turn)
            turn += 1
            draw = random.Random(f"{config.seed} {name} {number} {turn}")
            place = Place.of(self.environment, seed)
            people = draw.sample(range(len(place.people)), min(2, len(place.people)))
            for again in range(2 * config.per_world):
                if made == share or left <= 0:
                    break
                left -= 1
                identifier = stable_id(
                    "agent-task-candidate", name, str(config.seed), str(number), str(turn), str(again)
                )
                if (drawn := mix.next(draw, share)) is None:
                    left = 0  # nothing can be done here, and what is to be refused has its share
                    break
                kind, step = drawn
                who = people[again % len(people)] if people else None
                try:
                    task = self._task(place, who, kind, step, used, draw)
                    if task.instruction in texts:
                        raise Refused("redundant", "the same text")
                except Refused as refused:
                    counts[f"refused.{refused.rule}"] += 1
                    yield Failure(identifier, Outcome(refused.rule, detail=f"{kind}, {step}: {refused.detail}"[:500]))
                    continue
                except Impossible as error:
                    yield Failure(identifier, Outcome("no-value", detail=str(error)[:500]))
                    continue
                except EpisodeLost as lost:
                    counts[f"lost.{lost.reason}"] += 1
                    yield Failure(identifier, Outcome(f"environment-{lost.reason}", detail=lost.detail[:500]))
                    continue
                texts.add(task.instruction)
                made += 1
                mix.made[kind, step] += 1
                counts[f"tasks.{kind}.{task.steps}"] += 1
                yield self._row(task)
            for reach in place.reaches.values():
                counts.update({f"flow.{edge}": times for edge, times in edges(reach).items()})
        if made < share:
            counts["tasks_missing"] = share - made
        yield counts

    def _row(self, task: Made) -> AgentTask:
        name, version = self.environment.name, self.environment.version
        calls = canonical(task.goal.calls).decode()
        identifier = stable_id(
            "agent-task", name, version, str(task.goal.seed), calls, task.goal.kind, task.instruction
        )
        return AgentTask(
            identifier,
            task.instruction,
            name,
            task.steps,
            [tool.text() for tool in task.tools],
            task.goal.text(),
            source=name,
        )

    # -- one task --------------------------------------------------------------------------------------------------

    def _task(
        self, place: Place, who: int | None, kind: str, steps: str, used: Counter[str], draw: random.Random
    ) -> Made:
        if kind == "policy":
            return self._forbidden(place, who, steps, draw)
        if kind == "no-tool" and draw.random() < 0.4:
            return self._refusal(place, who, foreign(self.environment.tools, draw), steps, draw)
        if kind == "done" and steps == "single" and place.hints and place.hints.single:
            return self._ready(place, who if draw.random() < 0.3 else None, steps, draw, place.hints.single)
        if kind == "done" and steps != "single" and place.hints and place.hints.ready and draw.random() < SHARE:
            return self._ready(place, who, steps, draw, place.hints.ready)
        reach = place.reach(who)
        most = self.config.max_requests
        wanted = 1 if kind == "no-tool" or steps == "single" else max(draw.randint(1, most), draw.randint(1, most))
        requests = self._requests(place, reach, wanted, 0.0 if steps == "single" else _DESCRIBED, used, draw)
        before = draw.getstate()
        text = whole(reach.person, lines(requests, False, draw), draw)
        plan = blueprint(place.world, reach, requests, text)
        if len(plan.steps) > self.config.max_calls:
            raise Refused("too-long", f"{len(plan.steps)} calls")
        if kind == "no-tool":
            refusal = withheld(place.world, plan, place.hints, reach.person)
            return self._refusal(place, who, refusal, steps, draw, plan)
        if steps != "dialogue":
            actual = "single" if len(plan.steps) == 1 else "multi"
            if actual != steps:
                raise Refused("other-length", f"{len(plan.steps)} calls")
        draw.setstate(before)
        said = lines(requests, plan.ordered, draw)
        text = whole(reach.person, said, draw)
        check(text, plan, self.environment.tools)
        for request in requests:
            used[f"{request.tool}.{request.told or ''}"] += 1
        goal = Goal(
            "done", place.world.seed, [call.to_json() for call in plan.calls], plan.run.initial, plan.run.final, plan.tell,
            blueprint=plan.to_json(reach), more={"lines": _lines(reach.person, said)},
        )  # fmt: skip
        if steps == "dialogue":
            asked = [
                {"text": line, "facts": dict(request.spoken)} for line, request in zip(said, requests, strict=True)
            ]
            goal.user = self._script(reach.person, asked, draw)
        return Made(text, steps, goal, self.environment.tools)

    def _requests(
        self, place: Place, reach: Reach, wanted: int, described: float, used: Counter[str], draw: random.Random
    ) -> list[Request]:
        filler = Filler(reach, place.hints, place.state, draw, described)
        options = _options(self.environment, place.hints)
        if not options:
            raise Refused("nothing-to-ask", "no tool that a user would ask for")
        made: list[Request] = []
        refused = Refused("nothing-to-ask")
        taken: set[tuple[str, str]] = set()
        for _ in range(_TRIES * wanted):
            if len(made) == wanted:
                break
            free = [one for one in options if one not in taken]
            if not free:
                break
            tool, told = min(free, key=lambda one: (used[f"{one[0]}.{one[1]}"] * 1.5 + 4 * draw.random(), one))
            taken.add((tool, told))
            for _ in range(_FILLINGS):
                try:
                    request = _request(filler, self.environment, place.hints, tool, told, draw)
                except (Refused, Impossible) as error:
                    refused = error if isinstance(error, Refused) else Refused("no-value", str(error))
                    continue
                if (against := possible(place.world, reach, request)) is None:
                    made.append(request)
                    break
                refused = Refused(
                    "without-effect" if against.startswith("it ") else "refused-by-tool", f"{tool}: {against}"
                )
        if not made:
            raise refused
        return made

    def _forbidden(self, place: Place, who: int | None, steps: str, draw: random.Random) -> Made:
        ways = place.hints.forbidden if place.hints else ()
        if not ways:
            raise Refused("nothing-forbidden", "the world names no request that its policy forbids")
        person = None if who is None else place.people[who]
        for way in draw.sample(ways, len(ways)):
            if (found := way(place.state, draw, person)) is not None:
                return self._refusal(place, who, Refusal(found[0], "policy", found[1]), steps, draw)
        raise Refused("nothing-forbidden", "not in this state")

    def _refusal(
        self,
        place: Place,
        who: int | None,
        refusal: Refusal,
        steps: str,
        draw: random.Random,
        plan: Blueprint | None = None,
    ) -> Made:
        person = None if who is None else place.people[who]
        if refusal.why == "policy":  # the world wrote sentences; elsewhere it is a phrase
            said = [refusal.text]
        elif plan is not None:
            said = lines(plan.requests, False, draw)
        else:
            said = [sentence(draw.choice(("Please {}.", "Could you {}?", "I would like you to {}.")), refusal.text)]
        named = person is not None and person.introduction in refusal.text
        text = whole(None if named else person, said, draw)
        if found := revealed((tool.name for tool in self.environment.tools if "_" in tool.name), text):
            raise Refused("gives-away", f"{found[0]!r} stands in the text")
        place_hash = place.world.run([])
        goal = Goal(
            "refuse", place.world.seed, initial=place_hash.initial, state=place_hash.final,
            refuse={"why": refusal.why, "rule": refusal.rule}, more={"lines": _lines(None if named else person, said)},
        )  # fmt: skip
        if plan is not None:
            if lost := missing((value for request in plan.requests for value in request.given.values()), text):
                raise Refused("value-not-in-text", f"{lost[0]!r:.80}")
            if found := revealed((value for told in plan.tell for value in told["values"]), text):
                raise Refused("gives-away", f"{found[0]!r:.80} stands in the text")
            goal.blueprint = {
                "requests": [{"text": request.phrase, "given": request.given} for request in plan.requests]
            }
        if steps == "dialogue":
            facts = dict(plan.requests[0].spoken) if plan else {}
            goal.user = self._script(None if named else person, [{"text": said[0], "facts": facts}], draw)
        tools = self.environment.tools if refusal.tools is None else refusal.tools
        return Made(text, "dialogue" if steps == "dialogue" else "single", goal, tools)

    def _ready(self, place: Place, who: int | None, steps: str, draw: random.Random, ways: Sequence[Any]) -> Made:
        """A task that the world makes whole."""
        person = None if who is None else place.people[who]
        text, goal, found = ready_task(place.world, ways, place.state, person, draw)
        if steps == "dialogue":
            goal.user = self._script(person, [{"text": text, "facts": dict(found.facts)}], draw)
        goal.more["lines"] = _lines(person, [text])
        return Made(whole(person, [text], draw), steps, goal, self.environment.tools)

    def _script(self, person: Person | None, asked: list[dict[str, Any]], draw: random.Random) -> dict[str, Any]:
        """The user of a dialogue. Half of them say who they are only when asked."""
        opens = person is not None and draw.random() < 0.5
        return {
            "introduction": person.introduction if person and opens else None,
            "requests": asked,
            "facts": dict(person.facts) if person else {},
        }


class Mix:
    """Draws kinds so that the share of each among what was made comes near its weight, and one that fails does not stop all."""

    def __init__(self, weights: Mapping[Any, float]) -> None:
        self.weights = {kind: weight for kind, weight in sorted(weights.items()) if weight}
        self.made, self.tried = Counter[Any](), Counter[Any]()

    def hopeless(self, kind: Any) -> bool:
        """Whether it was tried often and never made, while others were."""
        return self.tried[kind] >= _PATIENCE and not self.made[kind] and sum(self.made.values()) > 0

    def next(self, draw: random.Random, wanted: int) -> Any:
        """The kind that is farthest behind; a try counts as a twentieth of a success. None: there is none that may be made.

        Where nothing can be done, requests to be refused do not take its place: each has its share of what is `wanted`, and
        all of it where nothing else was asked for.
        """
        left = [kind for kind in self.weights if not self.hopeless(kind)] or list(self.weights)
        done = [kind for kind in self.weights if kind[0] == "done"]
        if done and not any(kind in done for kind in left):
            total = sum(self.weights.values())
            left = [kind for kind in left if self.made[kind] < max(1, round(wanted * self.weights[kind] / total))]
            if not left:
                return None
        found = min(
            left,
            key=lambda kind: ((self.made[kind] + 0.05 * self.tried[kind]) / self.weights[kind], draw.random()),
        )
        self.tried[found] += 1
        return found


def _lines(person: Person | None, said: Sequence[str]) -> list[str]:
    """The text line by line: introduction, and a line for each request; reword-tasks goes by these."""
    return [*([person.introduction] if person else []), *said]


def pairs(kinds: Mapping[Any, float], steps: Mapping[Any, float]) -> dict[tuple[str, str], float]:
    """The weight of each kind of task with each kind of steps. What is refused takes no calls: it is single, or a dialogue."""
    found = Counter[tuple[str, str]]()
    for kind, weight in kinds.items():
        for step, share in steps.items():
            found[kind, step if kind == "done" or step == "dialogue" else "single"] += weight * share  # type: ignore[assignment]
    return dict(found)


def world_seed(*parts: str | int) -> int:
    """A seed below 2**31, the same on every machine."""
    digest = blake2b("\0".join(map(str, parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1


def check(text: str, plan: Blueprint, tools: Sequence[Tool]) -> None:
    """Refuse a text that lacks a value which the user must give, or that holds one which they cannot know."""
    given = [value for request in plan.requests for value in request.given.values()]
    hidden: list[Any] = []
    for step in plan.steps:
        for path, value in leaves(dict(step.call.arguments)):
            origin = step.origins[path] if path in step.origins else step.origins[path.split(".")[0]]
            if origin.kind in ("user", "person"):
                given.append(value)
            elif origin.kind == "call":
                hidden.append(value)
    if lost := missing(given, text):
        raise Refused("value-not-in-text", f"{lost[0]!r:.80}")
    # A number such as 2 may stand there for another reason; then it cannot be told whether it gives something away.
    hidden += [value for told in plan.tell for value in told["values"]]
    hidden += [tool.name for tool in tools if "_" in tool.name]
    if found := revealed(hidden, text):
        raise Refused("gives-away", f"{found[0]!r:.80} stands in the text")


def _options(environment: Environment, hints: Hints | None) -> list[tuple[str, str]]:
    """What may be asked for: (tool, "") to be run, (tool, field) to be told what it gives."""
    if hints is None:
        return [(tool.name, "") for tool in environment.tools if tool.writes and not tool.ends]
    found = [(name, "") for name in hints.asks if (tool := environment.tool(name)) and tool.writes and not tool.ends]
    for name in hints.told:
        reads, _, told = name.partition(".")
        if environment.tool(reads) and told:
            found.append((reads, told))
    return found


def _request(
    filler: Filler, environment: Environment, hints: Hints | None, name: str, told: str, draw: random.Random
) -> Request:
    tool = environment.tool(name)
    assert tool is not None
    if told:
        assert hints is not None
        return filler.tell(tool, told, draw.choice(hints.told[f"{name}.{told}"]))
    return filler.write(tool, draw.choice(hints.asks[name]) if hints else plain(tool))


def plain(tool: Tool) -> str:
    """How one asks for a tool that nobody has described further: its own first sentence, and the values by their names."""
    words = tool.description.strip().split("\n")[0].split(". ")[0].rstrip(".") or tool.name.replace("_", " ")
    # What does not say what it does is named: `use "Currency rates" (base: EUR)`.
    phrase = imperative(words) or f'use "{words}"'
    values = ", ".join(f"{name.replace('_', ' ')}: {{{name}}}" for name in tool.parameters.get("required", []))
    return f"{phrase} ({values})" if values else phrase
