"""docs/reference is what the declarations say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines import reference
from pipelines.catalogue import STAGES, get_stage
from pipelines.commands.settings import settings_of

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


def test_the_committed_pages_are_what_is_generated() -> None:
    changed = reference.differing(FOLDER)
    assert not changed, f"{', '.join(changed)}: the declarations have changed; run: {reference.COMMAND}"


def test_every_stage_and_setting_is_told_once(pages: dict[str, str]) -> None:
    for name, listed in STAGES.items():
        (section,) = re.findall(
            rf"^## {name}\n(.*?)(?=^## |\Z)", pages[f"{listed.module.partition('.')[0]}.md"], re.DOTALL | re.MULTILINE
        )
        stage = get_stage(name)
        assert stage.example.splitlines()[0] in section
        for setting in settings_of(stage.config)[2:]:
            assert f"| `{setting.key}` |" in section
        assert f"#{name})" in pages["README.md"]


def test_links_between_the_pages_hold(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"`[^`]*`", "", text)):
            page, _, anchor = target.partition("#")
            assert (FOLDER / (page or name)).resolve().exists(), f"{name}: {target}"
            if anchor:
                assert f"\n## {anchor}\n" in pages[page or name], f"{name}: {target}"


def test_what_differs_is_named_and_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "gone.md").write_text(f"{reference.NOTE}\n# A page of an older version\n")
    assert "gone.md" in reference.differing(tmp_path) and "filters.md" in reference.differing(tmp_path)
    assert reference.main([str(tmp_path), "--check"]) == 1
    assert reference.main([str(tmp_path)]) == 0
    assert reference.main([str(tmp_path), "--check"]) == 0
    assert (tmp_path / "notes.md").read_text() == "mine" and not (tmp_path / "gone.md").exists()
    (tmp_path / "dedup.md").write_text((tmp_path / "dedup.md").read_text() + "more")
    assert reference.differing(tmp_path) == ["dedup.md"]


def test_cells_of_tables_hold_what_they_are_given() -> None:
    assert reference._cell("a|b <c> _d_ `x|_y_` 2*3\nnext") == "a\\|b &lt;c> \\_d\\_ `x\\|_y_` 2\\*3 next"
