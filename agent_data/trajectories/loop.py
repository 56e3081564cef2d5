"""One trajectory: messages, calls and observations until an end, which is always a row."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agent_data.environments.environment import Environment, EpisodeLost, Tool
from agent_data.environments.play import Play, begin
from agent_data.evidence import FINISHED, Evidence
from agent_data.goal import Goal
from agent_data.trajectories.calls import way_of
from agent_data.trajectories.limits import Ended, Spent, bounded
from arcmill.chat.dialect import find_special
from arcmill.generation import Answer, RequestFailed, served_name
from arcmill.records import AgentTask, Conversation, Message, stable_id

if TYPE_CHECKING:
    from agent_data.trajectories.stage import SynthTrajectories

_CONTEXT = ("context", "too long", "maximum", "max_model_len", "exceed")  # how servers say that the prompt is too long


class Player(Protocol):
    """Who acts: `next` gives the message after those so far. Ended where there is none."""

    name: str
    refused: str | None  # what the last call was refused with

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, Message]: ...


class User(Protocol):
    """Who asks: `next` gives the line after the messages so far; None at the end."""

    name: str

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, str | None]: ...


class ModelPlayer:
    """A language model as the agent."""

    def __init__(self, config: SynthTrajectories, tools: Sequence[str], origin: Sequence[str | int]) -> None:
        self.config, self.origin = config, tuple(origin)
        self.way = way_of(config, tools)
        self.name = f"model:{served_name(config.model)}"
        self.refused: str | None = None
        self.turn = self.calls = 0

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, Message]:
        tokens = min(spent.turn(), self.config.max_tokens)
        request = self.way.request(messages, tokens, *self.origin, self.turn)
        self.turn += 1
        answer: Answer
        (answer,) = yield [request]
        spent.answer(answer)
        spent.completion_tokens += answer.completion_tokens
        said = self.way.read(answer.choice, self.calls)
        message = said.message
        self.calls += len(message.tool_calls or ())
        if said.malformed is not None:
            raise Malformed(message, "malformed-call", said.malformed)
        if not (message.content or "").strip() and not message.tool_calls:
            raise Malformed(message, "empty", "neither text nor a call")
        if found := find_special(f"{message.content or ''}{message.reasoning or ''}"):
            raise Malformed(message, "special-token", f"the agent writes {found}")
        return message


class Malformed(Ended):
    """A message that ends the trajectory, and stands in it as it came."""

    def __init__(self, message: Message, ended: str, detail: str) -> None:
        super().__init__(ended, detail[:300])
        self.message = message


@dataclass(slots=True)
class Played:
    """What has been played so far."""

    messages: list[Message] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, str | None] = field(default_factory=dict)
    ended: str = ""
    detail: str | None = None


def trajectory(
    task: AgentTask, goal: Goal, environment: Environment, tools: Sequence[Tool], texts: Sequence[str], config: SynthTrajectories,
    player: Player, user: User | None, sample: int,
) -> Generator[Any, Any, Conversation]:  # fmt: skip
    """Play a task to its end. RequestFailed("request-failed") where a server has failed for good: no end of a trajectory."""
    limits = config.limits
    spent, played = Spent(limits), Played()
    play: Play | None = None
    if environment.policy.strip():
        played.messages.append(Message("system", environment.policy.strip()))
    if user is None:
        played.messages.append(Message("user", task.instruction))
    try:
        begun = begin(environment, goal.seed, tools, limits.characters)
        play = yield from bounded(begun, limits.call_seconds, "the world's start")
        played.states["initial"] = play.initial
        if goal.initial is not None and goal.initial != play.initial:
            raise Ended("other-world", "the world does not begin as the task says: another version, or other data")
        played.ended = yield from _turns(play, played, player, user, spent)
    except Ended as end:
        if isinstance(end, Malformed):
            played.messages.append(end.message)
        played.ended, played.detail = end.ended, end.detail
    except EpisodeLost as lost:
        played.ended, played.detail = lost.reason, lost.detail[:300]
    except RequestFailed as failed:
        if failed.rule != "request-rejected":
            raise
        long = any(word in failed.detail.lower() for word in _CONTEXT)
        played.ended, played.detail = "context" if long else "rejected", failed.detail[:300]
    finally:
        if play is not None:
            yield from _left(play, played, limits.call_seconds)
    return _row(task, goal, environment, texts, config, player, user, sample, played, spent)


def _left(play: Play, played: Played, seconds: float) -> Generator[Any, Any, None]:
    """The state at the end, and the world closed; a world that cannot even do that has no last state."""
    try:
        played.states["final"] = yield from bounded(play.hash(), seconds, "the world's state")
    except (EpisodeLost, RequestFailed) as lost:
        played.states["final"] = None
        if played.ended in FINISHED:
            played.ended, played.detail = getattr(lost, "reason", "world-broken"), str(lost)[:300]
    play.close()


def _turns(play: Play, played: Played, player: Player, user: User | None, spent: Spent) -> Generator[Any, Any, str]:
    """Turns until the trajectory comes to an end by itself; Ended where it is broken off."""
    messages = played.messages
    if user is not None:
        line = yield from user.next(messages, spent)
        if line is None:
            raise Ended("user-early", "the user has said nothing")
        messages.append(Message("user", line))
    while True:
        message = yield from player.next(messages, spent)
        messages.append(message)
        if message.tool_calls:
            spent.called(len(message.tool_calls))
            yield from _calls(play, played, message, player, spent)
            if play.over:
                return "terminal-call"
            continue
        if user is None:
            return "answered"
        line = yield from user.next(messages, spent)
        if line is None:
            return "user-stop"
        messages.append(Message("user", line))


def _calls(play: Play, played: Played, message: Message, player: Player, spent: Spent) -> Generator[Any, Any, None]:
    player.refused = None
    for call in message.tool_calls or ():
        made: dict[str, Any] = {"name": call.name}
        played.calls.append(made)
        written = play.writes
        observed = yield from bounded(play.call(call), spent.limits.call_seconds, call.name)
        if observed.error:
            made["error"] = True
            player.refused = f"{call.name}: {observed.text}"
        if play.writes > written:
            made["state"] = yield from bounded(play.hash(), spent.limits.call_seconds, "the world's state")
        played.messages.append(Message("tool", observed.text, tool_call_id=call.id))


def _row(
    task: AgentTask, goal: Goal, environment: Environment, texts: Sequence[str], config: SynthTrajectories, player: Player,
    user: User | None, sample: int, played: Played, spent: Spent,
) -> Conversation:  # fmt: skip
    evidence = Evidence(
        environment.name, environment.version, goal.seed, task.id, task.steps, player.name, played.ended, sample,
        user.name if user is not None else None, played.detail, config.limits.characters, played.calls,
        {"initial": None, "final": None, **played.states, "goal": goal.state},
    )  # fmt: skip
    return Conversation(
        stable_id(
            "trajectory", task.id, player.name, user.name if user is not None else "", str(config.seed), str(sample)
        ),
        played.messages,
        task.source or environment.name,
        list(texts) or None,
        any(message.reasoning for message in played.messages),
        evidence.text(),
        {"prompt_tokens": spent.prompt_tokens, "completion_tokens": spent.completion_tokens},
    )
