"""What a trajectory may use: turns, calls, tokens, seconds. Whatever runs over ends that trajectory, and no other."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from typing import Any, TypeVar

from agent_data.environments.environment import EpisodeLost
from arcmill.config import Field, Settings
from arcmill.generation import Answer, Work

T = TypeVar("T")


class Ended(Exception):
    """A trajectory has come to an end; `ended` and `detail` as in the evidence."""

    def __init__(self, ended: str, detail: str | None = None) -> None:
        super().__init__(ended)
        self.ended, self.detail = ended, detail


class Limits(Settings):
    """The most that one trajectory may use."""

    turns: int = Field(40, ge=1, description="messages of the agent")
    calls: int = Field(80, ge=1, description="calls in all")
    calls_a_turn: int = Field(16, ge=1, description="calls in one message")
    tokens: int = Field(65_536, ge=1, description="tokens that the agent writes in all, reasoning included")
    seconds: float = Field(
        3600.0,
        gt=0,
        description="seconds that the model's answers take in all, by the journal, so that a run taken up again decides alike",
    )
    call_seconds: float = Field(60.0, gt=0, description="longest call of a tool; seconds")
    characters: int = Field(20_000, ge=1, description="longest observation; what is beyond is cut, and said so")


class Spent:
    """What a trajectory has used so far. Each method raises Ended where that is too much."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.turns = self.calls = self.prompt_tokens = self.completion_tokens = 0
        self.seconds = 0.0

    def turn(self) -> int:
        """Before a message of the agent: the tokens that it may have."""
        if self.turns >= self.limits.turns:
            raise Ended("turns", f"no end after {self.turns} messages of the agent")
        self.time()
        left = self.limits.tokens - self.completion_tokens
        if left <= 0:
            raise Ended("tokens", f"no end after {self.completion_tokens} tokens")
        self.turns += 1
        return left

    def time(self) -> None:
        """Before any request."""
        if self.seconds >= self.limits.seconds:
            raise Ended("time", f"no end after {self.limits.seconds:g} s of the model's answers")

    def answer(self, answer: Answer) -> None:
        """After an answer, the simulated user's too."""
        self.prompt_tokens += answer.prompt_tokens
        self.seconds += answer.seconds

    def called(self, at_once: int) -> None:
        """Before the calls of one message."""
        if at_once > self.limits.calls_a_turn:
            raise Ended("calls", f"{at_once} calls in one message")
        if self.calls + at_once > self.limits.calls:
            raise Ended("calls", f"no end after {self.calls} calls")
        self.calls += at_once


def bounded(steps: Generator[Any, Any, T], seconds: float, what: str) -> Generator[Any, Any, T]:
    """Steps of a world, none of which may take longer; EpisodeLost("call-time") where one does.

    What runs here is broken off; Work that hangs in its thread is left there.
    """
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                with _Alarm(seconds):
                    step = steps.throw(error) if error is not None else steps.send(value)
            except StopIteration as end:
                made: T = end.value
                return made
            except _TooLong:
                raise _late(what, seconds) from None
            step = [_limited(wanted, seconds, what) if isinstance(wanted, Work) else wanted for wanted in step]
            try:
                value, error = (yield step), None
            except Exception as problem:
                error = problem
    finally:
        steps.close()


def _late(what: str, seconds: float) -> EpisodeLost:
    return EpisodeLost("call-time", f"{what} took more than {seconds:g} s")


def _limited(work: Work, seconds: float, what: str) -> Work:
    return Work(_waited, (work, seconds, what))


def _waited(work: Work, seconds: float, what: str) -> Any:
    """The work in a thread that nobody waits for longer: a pool's own thread could never be given up."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append((work.function(*work.arguments), None))
        except BaseException as error:  # handed over, as a pool does
            found.append((None, error))

    thread = threading.Thread(target=run, daemon=True, name="bounded-work")
    thread.start()
    thread.join(seconds)
    if not found:
        raise _late(what, seconds)
    result, error = found[0]
    if error is not None:
        raise error
    return result


class _TooLong(BaseException):
    """No Exception: a tool that catches everything must not catch its own end."""


class _Alarm:
    """Break off what runs in this thread after so long. Only the main thread can be: elsewhere nothing is done."""

    __slots__ = ("seconds",)
    armed = False

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            if not _before:  # once: setting a handler costs more than most calls
                _before.append(signal.signal(signal.SIGALRM, _ring))
            _Alarm.armed = True
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *error: object) -> None:
        if _Alarm.armed and threading.current_thread() is threading.main_thread():
            _Alarm.armed = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)


_before: list[Any] = []  # the handler that was there before ours


def _ring(number: int, frame: Any) -> None:
    if _Alarm.armed:
        raise _TooLong
    if callable(_before[0]):
        _before[0](number, frame)
