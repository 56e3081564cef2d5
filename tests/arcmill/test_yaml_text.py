"""YAML that is meant to harm is a mistake in the file, never a crash, and costs no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcmill.config import parse_assignment, read_yaml
from arcmill.errors import UsageError

MERGES = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 6)}]}}\n" for n in range(1, 30))
ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
BAD = {
    "a date that is none": "a: 2001-99-99", "a number without end": "a: " + "9" * 5000, "brackets": "[" * 200_000,
    "braces": "a: " + "{a: " * 3000, "merged aliases": MERGES, "aliases": ALIASES, "itself": "a: &a {b: *a}",
    "empty integer": "a: !!int ''", "no boolean": "a: !!bool x", "no date": "a: !!timestamp x", "no float": "a: !!float x",
    "a tag of Python": "a: !!python/object/apply:os.system [ls]", "a collection as key": "{[1]: 2}", "large": "# " + "x" * (5 << 20),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_meant_to_harm_is_told(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(BAD[name])
    with pytest.raises(UsageError, match="not YAML"):
        read_yaml(str(path))


@pytest.mark.parametrize("value", ["2001-99-99", "9" * 5000, "[" * 5000, "!!int x"])
def test_a_setting_that_is_no_yaml_is_a_text(value: str) -> None:
    assert parse_assignment(f"a={value}") == ("a", value)


def test_aliases_and_merges_within_bounds_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("base: &b {k: 1}\none: {<<: *b, l: 2}\ntwo: [*b, *b]\n")
    assert read_yaml(str(path)) == {"base": {"k": 1}, "one": {"k": 1, "l": 2}, "two": [{"k": 1}, {"k": 1}]}
