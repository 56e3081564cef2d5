"""The run that a token is explained by is found however the dataset was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcmill.dataset import Dataset
from pipelines.why_token import folder_around


@pytest.mark.parametrize(
    ("cwd", "url"), [(".", "packed"), (".", "./packed/"), ("packed", "."), ("packed", "../packed")]
)
def test_the_folder_around_a_dataset_named_from_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cwd: str, url: str
) -> None:
    (tmp_path / "packed").mkdir()
    monkeypatch.chdir(tmp_path / cwd)
    assert folder_around(Dataset(url, {})) == str(tmp_path)
    assert folder_around(Dataset("memory://runs/web/packed", {})) == "memory://runs/web"
