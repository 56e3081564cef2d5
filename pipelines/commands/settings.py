"""The settings of a stage or a command, as its help lists them."""

from __future__ import annotations

from typing import Any


def settings_of(model: Any, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of every setting, nested ones with dots."""
    import json

    from pydantic import BaseModel

    found: list[tuple[str, str, str, str]] = []
    for key, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += settings_of(kind, f"{prefix}{key}.")
            continue
        shown = getattr(kind, "__name__", str(kind)) if not getattr(kind, "__args__", None) else str(kind)
        shown = shown.replace("typing.", "").replace("NoneType", "None")
        default = (
            "required" if field.is_required() else json.dumps(field.get_default(call_default_factory=True), default=str)
        )
        found.append(
            (prefix + key, shown, default if len(default) <= 80 else default[:77] + "...", field.description or "")
        )
    return found


def settings_help(model: Any, prefix: str = "") -> list[str]:
    """The lines of help about settings: key, type, default, and below them the meaning."""
    import textwrap

    lines = []
    for key, kind, default, meaning in settings_of(model, prefix):
        lines.append(f"  {key} ({kind}, default {default})")
        lines.extend(f"      {line}" for line in textwrap.wrap(meaning, 100))
    return lines
