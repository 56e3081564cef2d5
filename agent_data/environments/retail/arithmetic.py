"""Arithmetic expressions, read and never run as code."""

from __future__ import annotations

import ast
import operator

_TWO = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
LONGEST = 500  # characters


def value_of(expression: str) -> float:
    """The value of numbers joined by + - * / and parentheses. ValueError for anything else, ArithmeticError where it has none."""
    if len(expression) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("not an arithmetic expression") from None
    return _value(tree.body)


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _TWO:
        return float(_TWO[type(node.op)](_value(node.left), _value(node.right)))
    raise ValueError("only numbers, + - * / and parentheses")
