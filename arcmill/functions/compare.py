"""Stub: replaced by the real comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def compare(expected: Mapping[str, Any], given: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    """Differences."""
    return [
        f"{name} is {given.get(name)!r}, not {expected.get(name)!r}"
        for name in sorted({*expected, *given})
        if expected.get(name) != given.get(name)
    ]
