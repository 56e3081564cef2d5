"""docs/handoff.md, tried by one who knows that page alone: its blocks, in their order, in an empty folder."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "handoff.md"
ROOT = PAGE.parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def environment(folder: Path) -> dict[str, str]:
    """The commands of this interpreter, and of this tree."""
    commands = folder / "commands"
    commands.mkdir()
    for name, module in (("arcmill", "pipelines.cli"), ("torchrun", "torch.distributed.run")):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": "1",
    }


def test_every_block_of_the_page_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("datasets")
    pytest.importorskip("duckdb")
    variables = environment(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    shown: list[str] = []
    ran = 0
    for language, code in blocks():
        if code.startswith("# file: "):
            (folder / code.splitlines()[0].removeprefix("# file: ")).write_text(code)
            continue
        if language not in ("python", "sh"):
            if shown and code.startswith("14 batches"):
                assert code == shown[-1], "what the page says that the command prints"
            continue
        command = [sys.executable, "-c", code] if language == "python" else ["sh", "-e", "-c", code]
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        shown.append(done.stdout)
        ran += 1
    assert (
        ran == sum(language in ("python", "sh") and not code.startswith("# file") for language, code in blocks()) >= 8
    )
    assert any("The run saw what it should." in text for text in shown)
    assert "/part-" in shown[-2] and ".py" in shown[-1], "a row is found, and its token's document"
