"""Options that commands share, and the width of their help."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--workers`, the same everywhere: it never changes the output."""
    return click.option(
        "--workers", type=click.IntRange(1), default=cores, show_default="all cores",
        help="Processes (and Spark cores) to use; the output is the same for any number.",
    )(command)  # fmt: skip


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, for commands whose result a program may want."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
