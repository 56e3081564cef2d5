"""The harnesses by name: every module of this folder has one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..harness import Harness

_FILES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
HARNESSES: dict[str, Harness] = {name: import_module(f"{__name__}.{name}").HARNESS for name in _FILES}
