"""Who may ask in a world that has no hints: somebody who knows what its tools ask for and none of them gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agent_data.environments.hints import Person
from agent_data.tasks.check import said
from agent_data.tasks.flow import Reach, parameter_checker
from agent_data.tasks.views import noun_of, scalar, singular

if TYPE_CHECKING:
    from agent_data.environments.environment import Tool

MOST = 24  # people of one world


def knowing(reach: Reach, tools: Sequence[Tool], state: Any) -> list[Person]:
    """People of a state, one for each record that holds what a reading tool needs and nobody can find out: its name, its email.

    `reach`: what somebody who knows nothing can find out. The records are those objects of the state that hold all of the
    tool's required parameters as fields of their own; those that the tool's name speaks of first (`find_patient`: patients).
    """
    called = {read.call.name for read in reach.reads}
    people: list[Person] = []
    told: set[str] = set()
    for tool in tools:
        if tool.writes or tool.ends or tool.name in called:
            continue
        properties = tool.parameters.get("properties", {})
        needed = [name for name in tool.parameters.get("required", []) if "enum" not in properties.get(name, {})]
        if not needed or (people and all(name.endswith("id") for name in needed)):
            continue  # an id is found out by what else one knows
        checks = {name: parameter_checker(tool, name) for name in needed}
        found = []
        for kind, held in _objects(state, ""):
            if all(scalar(held.get(name)) and not checks[name](held[name]) for name in needed):
                found.append((kind, {name: held[name] for name in needed}))
        own = [facts for kind, facts in found if kind == noun_of(tool.name)]
        for facts in own or [facts for _, facts in found]:
            words = ", ".join(f"{name.replace('_', ' ')}: {said(value)}" for name, value in facts.items())
            introduction = f"This is about the {noun_of(tool.name) or 'record'} with {words}."
            if introduction not in told and len(people) < MOST:
                told.add(introduction)
                people.append(Person(introduction, facts))
    return people


def _objects(value: Any, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a state, each with the word for what it is: `patient` of those below `patients`."""
    if isinstance(value, dict):
        yield kind, value
        for name, inner in value.items():
            # Records by their ids are of the kind that the mapping is named by.
            word = singular(name) if isinstance(inner, list) or _records(inner) else kind
            yield from _objects(inner, word)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner, kind)


def _records(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(inner, dict) for inner in value.values())
