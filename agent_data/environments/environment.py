"""What a world for agents is: tools over a state that a seed decides, a policy, and a hash that tells two states apart.

An environment is opened once and begins an episode for each trajectory. Episodes share nothing that a call can change.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent_data.environments.hints import Hints
    from arcmill.generation import GenerationConfig
    from arcmill.records import Message

Steps = Generator[Any, Any, Any]  # yields steps as a generation core does (arcmill.generation)


class ToolError(Exception):
    """A call that the world refuses. The text is told to the agent, who may mend it; the state is as it was before."""


class EpisodeLost(Exception):
    """The world itself has failed: a server that died, hangs or floods. It ends this trajectory, and no other.

    `reason` is short and stable, for counts and ledgers.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of an environment. `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    writes: bool = False  # it may change the state
    ends: bool = False  # it ends the episode, such as a transfer to a person
    returns: Mapping[str, Any] | None = None

    def schema(self) -> dict[str, Any]:
        """In OpenAI's function form."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": dict(self.parameters)},
        }

    def text(self) -> str:
        """The schema as the JSON text that records hold."""
        return json.dumps(self.schema(), ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a trajectory did, for checks of a policy: its messages, and of each call what became of it, in their order."""

    messages: Sequence[Message]
    calls: Sequence[Called]
    seed: int
    dialogue: bool  # whether a user took part beyond the first message


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made. `message` is the place of its assistant message; `observation` None where nothing came back."""

    name: str
    arguments: Mapping[str, Any]
    observation: str | None
    error: bool
    message: int


class Episode(ABC):
    """One run of a world from its seed on."""

    @abstractmethod
    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """What the tool gives: text, or a value that JSON can hold; or a generator (Steps) that returns one, where the call
        takes time (yields Work) or asks a model (yields Request). The arguments fit the tool's schema.

        Raises ToolError for a mistake of the agent, EpisodeLost where the world failed.
        """

    @abstractmethod
    def state(self) -> Any:
        """All that decides what later calls give, as a JSON value; or a generator (Steps) that returns it."""

    def digest(self) -> str | None:
        """`state_hash` of the state, where the episode can tell it faster than by its whole state; None: it cannot."""
        return None

    def close(self) -> None:  # noqa: B027  (most hold nothing)
        """Give back what the episode holds. Called once, also after EpisodeLost."""


class Environment(ABC):
    """A world: its tools, the policy that an agent is told, and episodes."""

    name: str = ""  # as AgentTask.environment names it; set by `opened`
    version: str = "1"  # another one where the same calls would give another result: part of fingerprints
    policy: str = ""
    tools: tuple[Tool, ...] = ()
    repeatable: bool = True  # the same calls from the same seed give the same observations
    most_open: int | None = None  # episodes that may be open at once; None: any number
    asks: GenerationConfig | None = None  # set by the stage that plays it: how a world that asks a model asks it
    confirm: frozenset[str] = frozenset()  # tools that the policy wants the user's yes for, where there is a dialogue

    @abstractmethod
    def begin(self, seed: int, tools: Sequence[Tool] | None = None) -> Episode | Steps:
        """An episode in the state of that seed; or a generator (Steps) that returns it. `tools`: those of the task, where a
        world has them from there. Raises EpisodeLost."""

    def breaches(self, trace: Trace) -> list[str]:
        """What a trajectory did against the policy, beyond what tools refuse: "rule: what happened"; empty where nothing."""
        return []

    def hints(self) -> Hints | None:
        """What synth-tasks needs to make natural tasks of it; None: it goes by schemas and observations alone."""
        return None

    def close(self) -> None:  # noqa: B027
        """Give back what the environment holds."""

    def tool(self, name: str) -> Tool | None:
        """The tool of a name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def canonical(value: Any) -> bytes:
    """A JSON value as bytes that are the same for equal values: sorted keys, no spaces. TypeError for anything else."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # whole numbers beyond 64 bits, half surrogate pairs
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def state_hash(state: Any) -> str:
    """SHA-256 of a state, 64 hex characters."""
    return sha256(canonical(state)).hexdigest()
