"""Code of the user's own: found in the current folder, behind all that is installed; every mistake is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from arcmill.errors import UsageError
from arcmill.outside import file_of, function, imported


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_a_name_of_a_module_in_the_current_folder_is_found(folder: Path) -> None:
    (folder / "outside_tools.py").write_text("def double(n):\n    return 2 * n\n")
    assert function("outside_tools:double", "it")(4) == 8
    assert file_of("outside_tools:double") == str(folder / "outside_tools.py")
    assert file_of("math:sqrt") is None or file_of("math:sqrt").endswith((".so", ".pyd"))  # type: ignore[union-attr]


def test_no_file_of_the_folder_hides_what_is_installed(folder: Path) -> None:
    (folder / "colorsys.py").write_text("mine = 1\n")
    sys.modules.pop("colorsys", None)
    with pytest.raises(UsageError, match=r"colorsys \(.*\) holds no 'mine'"):
        imported("colorsys:mine", "it")
    assert sys.path[-1] == str(folder)


@pytest.mark.parametrize(
    ("place", "text", "told"),
    [
        ("outside_a", None, "is not package.module:name"),
        ("outside_a:", None, "is not package.module:name"),
        ("../outside_a:x", None, "is not package.module:name"),
        ("outside_none:x", None, "cannot be imported .ModuleNotFoundError"),
        ("outside_b:x", "raise ValueError('broken here')", "cannot be imported .ValueError: broken here"),
        ("outside_c:x", "raise SystemExit(3)", "cannot be imported .SystemExit"),
        ("outside_d:x", "y = 1", "holds no 'x'"),
        ("outside_e:x", "x = 1", "is a int, not a function"),
    ],
)
def test_mistakes_are_told(folder: Path, place: str, text: str | None, told: str) -> None:
    if text is not None:
        (folder / f"{place.partition(':')[0]}.py").write_text(text)
    with pytest.raises(UsageError, match=f"^it: .*{told}"):
        function(place, "it")
