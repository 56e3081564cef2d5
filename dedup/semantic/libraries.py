"""The libraries of the extra `semantic`, asked for by name before work begins."""

from __future__ import annotations

from importlib import import_module

from arcmill.errors import EngineError

INSTALL = "pip install 'arcmill[semantic]'"


def require(stage: str, *names: str) -> None:
    """Import them; EngineError names the one that is missing, and the command that mends it."""
    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            raise EngineError(f"{stage} needs {name} ({error}): {INSTALL}") from None
