"""Runs a generation core against a model that is a function of the request: no engine, no server."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import GeneratorType
from typing import Any

from arcmill.generation import Answer, Choice, Request, RequestFailed, Work

Model = Callable[[Mapping[str, Any]], "Choice | RequestFailed"]


def played(core: Generator[Any, Any, Any], model: Model) -> Any:
    """What the core returns; its branches run one after the other."""
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = core.throw(error) if error is not None else core.send(value)
        except StopIteration as end:
            return end.value
        try:
            value, error = [_result(wanted, model) for wanted in step], None
        except Exception as problem:
            error = problem


def _result(wanted: Any, model: Model) -> Any:
    if isinstance(wanted, GeneratorType):
        return played(wanted, model)
    if isinstance(wanted, Work):
        return wanted.function(*wanted.arguments)
    assert isinstance(wanted, Request)
    made = model(wanted.body)
    if isinstance(made, RequestFailed):
        raise made
    return Answer((made,), 10, 5, 0.5)
