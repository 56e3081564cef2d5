"""Cores that ask no model, run without an engine."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from arcmill.generation import Request, RequestFailed, Work, drive


def inner(count: int) -> Generator[Any, list[Any], int]:
    total = 0
    for _ in range(count):
        (found,) = yield [Work(int, ("1",))]
        total += found
    return total


def test_work_and_branches_run_in_their_order() -> None:
    def core() -> Generator[Any, list[Any], list[Any]]:
        first = yield [Work(len, ("abc",)), inner(2), inner(0)]
        second = yield []
        return [*first, second]

    assert drive(core()) == [3, 2, 0, []]


def test_what_work_raises_can_be_caught_in_the_core() -> None:
    def core(catches: bool) -> Generator[Any, list[Any], str]:
        try:
            yield [Work(int, ("x",))]
        except ValueError:
            if not catches:
                raise
        return "mended"

    assert drive(core(True)) == "mended"
    with pytest.raises(ValueError, match="invalid literal"):
        drive(core(False))


def test_a_model_cannot_be_asked() -> None:
    def core() -> Generator[Any, list[Any], None]:
        yield [Request({})]

    with pytest.raises(RequestFailed, match="a model would have to be asked"):
        drive(core())
