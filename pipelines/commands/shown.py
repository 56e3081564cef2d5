"""What commands print on stdout: JSON where it is asked for, else text and plain columns."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

# C0 and C1 controls, bidirectional controls, halves of characters. JSON has escaped its own C0 already.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def say(value: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    """A result, on stdout."""
    if not as_json:
        click.echo(harmless(text(value)))
        return
    import json

    # The same values to a reader of JSON: its escapes stand for what could steer a terminal.
    click.echo(_STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value, indent=1, ensure_ascii=False)))


def harmless(text: str) -> str:
    """Text for a terminal: what could steer it, or reorder what it shows, is escaped. Lines and tabs stay."""
    return _STEERING.sub(lambda sign: repr(sign[0])[1:-1], text)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Plain columns; the last one is cut to the terminal."""
    import shutil

    widths = [max(len(str(cell)) for cell in column) for column in zip(header, *rows, strict=True)]
    room = max(20, shutil.get_terminal_size((140, 24)).columns - sum(widths[:-1]) - 2 * (len(widths) - 1))
    lines = []
    for row in (header, *rows):
        *cells, last = (str(cell).replace("\n", " ") for cell in row)
        last = last if len(last) <= room or not sys.stdout.isatty() else last[: room - 1] + "…"
        lines.append(
            "  ".join([*(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)), last]).rstrip()
        )
    return "\n".join(lines)
