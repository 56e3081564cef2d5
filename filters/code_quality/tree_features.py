"""Features of the syntax tree: kinds of nodes, pairs of parent and child, depth, errors, size of functions.

The tree is read from tree-sitter's S-expression, which C writes in one call: visiting its nodes from Python takes longer
than parsing does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from arcmill.syntax import parse

Array = np.ndarray[Any, Any]

BUCKETS = 1 << 12
STATISTICS = 12
PARSED_BYTES = 1 << 14  # of the start of a file; more gains nothing that could be measured and costs time
DEEPEST = 1000  # the S-expression is written by recursion; a deeper tree is not read
_FUNCTIONS = (
    "function_definition", "function_declaration", "function_item", "method_declaration", "method_definition",
    "constructor_declaration", "function_expression", "arrow_function", "func_literal", "closure_expression", "lambda",
)  # fmt: skip
_IDENTIFIERS = ("identifier", "type_identifier", "field_identifier", "property_identifier", "package_identifier")


def _hashed(names: tuple[str, ...]) -> Array:
    found = [_hash(np.frombuffer(bytearray(name.encode()), np.uint8), 0, len(name)) for name in names]
    return np.sort(np.array(found, np.uint64))


def expression(source: bytes, grammar: str) -> bytes | None:
    """The S-expression of the tree of the start of a text; None where there is no grammar or the tree is too deep."""
    if len(source) > PARSED_BYTES:
        source = source[: source.rfind(b"\n", 0, PARSED_BYTES) + 1 or PARSED_BYTES]
    tree = parse(source, grammar)
    if tree is None:
        return None
    # All nodes between the one at half of the largest depth and the one at the largest lie below the former, so a
    # tree deeper than DEEPEST has DEEPEST / 2 nodes in a row of at least half that depth: one of them is met.
    cursor = tree.walk()
    for index in range(0, tree.root_node.descendant_count, DEEPEST // 2):
        cursor.goto_descendant(index)
        if cursor.depth >= DEEPEST // 2:
            return None
    return str(tree.root_node).encode()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _hash(data: Array, start: int, end: int) -> Any:
    value = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    return value ^ (value >> np.uint64(33))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _member(value: Any, table: Array) -> bool:
    place = np.searchsorted(table, value)
    return bool(place < table.shape[0] and table[place] == value)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _read(data: Array, functions: Array, identifiers: Array, deepest: int) -> tuple[Array, Array]:
    counts = np.zeros((2, BUCKETS), np.int32)
    out = np.zeros(STATISTICS, np.float64)
    kinds = np.zeros(deepest + 2, np.uint64)
    begun = np.zeros(deepest + 2, np.int64)
    children = np.zeros(deepest + 2, np.int64)
    nodes = errors = leaves = names = function_count = function_nodes = function_depth = depth_sum = 0
    depth = most = root_children = 0
    size = data.shape[0]
    at = 0
    while at < size:
        byte = data[at]
        if byte == 0x28:  # (
            start = at + 1
            at = start
            while at < size and data[at] != 0x20 and data[at] != 0x29:
                at += 1
            value = _hash(data, start, at)
            depth += 1
            if depth > deepest:
                return counts, out
            most = max(most, depth)
            depth_sum += depth
            nodes += 1
            kinds[depth], begun[depth], children[depth] = value, nodes, 0
            children[depth - 1] += 1
            root_children += depth == 2
            # (ERROR, (MISSING, (UNEXPECTED: kinds of the grammars are in small letters
            if start < at and 0x41 <= data[start] <= 0x5A:
                errors += 1
            names += _member(value, identifiers)
            counts[0, np.int64(value & np.uint64(BUCKETS - 1))] += 1
            pair = kinds[depth - 1] * np.uint64(0x9E3779B97F4A7C15) + value
            pair ^= pair >> np.uint64(29)
            counts[1, np.int64(pair & np.uint64(BUCKETS - 1))] += 1
        elif byte == 0x29:  # )
            if depth > 0:
                leaves += children[depth] == 0
                if _member(kinds[depth], functions):
                    function_count += 1
                    function_nodes += nodes - begun[depth]
                    function_depth += depth
                depth -= 1
            at += 1
        elif byte == 0x22 or byte == 0x27:  # the quoted mark of a MISSING or UNEXPECTED node may be a bracket
            at += 1
            while at < size and data[at] != byte:
                at += 2 if data[at] == 0x5C else 1
            at += 1
        else:
            at += 1
    total = max(1, nodes)
    some = max(1, function_count)
    entropy = 0.0
    for i in range(BUCKETS):
        if counts[0, i]:
            share = counts[0, i] / total
            entropy -= share * np.log2(share)
    out[0] = 1.0
    out[1] = np.sqrt(errors / total)
    out[2] = most / 64
    out[3] = depth_sum / total / 32
    out[4] = entropy / 8
    out[5] = np.log2(1 + function_nodes / some) / 12
    out[6] = np.sqrt(function_count / total)
    out[7] = function_depth / some / 16
    out[8] = leaves / total
    out[9] = names / total
    out[10] = np.sqrt(root_children / total)
    out[11] = min(1.0, function_nodes / total / 2)
    return counts, out


class TreeReader:
    """Reads S-expressions."""

    def __init__(self) -> None:
        self._functions, self._identifiers = _hashed(_FUNCTIONS), _hashed(_IDENTIFIERS)

    def read(self, expression: bytes) -> tuple[Array, Array]:
        """Counts of kinds and of pairs (hashed), and `STATISTICS` numbers."""
        data = np.frombuffer(bytearray(expression), np.uint8)
        counts, out = _read(data, self._functions, self._identifiers, DEEPEST)
        return counts, out
