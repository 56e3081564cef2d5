"""What one tool gives and another takes, found by calling them: the data-flow graph of a world, and what a person can reach.

A parameter may take a value of its own name, or of what the name says (`order_id` from `orders: [...]`, or from the `id` of
an order); whether it does is proved by a call that was not refused.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent_data.tasks.execute import Call, World, called
from agent_data.tasks.views import Seen, holds, key, noun_of
from arcmill.functions.check import checker

if TYPE_CHECKING:
    from agent_data.environments.environment import Tool
    from agent_data.environments.hints import Hints, Person

TOOL_CALLS = 60  # calls of one tool that a person's reach may take; more leaves it incomplete
ALL_CALLS = 240
LEVELS = 5  # calls in a row, each with what the one before gave


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a call gave: which call of the reach, and where in what it gave."""

    read: int
    seen: Seen


@dataclass(slots=True)
class Read:
    """A call that was made while looking around. `sources`: parameter -> where its value was found, None: nowhere."""

    call: Call
    sources: dict[str, Found | None]
    seen: list[Seen]
    observation: Any


@dataclass(slots=True)
class Reach:
    """What a person can find out from what they know by heart: calls in the order in which they can be made."""

    person: Person | None
    reads: list[Read] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)  # tools that were not called with all that they might take
    refused: Counter[str] = field(default_factory=Counter)
    entries: list[int] = field(default_factory=list)  # reads that take nothing but what the person knows
    _by_name: dict[str, list[Found]] = field(default_factory=dict)
    _before: list[frozenset[int]] = field(default_factory=list)
    _checks: dict[tuple[str, str], Callable[[Any], list[str]]] = field(default_factory=dict)
    _described: dict[Any, frozenset[Any]] = field(default_factory=dict)
    _fits: dict[tuple[str, str, Any], bool] = field(default_factory=dict)

    def fits(self, tool: Tool, parameter: str, value: Any) -> bool:
        """Whether the schema lets a parameter take a value."""
        asked = (tool.name, parameter, key(value))
        if asked not in self._fits:
            check = self._checks.get(asked[:2])
            if check is None:
                check = self._checks[asked[:2]] = parameter_checker(tool, parameter)
            self._fits[asked] = not check(value)
        return self._fits[asked]

    def add(self, read: Read) -> None:
        number = len(self.reads)
        self.reads.append(read)
        taken = [self._before[found.read] for found in read.sources.values() if found is not None]
        self._before.append(frozenset([number]).union(*taken))
        for value in read.seen:
            for name in value.names:
                self._by_name.setdefault(name, []).append(Found(number, value))

    def values(self, parameter: str) -> list[Found]:
        """What a parameter may take, in the order of finding. The full name first, then its end: `new_item_id` takes item ids."""
        found = list(self._by_name.get(parameter, ()))
        if not found:
            for name in _endings(parameter):
                if found := list(self._by_name.get(name, ())):
                    break
        return found

    def fitting(self, parameter: str, by: Mapping[str, Any]) -> frozenset[Any]:
        """Which values of a parameter a description fits, among all that were looked at."""
        asked = (parameter, len(self.reads), tuple((name, key(value)) for name, value in by.items()))
        if asked not in self._described:
            found = self.values(parameter)
            self._described[asked] = frozenset(key(one.seen.value) for one in found if holds(one.seen.view, by))
        return self._described[asked]

    def needs(self, reads: Iterable[int]) -> list[int]:
        """The reads with all that they take from, in their order."""
        return sorted(set[int]().union(*(self._before[one] for one in reads)))

    def graph(self) -> Any:
        """The data-flow graph as far as calls proved it, a networkx MultiDiGraph of tools: an edge for each field that gave
        a parameter its value, with `field`, `parameter` and how often (`calls`)."""
        import networkx as nx

        made = nx.MultiDiGraph()
        made.add_nodes_from(dict.fromkeys(read.call.name for read in self.reads))
        for read in self.reads:
            for parameter, source in read.sources.items():
                if source is None:
                    continue
                giver, place = self.reads[source.read].call.name, source.seen.place
                name = f"{place} {parameter}"
                if made.has_edge(giver, read.call.name, name):
                    made.edges[giver, read.call.name, name]["calls"] += 1
                else:
                    made.add_edge(giver, read.call.name, name, field=place, parameter=parameter, calls=1)
        return made


def explore(world: World, hints: Hints | None, person: Person | None) -> Reach:
    """Call every reading tool with all that is at hand, level by level. Raises EpisodeLost.

    A tool that may write is called too where it takes the person's facts alone and no user would ask for it: it lets them in.
    """
    reach = Reach(person)
    facts = dict(person.facts) if person else {}
    made: set[str] = set()
    counts = Counter[str]()
    reading = [
        tool for tool in world.environment.tools if not tool.ends and (not tool.writes or _lets_in(tool, hints, facts))
    ]
    play = world.open()
    try:
        for _ in range(LEVELS):
            before = len(reach.reads)
            for tool in sorted(reading, key=lambda one: not one.writes):
                if play.over:
                    return reach
                for call, sources in _calls(tool, reach, facts):
                    if call.key() in made:
                        continue
                    if counts[tool.name] >= TOOL_CALLS or len(made) >= ALL_CALLS:
                        reach.cut.add(tool.name)
                        break
                    made.add(call.key())
                    counts[tool.name] += 1
                    text, error = called(play, call)
                    if error:
                        reach.refused[tool.name] += 1
                        continue
                    observation, values = world.read(tool.name, text)
                    if not any(sources.values()):
                        reach.entries.append(len(reach.reads))
                    reach.add(Read(call, sources, values, observation))
            if len(reach.reads) == before:
                return reach
        return reach
    finally:
        play.close()


def edges(reach: Reach) -> Counter[str]:
    """The edges of the data-flow graph as text: "get_customer.orders -> get_order.order_id" -> how often."""
    found = Counter[str]()
    for giver, taker, edge in reach.graph().edges(data=True):
        found[f"{giver}.{edge['field']} -> {taker}.{edge['parameter']}"] += edge["calls"]
    return found


_PLAIN = ("name", "title", "id", "key", "number")  # parameters that say nothing of what they are a name of


def _lets_in(tool: Tool, hints: Hints | None, facts: Mapping[str, Any]) -> bool:
    required = tool.parameters.get("required", [])
    return bool(required) and set(required) <= set(facts) and not (hints and tool.name in hints.asks)


def _calls(tool: Tool, reach: Reach, facts: Mapping[str, Any]) -> Iterable[tuple[Call, dict[str, Found | None]]]:
    """The calls that can be made now, each with where its values come from."""
    properties = tool.parameters.get("properties", {})
    choices: list[list[tuple[Any, Found | None]]] = []
    required = list(tool.parameters.get("required", []))
    for name in required:
        ways: list[tuple[Any, Found | None]] = []
        if name in facts:
            ways = [(facts[name], None)]
        elif "enum" in properties.get(name, {}):
            ways = [(value, None) for value in properties[name]["enum"][:12]]
        else:
            held = set()
            # `name` of find_garage takes what list_garages gives, a garage.
            for found in reach.values(name) or reach.values(noun_of(tool.name) if name in _PLAIN else ""):
                if (one := key(found.seen.value)) not in held and reach.fits(tool, name, found.seen.value):
                    held.add(one)
                    ways.append((found.seen.value, found))
        if not ways:
            return
        choices.append(ways)
    for values in itertools.islice(itertools.product(*choices), 4 * TOOL_CALLS):
        if not _belong(values):
            continue
        arguments = {name: value for name, (value, _) in zip(required, values, strict=True)}
        yield Call(tool.name, arguments), {name: found for name, (_, found) in zip(required, values, strict=True)}


def _belong(values: Iterable[tuple[Any, Found | None]]) -> bool:
    """Values of one call that were found in lists of one observation stand in one record: an order with its own item."""
    found = [source for _, source in values if source is not None]
    for one, other in itertools.combinations(found, 2):
        if one.read == other.read and not (_in(one.seen, other.seen) or _in(other.seen, one.seen)):
            return False
    return True


def _in(one: Seen, other: Seen) -> bool:
    return any(key(one.value) in other.view.get(name, frozenset()) for name in one.names)


def _endings(parameter: str) -> list[str]:
    """`new_payment_method_id` -> payment_method_id, method_id."""
    parts = parameter.split("_")
    return ["_".join(parts[start:]) for start in range(1, len(parts) - 1)]


def _definitions(tool: Tool) -> dict[str, Any]:
    return {"$defs": tool.parameters["$defs"]} if "$defs" in tool.parameters else {}


def parameter_checker(tool: Tool, parameter: str) -> Callable[[Any], list[str]]:
    """What is wrong with a value for a parameter, by its own schema alone."""
    schema = tool.parameters.get("properties", {}).get(parameter, {})
    return checker({**schema, **_definitions(tool)})
