"""Calls made in a world, from its seed on: what they give, and the hashes of the states before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent_data.environments.environment import Called, Environment, Tool, Trace
from agent_data.environments.play import Play, begin
from agent_data.tasks.views import Seen, noun_of, seen
from arcmill.generation import drive
from arcmill.records import Message, ToolCall


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a blueprint."""

    name: str
    arguments: Mapping[str, Any]
    _key: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def key(self) -> str:
        """Name and arguments as text, made once: it is asked for at each run."""
        if not self._key:
            self._key.append(f"{self.name} {json.dumps(self.arguments, sort_keys=True, ensure_ascii=False)}")
        return self._key[0]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": dict(self.arguments)}


@dataclass(slots=True)
class Run:
    """What became of calls. `observations` are parsed where they are JSON; of a refused call `errors` holds True."""

    texts: list[str] = field(default_factory=list)
    observations: list[Any] = field(default_factory=list)
    errors: list[bool] = field(default_factory=list)
    seen: list[list[Seen]] = field(default_factory=list)  # the values of each observation; of a refused call none
    initial: str = ""
    final: str = ""

    @property
    def fine(self) -> bool:
        """Whether no call was refused."""
        return not any(self.errors)


class World:
    """An environment at one seed. Each run is an episode of its own."""

    def __init__(self, environment: Environment, seed: int) -> None:
        self.environment, self.seed = environment, seed
        self._runs: dict[tuple[str, ...], Run] = {}
        self._read: dict[tuple[str, str], tuple[Any, list[Seen]]] = {}

    def open(self) -> Play:
        """A fresh episode; the caller closes it. Raises EpisodeLost."""
        play: Play = drive(begin(self.environment, self.seed))
        return play

    def state(self) -> Any:
        """The state at the start, as a copy that nobody changes."""
        from agent_data.environments.environment import canonical

        play = self.open()
        try:
            return json.loads(canonical(_driven(play.episode.state())))
        finally:
            play.close()

    def read(self, tool: str, text: str) -> tuple[Any, list[Seen]]:
        """What a tool gave, as a value and as the values in it; the same text is read once. Nobody may change them."""
        if (tool, text) not in self._read:
            observation = parsed(text)
            self._read[tool, text] = observation, seen(observation, noun_of(tool))
        return self._read[tool, text]

    def run(self, calls: Sequence[Call]) -> Run:
        """Make the calls from the seed on; the same calls once only, since a world repeats itself. Raises EpisodeLost."""
        asked = tuple(call.key() for call in calls)
        if asked not in self._runs:
            self._runs[asked] = self._run(calls)
        return self._runs[asked]

    def _run(self, calls: Sequence[Call]) -> Run:
        play = self.open()
        try:
            made = Run(initial=play.initial)
            for call in calls:
                text, error = called(play, call)
                made.texts.append(text)
                made.errors.append(error)
                observation, values = (None, []) if error else self.read(call.name, text)
                made.observations.append(observation)
                made.seen.append(values if observation is not None else [])
            made.final = drive(play.hash())
            return made
        finally:
            play.close()

    def breaches(self, calls: Sequence[Call], run: Run, instruction: str) -> list[str]:
        """What the policy has against the calls, where the instruction is all that the user says."""
        messages = [Message("user", instruction)]
        made = []
        for number, (call, text, error) in enumerate(zip(calls, run.texts, run.errors, strict=True)):
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
            made.append(Called(call.name, call.arguments, text, error, len(messages)))
            messages.append(Message("assistant", tool_calls=[ToolCall(f"call-{number}", call.name, arguments)]))
            messages.append(Message("tool", text, tool_call_id=f"call-{number}"))
        messages.append(Message("assistant", "It is done."))
        return self.environment.breaches(Trace(messages, made, self.seed, dialogue=False))

    def tools(self) -> list[Tool]:
        return list(self.environment.tools)


def called(play: Play, call: Call) -> tuple[str, bool]:
    """Make one call in an open episode: the observation, and whether it was refused."""
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    observed = drive(play.call(ToolCall("call", call.name, arguments)))
    return observed.text, observed.error


def parsed(text: str) -> Any:
    """An observation as a value: JSON where it is, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _driven(state: Any) -> Any:
    from types import GeneratorType

    return drive(state) if isinstance(state, GeneratorType) else state
