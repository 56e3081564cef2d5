"""What a harness is, and one input under its limits."""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from arcmill.errors import ArcmillError

SECONDS = 5.0  # of the processor, for one input: others may be at work; who sleeps is noticed by the parent
INTERNAL = (
    "TypeError", "AttributeError", "IndexError", "KeyError", "AssertionError", "UnboundLocalError", "RecursionError", "MemoryError",
    "NameError", "ZeroDivisionError", "NotImplementedError", "Hang",
)  # fmt: skip


class Hang(BaseException):
    """An input took longer than SECONDS. No Exception, so that no parser takes it for damage."""


class Unsound(AssertionError):
    """A parser broke what it promises."""


@dataclass(frozen=True)
class Harness:
    """`run` reads an input and says what became of it; `json` inputs are changed as values, too; `tokens` mean much to it."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    run: Callable[[bytes], str]
    json: bool = False
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tried:
    """What became of an input: `crash` tells kind and place of what went wrong, "" for nothing."""

    outcome: str
    crash: str = ""
    detail: str = ""


def attempt(harness: Harness, data: bytes) -> Tried:
    """One input, imports aside. ArcmillErrors are what parsers may raise."""
    try:
        with limited():
            return Tried(harness.run(data))
    except ArcmillError as error:
        return Tried(type(error).__name__)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Hang, and panics of compiled libraries, are no Exceptions
        place = _place(error)
        told = "".join(traceback.format_exception(error))[-3000:]
        return Tried("crash", f"{type(error).__name__} at {place}", told)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def late(*_: object) -> None:
        raise Hang(f"more than {SECONDS:g} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 0.2)  # again, where a finalizer swallowed the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/tests/fuzz/" not in frame.filename and "site-packages" not in frame.filename
           and "/lib/python" not in frame.filename]  # fmt: skip
    frame = (own or frames)[-1]
    return f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno}"


def told(rows: Sequence[Any]) -> str:
    """What became of rows: kinds of records and rules. Unsound where a rule hides a mistake of the parser's own."""
    from arcmill.stage import Failure, Outcome

    found = set()
    for row in rows:
        outcome = row.outcome if isinstance(row, Failure) else row
        if not isinstance(outcome, Outcome):
            found.add(type(row).__name__)
            continue
        if outcome.rule == "unreadable" and (outcome.detail or "").startswith(INTERNAL):
            raise Unsound(f"an errored row that is a mistake of ours: {outcome.detail}")
        found.add(outcome.rule)
    return "+".join(sorted(found)) or "nothing"
