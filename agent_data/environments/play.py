"""One episode being played: every call goes through the same checks, whoever makes it (a model, the gold player, a replay)."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

from agent_data.environments.environment import (
    Environment,
    Episode,
    EpisodeLost,
    Tool,
    ToolError,
    state_hash,
)
from arcmill.chat.dialect import find_special
from arcmill.errors import ArcmillError
from arcmill.functions.check import Checker, checker
from arcmill.generation import RequestFailed
from arcmill.records import ToolCall

LARGEST = 8 << 20  # characters of an observation; a tool that says more has failed


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call gave. `error`: a mistake of the agent, told to it; `ended`: the episode is over."""

    text: str
    error: bool = False
    ended: bool = False


@dataclass(slots=True)
class Play:
    """An episode with its tools. Made by `begin`; `close` it."""

    environment: Environment
    episode: Episode
    seed: int
    tools: Mapping[str, Tool]
    characters: int  # longest observation; what is beyond is cut, and said so
    initial: str  # hash of the state at the start
    over: bool = False
    writes: int = 0  # calls of tools that may write and that were not refused

    def call(self, call: ToolCall) -> Generator[Any, Any, Observation]:
        """Make a call. Raises EpisodeLost where the world failed; everything else is an observation.

        An unknown tool, arguments that are no JSON object or do not fit the schema, and refusals are errors told to the agent.
        """
        if self.over:
            return Observation(_error("the episode is over"), True)
        tool = self.tools.get(call.name)
        if tool is None:
            return Observation(_error(f"no tool named {call.name!r:.80}; there are: {', '.join(self.tools)}"), True)
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            return Observation(_error("the arguments are not JSON"), True)
        if not isinstance(arguments, dict):
            return Observation(_error("the arguments are not a JSON object"), True)
        try:
            check = _checker(self.environment, tool)
        except ValueError as error:
            raise EpisodeLost("bad-schema", f"{call.name}: {error}"[:300]) from None
        if wrong := check(arguments):
            return Observation(_error("; ".join(wrong[:5])), True)
        try:
            given = self.episode.call(call.name, arguments)
            if isinstance(given, GeneratorType):
                given = yield from given
        except ToolError as refused:
            return Observation(self._bounded(_error(str(refused))), True)
        except (EpisodeLost, RequestFailed, ArcmillError, MemoryError):
            raise
        except Exception as error:  # whatever a world's own code raises ends this trajectory, and no other
            raise EpisodeLost("tool-broken", f"{call.name}: {type(error).__name__}: {error}"[:300]) from error
        if tool.writes:
            self.writes += 1
        self.over = self.over or tool.ends
        return Observation(self._bounded(_text(given)), ended=tool.ends)

    def hash(self) -> Generator[Any, Any, str]:
        """The hash of the state as it is now."""
        return (yield from _hash(self.episode))

    def close(self) -> None:
        self.episode.close()

    def _bounded(self, text: str) -> str:
        if len(text) > LARGEST:
            raise EpisodeLost("flood", f"an observation of {len(text)} characters")
        if found := find_special(text):
            raise EpisodeLost("special-token", f"an observation holds {found}, which a model would read as a command")
        if len(text) <= self.characters:
            return text
        return f"{text[: self.characters]}\n[cut here: {len(text)} characters in all]"


def begin(
    environment: Environment, seed: int, tools: Sequence[Tool] | None = None, characters: int = 20_000
) -> Generator[Any, Any, Play]:
    """Begin an episode. `tools` are those that the task offers; None: all. Raises EpisodeLost."""
    try:
        begun = environment.begin(seed, tools)
        episode: Episode = (yield from begun) if isinstance(begun, GeneratorType) else begun  # type: ignore[assignment]
    except (EpisodeLost, RequestFailed, ArcmillError, MemoryError):
        raise
    except Exception as error:
        raise EpisodeLost("world-broken", f"begin: {type(error).__name__}: {error}"[:300]) from error
    offered = environment.tools if tools is None else tools
    try:
        initial = yield from _hash(episode)
        return Play(environment, episode, seed, {tool.name: tool for tool in offered}, characters, initial)
    except BaseException:
        episode.close()
        raise


def _hash(episode: Episode) -> Generator[Any, Any, str]:
    try:
        if (digest := episode.digest()) is not None:
            return digest
        state = episode.state()
        if isinstance(state, GeneratorType):
            state = yield from state
        return state_hash(state)
    except (EpisodeLost, RequestFailed, ArcmillError, MemoryError):
        raise
    except Exception as error:
        raise EpisodeLost("world-broken", f"state: {type(error).__name__}: {error}"[:300]) from error


def _checker(environment: Environment, tool: Tool) -> Checker:
    """Made once for all episodes of an environment: that takes longer than many a call. ValueError for a broken schema."""
    held: dict[str, tuple[Tool, Checker]] = vars(environment).setdefault("_checkers", {})
    found = held.get(tool.name)
    if found is None or found[0] is not tool:
        if len(held) >= _CHECKERS:
            held.clear()
        found = held[tool.name] = (tool, checker(tool.parameters))
    return found[1]


_CHECKERS = 4096  # of worlds whose tools come from the tasks


def _error(text: str) -> str:
    return json.dumps({"error": text}, ensure_ascii=False)


def _text(given: Any) -> str:
    """What a tool gave, as the agent reads it: text as it is, anything else as JSON."""
    if isinstance(given, bytes | bytearray | memoryview):
        return f"[binary, {len(given)} bytes]"
    if not isinstance(given, str):
        try:
            given = json.dumps(given, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise EpisodeLost("tool-broken", f"gave what is no JSON: {error}"[:200]) from None
    return str(given).encode("utf-8", "replace").decode()
