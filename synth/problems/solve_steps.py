"""An arithmetic expression evaluated aloud: one line an operation, in exact fractions."""

from __future__ import annotations

import ast
import json
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

from arcmill.records import Conversation, Message, Problem, stable_id
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from synth.problems.solve import SolveArithmetic

MOST_NODES = 4000
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "mod", ast.Pow: "^"}
_FIRST = ("We need {}.", "Let me work out {}.", "The expression is {}.", "What is asked comes to {}.")
_LAST = ("So the result is {}.", "That leaves {}.", "Hence {}.", "The value is {}.")
_SAID = ("The answer is {}.", "{}", "Answer: {}", "Final answer: {}")


class Unsolved(Exception):
    """An expression that is not one of make-arithmetic's."""


def conversation(problem: Problem, config: SolveArithmetic) -> Conversation | Outcome:
    """The problem, its working as reasoning, and the answer. Evidence is as `reject-samples` wants it."""
    try:
        evidence = json.loads(problem.evidence or "{}")
        expression = evidence.get("expression") if isinstance(evidence, dict) else None
        if not isinstance(expression, str):
            raise Unsolved("no expression in the evidence; solve-arithmetic reads problems of make-arithmetic")
        lines, value = worked(expression, config.checks)
    except (Unsolved, ValueError, SyntaxError, RecursionError, ZeroDivisionError) as error:
        return Outcome("no-expression", "errored", detail=str(error)[:200])
    shown = _shown(value)
    if shown != problem.answer:
        return Outcome(
            "other-answer", "errored", detail=f"the working ends in {shown}, the problem says {problem.answer}"
        )
    random = Random(f"{config.seed}/{problem.id}")
    reasoning = "\n".join([random.choice(_FIRST).format(expression), *lines, random.choice(_LAST).format(shown)])
    told = {"problem": problem.id, "answer_type": "math", "expected": problem.answer, "finish": "stop", "model": "gold"}
    if problem.domain is not None:
        told["domain"] = problem.domain
    return Conversation(
        stable_id("solve-arithmetic", problem.id, str(config.seed)),
        [Message("user", problem.prompt), Message("assistant", random.choice(_SAID).format(shown), reasoning)],
        problem.source, thinking=True, evidence=json.dumps(told, sort_keys=True, ensure_ascii=False),
    )  # fmt: skip


def worked(expression: str, checks: bool) -> tuple[list[str], Fraction]:
    """A line for each operation, in the order in which they are done, and the value. Raises Unsolved."""
    tree = ast.parse(expression.replace("^", "**").replace(" mod ", " % "), mode="eval").body
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise Unsolved(f"an expression of more than {MOST_NODES} parts")
    lines: list[str] = []
    return lines, _value(tree, lines, checks)


def _value(node: ast.expr, lines: list[str], checks: bool) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, lines, checks)
    if not isinstance(node, ast.BinOp) or type(node.op) not in _SIGNS:
        raise Unsolved(f"{type(node).__name__} is no arithmetic of make-arithmetic")
    sign = _SIGNS[type(node.op)]
    if sign == "mod" and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Pow):
        base, power = (_value(side, lines, checks) for side in (node.left.left, node.left.right))
        return _power(base, power, _value(node.right, lines, checks), lines)
    left, right = _value(node.left, lines, checks), _value(node.right, lines, checks)
    if sign == "^":
        raise Unsolved("a power without a modulus")
    if sign in ("mod", "//") and (left.denominator != 1 or right.denominator != 1):
        raise Unsolved(f"{sign} of fractions")
    if sign == "/" and _is_written(node):
        return left / right  # how a fraction is written, not an operation
    value = {
        "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right,
        "//": lambda: Fraction(left // right), "mod": lambda: left % right,
    }[sign]()  # fmt: skip
    lines.append(f"{_operand(left)} {sign} {_operand(right)} = {_shown(value)}")
    if sign in ("mod", "//"):
        whole = left // right
        lines.append(f"({_shown(right)} * {whole} = {_shown(right * whole)}, and {_shown(left % right)} is left over)")
    elif checks and sign in "+-" and left.denominator == right.denominator == 1:
        back = "-" if sign == "+" else "+"
        lines.append(f"(check: {_operand(value)} {back} {_operand(right)} = {_shown(left)})")
    elif sign == "*" and left.denominator == right.denominator == 1 and abs(left) > 9 and abs(right) > 9:
        lines.append(f"({_by_parts(int(left), int(right))})")
    return value


def _is_written(node: ast.BinOp) -> bool:
    """Whether a quotient is of two written numbers."""
    return all(isinstance(side, ast.Constant) for side in (node.left, node.right))


def _by_parts(left: int, right: int) -> str:
    digits = str(abs(right))
    parts = [int(d) * 10 ** (len(digits) - 1 - n) for n, d in enumerate(digits) if d != "0"]
    sign = -1 if right < 0 else 1
    return "; ".join(f"{left} * {sign * part} = {left * sign * part}" for part in parts)


def _power(base: Fraction, power: Fraction, modulus: Fraction, lines: list[str]) -> Fraction:
    """Square and multiply, from the highest bit."""
    if any(number.denominator != 1 for number in (base, power, modulus)) or power < 0 or modulus < 1:
        raise Unsolved("a power that is none of whole numbers")
    b, e, m = int(base), int(power), int(modulus)
    value, done = b % m, 1
    lines.append(f"{b} mod {m} = {value}")
    for bit in bin(e)[3:]:
        value, done = value * value % m, 2 * done
        lines.append(f"{b}^{done} mod {m} = {value}")
        if bit == "1":
            value, done = value * b % m, done + 1
            lines.append(f"{b}^{done} mod {m} = {value}")
    return Fraction(value if e else 1 % m)


def _operand(value: Fraction) -> str:
    return _shown(value) if value >= 0 and value.denominator == 1 else f"({_shown(value)})"


def _shown(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value.numerator)
