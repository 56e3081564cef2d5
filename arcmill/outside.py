"""Code of the user's own, by its place: `module:name`, found in the current folder, on PYTHONPATH, or installed.

A command, a recipe or settings name it, never data: importing it runs it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from arcmill.errors import UsageError

_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def importable() -> None:
    """Let modules of the current folder be imported: after all others, so that no file of it hides a package."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


def imported(place: str, what: str) -> Any:
    """What `module:name` names. UsageError where it cannot be imported, or the module lacks the name; `what` heads its message."""
    if not _PLACE.fullmatch(place):
        raise UsageError(f"{what}: {place!r} is not package.module:name")
    module, _, name = place.partition(":")
    importable()
    try:
        found = import_module(module)
    except (Exception, SystemExit) as error:  # a module may raise whatever it likes
        raise UsageError(
            f"{what}: {module} cannot be imported ({type(error).__name__}: {error}); it is looked for in the current folder, on "
            "PYTHONPATH, and among what is installed"
        ) from None
    if not hasattr(found, name):
        raise UsageError(f"{what}: {module} ({getattr(found, '__file__', 'built in')}) holds no {name!r}")
    return getattr(found, name)


def file_of(place: str) -> str | None:
    """The file of the module that a place names, once it was imported; None where there is none (C, built in)."""
    found = sys.modules.get(place.partition(":")[0])
    path = getattr(found, "__file__", None)
    return str(path) if path and os.path.isfile(path) else None


def function(place: str, what: str) -> Callable[..., Any]:
    """As `imported`, for what is called. UsageError where it cannot be."""
    found = imported(place, what)
    if not callable(found):
        raise UsageError(f"{what}: {place} is a {type(found).__name__}, not a function")
    called: Callable[..., Any] = found
    return called
