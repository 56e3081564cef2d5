"""`arcmill inspect` on a terminal, in a pipe and as JSON: the same figures, safe to print, quick."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcmill.config import Field, StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Outcome, Stage
from pipelines.inspect import inspect_dataset

ROOT = Path(__file__).parents[2]
HOSTILE = "\x1b]0;owned\x07\x9b2J\u202eevil"


class Settings(StageConfig):
    rows: int = Field(200, description="rows that are made")


def make(split: str, config: Settings) -> Iterator[Document]:
    for row in range(config.rows):
        yield Document(
            f"id-{row:04d}", f"text {row} {HOSTILE} {'很长' * 200}", f"source-{row % 3}{HOSTILE}", language="en",
            quality_score=float("nan") if row == 7 else row / config.rows,
        )  # fmt: skip


def keep(document: Document, config: Settings) -> Document | Outcome:
    score = document.quality_score or 0.0
    return Outcome(f"low[red]{HOSTILE}", score=score, threshold=0.25) if score < 0.25 else document


MAKE = Stage(name="make", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=make, reads={}, splits=lambda config: ["one"])  # fmt: skip
KEEP = Stage(name="keep", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=keep, reads={"input": "Document"}, each=True)  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inspect")
    execute(MAKE, Settings(), {}, f"{root}/made")
    execute(KEEP, Settings(), {"input": [f"{root}/made"]}, f"{root}/kept")
    return root / "kept"


def piped(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-m", "pipelines.cli", "inspect", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}).stdout  # fmt: skip


def on_a_terminal(*arguments: str, columns: int = 100, **environment: str) -> str:
    """What the command writes where stdout is a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "inspect", *arguments], stdout=theirs, stderr=subprocess.PIPE, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    os.close(theirs)
    held = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        held += piece
    os.close(ours)
    assert process.wait() == 0
    return held.decode()


def test_the_figures_are_those_of_the_rows(kept: Path) -> None:
    found = inspect_dataset(str(kept), rows=2)
    rows = [row for batch in Dataset.open(str(kept)).batches() for row in batch.to_pylist()]
    scores = [row["quality_score"] for row in rows if row["quality_score"] == row["quality_score"]]
    assert found["scanned"] == found["rows"] == len(rows)
    assert found["histograms"]["quality_score"] == [sum(b / 10 <= s < (b + 1) / 10 for s in scores) for b in range(10)]
    assert found["values"]["source"] == {s: sum(r["source"] == s for r in rows) for s in found["values"]["source"]}
    (reason,) = found["reasons"]
    assert (reason["rows"], reason["low"], reason["high"], reason["threshold"]) == (49, 0.0, 0.245, [0.25])
    assert [row["id"] for row in found["sample"]] == [row["id"] for row in rows[:2]]
    assert json.loads(piped(str(kept), "--json"))["reasons"][0]["rows"] == 49


def test_a_pipe_gets_plain_text(kept: Path) -> None:
    told = piped(str(kept))
    assert not set(told) & set("\x1b\x07\x9b\u202e")
    assert "low[red]\\x1b]0;owned" in told and "24.5 %" in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert re.search(r"kept +151 +75\.5 % ", told)


def test_a_terminal_gets_colours_and_lines_that_fit(kept: Path) -> None:
    told = on_a_terminal(str(kept), columns=72)
    assert "\x1b[33m" in told and "\x1b]0" not in told and "\x07" not in told
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert "\x1b" not in plain
    wide = [
        line
        for line in plain.replace("\r", "").split("\n")[2:]
        if sum(2 if "\u2e80" <= sign <= "\uffef" else 1 for sign in line) > 72
    ]
    assert wide == []


def test_no_color_is_honoured(kept: Path) -> None:
    told = on_a_terminal(str(kept), NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7])m", told) and "kept" in told


def test_a_damaged_part_is_an_error(kept: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(kept, tmp_path / "copy"))
    part = next(copy.glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(InputError, match="damaged"):
        inspect_dataset(str(copy), rows=0)
    next((copy / "ledger").iterdir()).unlink()
    shutil.copy(next(kept.glob("part-*.parquet")), part)
    with pytest.raises(InputError, match="missing"):
        inspect_dataset(str(copy), rows=0)
