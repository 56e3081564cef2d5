"""docs/extending.md, tried by one who knows that page alone: its blocks, in their order, in an empty folder of their own."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOST_LINES = 22  # of a file that is called a few lines


def test_every_block_of_the_page_runs_outside_of_the_checkout(tmp_path: Path) -> None:
    commands, folder = tmp_path / "commands", tmp_path / "work"
    commands.mkdir()
    folder.mkdir()
    script = commands / "arcmill"
    script.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -P -m pipelines.cli "$@"\n'
    )  # as installed: the folder is not on the path
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    variables = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PAGE.parents[1]),
    }
    shown: dict[str, str] = {}
    files = 0
    for language, code in BLOCK.findall(PAGE.read_text("utf-8")):
        first = code.splitlines()[0]
        if first.startswith("# file: "):
            (folder / first.removeprefix("# file: ")).write_text(code)
            assert len([line for line in code.splitlines() if line.strip()]) <= MOST_LINES
            files += 1
            continue
        for each in [code] if language == "python" else code.splitlines():
            command = [sys.executable, "-c", each] if language == "python" else ["sh", "-e", "-c", each]
            done = subprocess.run(
                command, cwd=folder, env=variables, capture_output=True, text=True, timeout=900, check=False
            )
            assert done.returncode == 0, f"{each}\n{done.stdout}\n{done.stderr}"
            shown[" ".join(each.split()[:4])] = done.stdout + done.stderr
    assert files == 4
    assert "max_words (int, at least 1, default 2000)" in shown["arcmill my_filters:STAGE --help"]
    assert "too-long" in shown["arcmill inspect short --rows"]
    assert "my_filters:STAGE" in shown["arcmill plan short.yaml"] or "drop-long" in shown["arcmill plan short.yaml"]
    assert "40 checks:close" in shown["arcmill verify accepted --verifier"]
    assert "6 kept" in shown["arcmill synth-tasks --output tasks"]
