"""A dataset on a terminal: aligned, as wide as it is, coloured where colour is wanted; plain text in a pipe.

rich lays it out: it honours NO_COLOR, and writes no escape sequence where stdout is no terminal. It passes on what it
is given, so every text out of the data goes through `_text`, which shows control characters and sends none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pipelines.pairs import Pair
from pipelines.pairs import render as render_pairs

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STATISTICS, RULES = 40, 60  # lines of them
BAR, PIPE_WIDTH = 30, 140  # columns
_COLOURS = {"kept": "green", "merged": "blue", "dropped": "yellow", "errored": "red", "created": "cyan"}
_EIGHTHS = "▏▎▍▌▋▊▉█"


def show(found: Mapping[str, Any]) -> None:
    """Print what `inspect_dataset` found."""
    from rich.console import Console

    if sys.stdout.isatty():
        _print(Console(markup=False, highlight=False, emoji=False), found)
        return
    import io

    held = io.StringIO()
    wide = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdecimal() else PIPE_WIDTH
    _print(
        Console(file=held, markup=False, highlight=False, emoji=False, width=max(wide, 40), force_terminal=False), found
    )
    click.echo("\n".join(line.rstrip() for line in held.getvalue().splitlines()))


def _print(console: Console, found: Mapping[str, Any]) -> None:
    _head(console, found)
    if found["reasons"]:
        _reasons(console, found)
    for name, bins in found["histograms"].items():
        _histogram(console, name, bins)
    _values(console, found)
    _columns(console, found["schema"])
    _statistics(console, found["statistics"])
    if found["bands"]:
        _title(console, "merged pairs")
        for line in render_pairs(found["bands"], [Pair(**pair) for pair in found["pairs"]]):
            console.print(_text(line), soft_wrap=True)
    for number, row in enumerate(found["sample"]):
        _row(console, number, row)


def _text(value: Any, style: str = "") -> Text:
    """A value from anywhere, safe to print; control characters and what reorders text by name."""
    from rich.text import Text

    shown = str(value).replace("\n", "⏎")
    return Text("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown), style=style)


def _title(console: Console, title: str, note: str = "") -> None:
    console.print()
    line = _text(title, "bold")
    if note:
        line.append_text(_text(f"  {note}", "dim"))
    console.print(line, soft_wrap=True)


def _grid(*columns: tuple[str, bool, int]) -> Table:
    """A table without lines: (style, right-aligned, share of what room is left or 0)."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=0)  # indents by the padding
    for style, right, ratio in columns:
        grid.add_column(style=style or None, justify="right" if right else "left", overflow="fold", no_wrap=not ratio)
    return grid


def _bar(part: float, whole: float, style: str, width: int = BAR) -> Text:
    """A bar of eighths of a column; what is not nothing is seen."""
    eighths = max(round(8 * width * part / whole), 1) if part and whole else 0
    full, rest = divmod(eighths, 8)
    return _text("█" * full + (_EIGHTHS[rest - 1] if rest else ""), style)


def _percent(part: float, whole: float) -> str:
    if not whole:
        return ""
    return "< 0.1 %" if 0 < part / whole < 0.0005 else f"{100 * part / whole:.1f} %"


def _head(console: Console, found: Mapping[str, Any]) -> None:
    counts = found["counts"]
    line = _text(found["path"], "bold")
    line.append_text(_text(f"  {found['record']} by {found['stage']}"))
    console.print(line, soft_wrap=True)
    size = f"{found['bytes'] / 1e6:,.1f} MB" if found["bytes"] >= 1e5 else f"{found['bytes']:,} bytes"
    parts = f"{found['parts']:,} part{'' if found['parts'] == 1 else 's'}"
    console.print(
        _text(f"  {found['rows']:,} rows in {parts}, {size}, fingerprint {found['fingerprint'][:12]}", "dim"),
        soft_wrap=True,
    )
    grid = _grid(("", False, 0), ("", True, 0), ("", True, 0), ("", False, 0))
    whole = counts["in"]
    for name, number in counts.items():
        if number or name in ("in", "kept"):
            of = "" if name in ("in", "created") else _percent(number, whole)
            style = _COLOURS.get(name, "")
            bar = _bar(number, whole, style) if of else _text("")
            grid.add_row("", _text(name, style), _text(f"{number:,}"), _text(of), bar)
    console.print(grid)


def _reasons(console: Console, found: Mapping[str, Any]) -> None:
    reasons, whole = found["reasons"], found["counts"]["in"]
    _title(console, "ledger", "rows by rule, of what came in; scores: lowest, median, highest")
    top = max(row["rows"] for row in reasons)
    grid = _grid(
        ("", False, 0), ("", False, 1), ("", True, 0), ("", True, 0), ("", False, 0), ("dim", True, 0), ("dim", True, 0)
    )
    narrow = console.width < 110
    for row in reasons[:RULES]:
        style = _COLOURS.get(row["outcome"], "")
        told = [_figure(row[key]) for key in ("low", "median", "high")] if "median" in row else []
        scores = " – ".join(told if len(set(told)) > 1 else told[:1])
        threshold = "limit " + " – ".join(_figure(value) for value in row["threshold"]) if "threshold" in row else ""
        grid.add_row(
            "", _text(row["outcome"], style), _text(row["rule"]), _text(f"{row['rows']:,}"), _text(_percent(row["rows"], whole)),
            _bar(row["rows"], top, style, 8 if narrow else 16), _text("" if narrow else scores), _text("" if narrow else threshold),
        )  # fmt: skip
    console.print(grid)
    if len(reasons) > RULES:
        console.print(_text(f"  … {len(reasons) - RULES} more rules: --json", "dim"))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def _histogram(console: Console, name: str, bins: list[int]) -> None:
    _title(console, name)
    grid = _grid(("dim", False, 0), ("", True, 0), ("", True, 0), ("", False, 0))
    for place, number in enumerate(bins):
        edges = f"{place / len(bins):.1f}-{(place + 1) / len(bins):.1f}"
        grid.add_row(
            "", _text(edges), _text(f"{number:,}"), _text(_percent(number, sum(bins))), _bar(number, max(bins), "green")
        )
    console.print(grid)


def _values(console: Console, found: Mapping[str, Any]) -> None:
    scanned = found["scanned"]
    for name, counter in found["values"].items():
        note = "" if scanned == found["rows"] else f"of {scanned:,} of {found['rows']:,} rows"
        _title(console, name, note)
        grid = _grid(("", False, 1), ("", True, 0), ("", True, 0), ("", False, 0))
        top = max(counter.values())
        for value, number in counter.items():
            grid.add_row(
                "", _text(value), _text(f"{number:,}"), _text(_percent(number, scanned)), _bar(number, top, "cyan")
            )
        console.print(grid)


def _columns(console: Console, schema: Mapping[str, str]) -> None:
    _title(console, "schema")
    grid = _grid(("", False, 1), ("dim", False, 1))
    for name, kind in schema.items():
        grid.add_row("", _text(name), _text(kind))
    console.print(grid)


def _statistics(console: Console, statistics: Mapping[str, Any]) -> None:
    told = {key: value for key, value in statistics.items() if not isinstance(value, (dict, list))}
    if not told:
        return
    _title(console, "statistics")
    grid = _grid(("", False, 1), ("", False, 1))
    for key, value in list(told.items())[:STATISTICS]:
        grid.add_row("", _text(key), _text(f"{value:,}" if isinstance(value, int) else value))
    console.print(grid)
    if len(told) > STATISTICS:
        console.print(_text(f"  … {len(told) - STATISTICS} more: --json", "dim"))


def _row(console: Console, number: int, row: Mapping[str, Any]) -> None:
    _title(console, f"row {number}")
    grid = _grid(("dim", False, 0), ("", False, 1))
    for key, value in row.items():
        if value not in ([], {}, ""):
            grid.add_row("", _text(key), _text(value))
    console.print(grid)
