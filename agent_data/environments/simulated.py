"""Tools that nobody has, answered by a language model that keeps a state over the calls of an episode.

The model is shown the tools, the state, the calls so far and the call, and replies with a result and the changes of the
state. The same call in the same state is answered as before, without asking. All else is the model's invention: such a world
is not repeatable, its trajectories are judged by a panel, and its answers are kept by the engine's journal alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_data.environments.environment import (
    Environment,
    Episode,
    EpisodeLost,
    Steps,
    Tool,
    ToolError,
    canonical,
    state_hash,
)
from arcmill.errors import UsageError
from arcmill.generation import GenerationConfig, RequestFailed
from arcmill.templates import Template, read_template

TEMPLATE = Path(__file__).with_suffix(".txt")
TRIES = 2  # replies that may be malformed before the episode is lost
STATE = 40_000  # characters of the state as JSON
RESULT = 20_000  # characters of a result
HISTORY = 20  # calls that are shown, each answer cut to SHOWN characters: what lasts stands in the state
SHOWN = 1_000


def environment(template: str | None = None, state: Mapping[str, Any] | None = None, **settings: Any) -> Simulated:
    """The world `simulated`. `state`: what it holds at the start; `settings`: model and sampling (model, temperature,
    max_tokens, …), by default those of the stage that plays it. UsageError for what is unknown."""
    from arcmill.config import validate

    if state is not None and (not isinstance(state, Mapping) or len(_text(dict(state))) > STATE):
        raise UsageError(f"environment simulated: state: a JSON object of at most {STATE} characters")
    asks = validate(GenerationConfig, settings, "environment simulated") if settings else None
    return Simulated(template or str(TEMPLATE), dict(state or {}), asks)


class Simulated(Environment):
    """Its tools come with each task."""

    name = "simulated"
    repeatable = False

    def __init__(self, template: str, state: dict[str, Any], settings: GenerationConfig | None) -> None:
        self.template = read_template(template, frozenset({"tools", "seed", "state", "history", "call"}))
        self.start, self.settings = state, settings
        told = {"template": self.template.sections, "state": state, "asks": settings.identity() if settings else None}
        self.version = "1-" + sha256(canonical(told)).hexdigest()[:16]

    def begin(self, seed: int, tools: Sequence[Tool] | None = None) -> Episode:
        asks = self.settings or self.asks
        if asks is None:
            raise UsageError(
                "environment simulated: it needs a model, by the stage that plays it or by `with: {model: …}`"
            )
        return SimulatedEpisode(asks, self.template, seed, tuple(tools or ()), json.loads(_text(self.start)))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model made of a call: a result with changes of the state, or an error."""

    result: Any = None
    error: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SimulatedEpisode(Episode):
    """The state, and what was answered in it."""

    asks: GenerationConfig
    template: Template
    seed: int
    tools: tuple[Tool, ...]
    held: dict[str, Any]
    history: list[tuple[str, str]] = field(default_factory=list)  # call, answer; as they are shown
    answered: dict[str, Reply] = field(default_factory=dict)  # hash of the state and call -> reply

    def call(self, name: str, arguments: Mapping[str, Any]) -> Steps:
        """The model's result, or ToolError with its error. EpisodeLost for malformed replies, and those beyond bounds."""
        asked = _text({"name": name, "arguments": dict(arguments)})
        place = f"{state_hash(self.held)} {asked}"
        reply = self.answered.get(place)
        if reply is None:
            reply = yield from self._asked(asked)
            held = {key: value for key, value in {**self.held, **reply.changes}.items() if value is not None}
            if len(_text(held)) > STATE:
                raise EpisodeLost("flood", f"a state of more than {STATE} characters")
            if reply.changes.keys() <= {key for key in held if key not in self.held}:
                # It has only fixed what was open: asked again, it gives the same.
                self.answered[f"{state_hash(held)} {asked}"] = reply
            self.answered[place] = reply
            self.held = held
            shown = _text(reply.result) if reply.error is None else _text({"error": reply.error})
            self.history.append((asked, shown if len(shown) <= SHOWN else shown[:SHOWN] + " …"))
        if reply.error is not None:
            raise ToolError(reply.error)
        return reply.result

    def state(self) -> Any:
        return self.held

    def _asked(self, asked: str) -> Steps:
        values = {
            "tools": "\n".join(tool.text() for tool in self.tools), "seed": str(self.seed), "state": _text(self.held),
            "history": "\n".join(f"{call}\n-> {answer}" for call, answer in self.history[-HISTORY:]) or "none",
            "call": asked,
        }  # fmt: skip
        messages = self.template.messages(values)
        wrong = ""
        for attempt in range(TRIES):
            request = self.asks.ask(messages, "simulated", self.seed, len(self.history), attempt)
            try:
                (answer,) = yield [request]
            except RequestFailed as failed:
                raise EpisodeLost("no-simulator", f"{failed.rule}: {failed.detail}"[:300]) from None
            try:
                return _read(answer.text)
            except (ValueError, RecursionError) as error:
                wrong = f"{error}; {answer.choice.finish}: {answer.text[:100]!r}"
        raise EpisodeLost("simulator-malformed", wrong[:300])


def _read(reply: str) -> Reply:
    """The first JSON object of a reply. ValueError says what is wrong with it."""
    start = reply.find("{")
    if start < 0:
        raise ValueError("no JSON object")
    found, _ = json.JSONDecoder().raw_decode(reply, start)
    error, changes = found.get("error"), found.get("state") or {}
    if error is not None:
        if not isinstance(error, str):
            raise ValueError("error is no text")
        return Reply(error=error[:RESULT])
    if "result" not in found:
        raise ValueError("neither result nor error")
    if not isinstance(changes, dict):
        raise ValueError("state is no object")
    if len(_text(found["result"])) > RESULT or len(_text(changes)) > STATE:
        raise ValueError("a reply beyond all bounds")
    return Reply(found["result"], changes=changes)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
