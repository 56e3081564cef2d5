"""Worked arithmetic is right to the end, and each of its lines is."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from arcmill.records import batch_to_rows, rows_to_batch
from arcmill.stage import Outcome
from synth.problems.arithmetic import STAGE as MAKE
from synth.problems.solve import STAGE
from synth.problems.solve_steps import worked
from synth.verifiers.verify import verify

LINE = re.compile(r"^\(?(?:check: )?(\S+|\(\S+\)) ([-+*/]) (\S+|\(\S+\)) = ([-\d/]+)\)?$")


@pytest.fixture(scope="module")
def problems() -> list[Any]:
    return list(MAKE.core("0", MAKE.config(count=300, max_digits=5, max_steps=5)))


def solved(problems: list[Any], **settings: Any) -> tuple[list[Any], list[Any]]:
    found = list(STAGE.core(iter([rows_to_batch("Problem", problems)]), STAGE.config(**settings)))
    rows = [row for item in found if isinstance(item, pa.RecordBatch) for row in batch_to_rows("Conversation", item)]
    return rows, [item for item in found if isinstance(item, tuple)]


def test_every_kind_is_worked_to_its_answer(problems: list[Any]) -> None:
    rows, left = solved(problems)
    assert (len(rows), left) == (300, [])
    for row, problem in zip(rows, problems, strict=True):
        verdict = verify("math", row.messages[-1].content, problem.answer, None, prompt=problem.prompt)
        assert verdict.right is True, (problem.prompt, row.messages[-1].content)
    assert solved(problems)[0] == rows


def test_each_line_of_the_working_is_true(problems: list[Any]) -> None:
    rows, _ = solved(problems)
    lines = [match for row in rows for line in row.messages[-1].reasoning.splitlines() if (match := LINE.match(line))]
    assert len(lines) > 500
    for match in lines:
        left, sign, right, result = match.groups()
        a, b = Fraction(left.strip("()")), Fraction(right.strip("()"))
        assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[sign] == Fraction(result), match[0]


def test_what_is_not_of_make_arithmetic_is_errored(problems: list[Any]) -> None:
    bad = [
        replace(problems[0], evidence=None), replace(problems[1], evidence="{no json"), replace(problems[2], answer="-7777"),
        replace(problems[3], evidence='{"expression": "__import__(\'os\')"}'),
        replace(problems[4], evidence='{"expression": "9^999999999"}'),
        replace(problems[5], evidence='{"expression": "1 // 0"}'),
    ]  # fmt: skip
    rows, left = solved(bad)
    assert rows == []
    assert [found.rule for _, found in left] == ["no-expression"] * 2 + ["other-answer"] + ["no-expression"] * 3
    assert all(isinstance(found, Outcome) and found.outcome == "errored" for _, found in left)


def test_powers_go_by_squares() -> None:
    lines, value = worked("(7^13) mod 10", True)
    assert value == pow(7, 13, 10)
    assert lines[-1] == f"7^13 mod 10 = {pow(7, 13, 10)}"
