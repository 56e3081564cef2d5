"""Configuration of a stage: a frozen pydantic model, read from a YAML file and `--set key=value`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arcmill.errors import UsageError

__all__ = [
    "Field",
    "Settings",
    "StageConfig",
    "assign",
    "parse_assignment",
    "read_yaml",
    "validate",
    "without_credentials",
]


class Settings(BaseModel):
    """A frozen group of settings; unknown keys are refused. Nested groups derive from this."""

    # Built on first use: `arcmill --help` declares every stage and validates nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class StageConfig(Settings):
    """Base of every stage's config: the two settings that the kernel itself reads."""

    # Settings that steer a run without changing its rows; they stay out of the fingerprint, so that raising
    # the guard takes up the finished parts instead of starting again.
    guards: ClassVar[frozenset[str]] = frozenset({"max_error_rate"})

    max_error_rate: float = Field(
        0.01, ge=0, le=1, description="largest share of input rows (0-1) that may end errored before the stage fails"
    )
    part_bytes: int = Field(
        64 << 20, ge=1 << 10, description="uncompressed bytes of rows after which a new output part is begun"
    )

    def identity(self) -> dict[str, Any]:
        """The settings that decide the output: what the manifest and the fingerprint hold."""
        return self.model_dump(mode="json", exclude=set(self.guards))


_CREDENTIALS = re.compile(r"(?<=//)[^/@\s']+(?=@)|(?<=\?)[^\s'?]+=[^\s']*")
_SECRET = re.compile(r"^(?:env|headers)$|key$|token$|secret|password", re.IGNORECASE)
Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """Build `model` from `values`; a mistake becomes a UsageError that names place, field, value and what is accepted."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                lines.append(f"{where}: unknown setting '{field}'; accepted: {_accepted(model, problem['loc'])}")
            elif problem["type"] == "missing":
                lines.append(f"{where}: setting '{field}' is required ({_meaning(model, problem['loc'])})")
            else:
                # No field: what several have to do with one another.
                named = f"setting '{field}'{_shown(problem['loc'], problem['input'])}: " if field else ""
                lines.append(f"{where}: {named}{without_credentials(problem['msg'].lower())}")
        raise UsageError("\n".join(lines)) from None


def without_credentials(text: str) -> str:
    """A message in which URLs have neither user and password nor a query, which may be a signature."""
    return _CREDENTIALS.sub("…", text)


def _shown(loc: tuple[int | str, ...], value: Any) -> str:
    """What a setting is, for a message; nothing that may be a key: those of environments, headers and URLs are not repeated."""
    if any(_SECRET.search(str(part)) for part in loc) or isinstance(value, Mapping):
        return ""
    return f" is {without_credentials(repr(value))}"


def _accepted(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return "see --help"
        model = field.annotation
    return ", ".join(model.model_fields)


def _meaning(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    field = model.model_fields.get(str(loc[0]))
    return (field.description or "see --help") if field else "see --help"


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split `key=value` of `--set`; the value is read as YAML (numbers, lists, null, true)."""
    from arcmill import yaml_text

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text!r}: expected key=value, for example --set min_score=0.8")
    try:
        return key.strip(), yaml_text.load(value) if value.strip() else None
    except yaml_text.BadYaml:
        return key.strip(), value


def assign(values: dict[str, Any], key: str, value: Any) -> None:
    """Set `a.b.c` in nested dictionaries, in place."""
    *parents, last = key.split(".")
    for parent in parents:
        inner = values.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {key}: '{parent}' is a value, not a group of settings")
        values = inner
    values[last] = value


def read_yaml(path: str) -> dict[str, Any]:
    """Read one YAML mapping: plain values, no Python objects, within the bounds of `yaml_text`."""
    from arcmill import yaml_text

    try:
        with Path(path).open("rb") as file:
            loaded = yaml_text.load(file.read(yaml_text.MOST_BYTES + 1).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml_text.BadYaml, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: expected a mapping of settings, found {type(loaded).__name__}")
    return loaded
