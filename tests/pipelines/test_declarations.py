"""What is declared says what it means: every command has an example, every setting a meaning, every number its unit."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import click
import pytest

from arcmill.config import Field, Settings
from pipelines import cli
from pipelines.commands.settings import groups_in

PACKAGES = ("arcmill", "ingest", "filters", "dedup", "synth", "agent_data", "sequences", "pipelines")

# A number is told by what it measures, by a scale, or by what it counts. These are the words for the first two.
MEASURES = frozenset(
    "bytes bits characters words lines tokens seconds digits years mib cores share shares score scores probability confidence "
    "distance weight weights times epoch epochs grade dimensions".split()
)
SCALES = frozenset("seed temperature port rate similarity jaccard unit".split())  # "(no unit)" where there is none
# A count names what is counted, in the plural. These end as plurals do, and count nothing.
NO_PLURAL = frozenset(
    "is was has does as its this thus less unless always across always towards stands stays holds gives takes makes needs comes goes "
    "decides chooses leaves means says tells reads writes asks begins ends drops keeps finds minus plus bias class pass".split()
)


def declared() -> list[type[Settings]]:
    """Every group of settings that there is: of stages, engines, recipes and commands."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)

    def below(model: type[Settings]) -> Iterator[type[Settings]]:
        for inner in model.__subclasses__():
            yield inner
            yield from below(inner)

    ours = {model for model in below(Settings) if model.__module__.partition(".")[0] in PACKAGES}
    return sorted(ours, key=lambda model: f"{model.__module__}.{model.__qualname__}")


def leaves(kind: Any) -> Iterator[Any]:
    """The types that a value is made of; of a mapping those of its values."""
    parts = get_args(kind)
    if get_origin(kind) is dict:
        parts = parts[1:]
    if get_origin(kind) is not Literal:
        yield from (leaf for part in parts for leaf in leaves(part))
        if not parts:
            yield kind


def lacks_unit(key: str, kind: Any, meaning: str) -> bool:
    """Whether a number is without a unit: neither its name nor the first clause of its meaning holds a measure, a scale, or (a
    whole number) something counted."""
    numbers = {int, float} & set(leaves(kind))
    if not numbers:
        return False
    words = set(re.findall(r"[a-zA-Z]+", f"{key.replace('_', ' ')} {meaning}".lower()))
    if words & (MEASURES | SCALES):
        return False
    counted = {
        word for word in re.findall(r"[a-zA-Z]+", meaning.partition(";")[0].lower())
        if len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word not in NO_PLURAL
    }  # fmt: skip
    ratio = bool(words & {"each", "per"})  # of one count to another
    return not counted or (int not in numbers and not ratio)


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands, and those of groups; of stages too."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")


ALL = dict(commands(cli.cli))


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_an_example_and_a_meaning_of_each_option(name: str) -> None:
    command = ALL[name]
    shown = command.get_help(click.Context(command, info_name=f"arcmill {name}"))
    _, found, example = shown.partition("Example:")
    assert found and f"arcmill {name}" in example, f"arcmill {name}: no example of it in its help"
    assert command.get_short_help_str(200).strip()
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"arcmill {name}: {option.opts[0]} says nothing"


def test_every_setting_has_a_meaning_and_every_number_a_unit() -> None:
    models = declared()
    assert len(models) > 100
    silent, bare = [], []
    for model in models:
        for key, field in model.model_fields.items():
            where = f"{model.__module__}.{model.__qualname__}.{key}"
            if not (field.description or "").strip():
                silent.append(where)
            elif lacks_unit(key, field.annotation, field.description or ""):
                bare.append(f"{where}: {field.description}")
    assert not silent, "settings without a meaning:\n" + "\n".join(silent)
    assert not bare, "numbers that name no unit, scale or what is counted:\n" + "\n".join(bare)


@pytest.mark.parametrize(
    ("key", "kind", "meaning", "lacks"),
    [
        ("max_bytes", int | None, "largest value; null: any", False),
        ("max_length", int | None, "largest value; null: any", True),  # of what?
        ("limit", int | None, "largest value; null: any", True),
        ("limit", int, "rows, at most", False),
        ("limit", float, "rows, at most", True),  # what is counted is whole
        ("limit", float, "rows for each page, at most", False),
        ("timeout", float, "longest wait", True),
        ("timeout", float, "longest wait; seconds", False),
        ("thresholds", dict[str, float], "by language", True),
        ("kind", Literal["a", "b"], "which", False),
        ("strict", bool, "whether", False),
        ("name", dict[int, str], "by place", False),
    ],
)
def test_the_check_of_units_can_fail(key: str, kind: Any, meaning: str, lacks: bool) -> None:
    assert lacks_unit(key, kind, meaning) is lacks


def test_groups_are_found_wherever_they_stand() -> None:
    class Inner(Settings):
        size: int = Field(1, description="bytes")

    assert list(groups_in(list[Inner])) == [("[]", Inner)]
    assert list(groups_in(dict[str, str | Inner] | None)) == [(".NAME", Inner)]
    assert not list(groups_in(dict[str, int]))
