"""Stages whose core reads whole inputs, through the command: killed in the middle and taken up, and with other workers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dulwich.repo import Repo

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Stage

Digest = Callable[[Path | str], str]
ROOT = Path(__file__).parents[2]
SETTINGS = {"remove-documents": ["--set", "ids=[a-1, c-2]"]}
# The real command, which stops for good when its second task has begun to write.
STUCK = """
import sys, time
from pathlib import Path
from arcmill.parts import TaskWriter
from pipelines.cli import main
begin = TaskWriter.__init__
def stuck(self, staging, task, *rest):
    begin(self, staging, task, *rest)
    if task == 1:
        Path(staging, "stuck").touch()
        time.sleep(600)
TaskWriter.__init__ = stuck
main(sys.argv[1:])
"""


def pages(folder: Path) -> str:
    """Three parts of pages about code, each heavy enough to be a task of its own, and pages that leave."""
    chance = random.Random(3)

    def core(split: str, config: StageConfig) -> Iterator[Document]:
        for number in range(6):
            code = "".join(f"def f{line}(x):\n\treturn '{chance.randbytes(60).hex()}'\n\n" for line in range(1000))
            inside = "" if number == 5 else f"<pre><code class='language-python'>{code}</code></pre>"
            prose = f"<p>Page {number} of {split} tells, in some words, what the function returns, and why.</p>" * 3
            html = f"<html><body><main><h1>Return values</h1>{prose}{inside}{inside[:20] and '<pre>f(1)</pre>'}</main></body></html>"
            text = "Return the number of items. The argument may be a sequence.\n\n>>> len([1, 2])\n2\n\n" * 2
            yield Document(f"{split}-{number}", text, "web", html=html)

    stage = Stage(
        name="pages", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=core,
        splits=lambda config: ["a", "b", "c"],
    )  # fmt: skip
    return str(execute(stage, StageConfig(), {}, str(folder)).dataset.url)


def forge(folder: Path) -> str:
    """Three dumps, and a history."""
    for place in "abc":
        (folder / place).mkdir(parents=True)
        api = f"https://api.github.com/repos/owner/{place}"
        rows = [
            {"number": n, "title": f"Crash {n}", "url": f"{api}/issues/{n}", "state": "open", "body": f"It fails, see #{n + 1}. " * 60,
             "user": {"login": f"user-{n % 7}", "type": "Bot" if n == 9 else "User"}, "created_at": "2024-01-02T03:04:05Z"}
            for n in range(1, 300)
        ]  # fmt: skip
        (folder / place / "issues.jsonl").write_text("\n".join(map(json.dumps, rows)))
    repo = Repo.init(str(folder / "d"), mkdir=True)
    for n in range(20):
        (folder / "d/a.py").write_text(f"n = {n}\n")
        repo.get_worktree().stage(["a.py"])
        repo.get_worktree().commit(
            f"Set {n} (#{n + 1})".encode(), committer=b"Ann <ann@x.org>", author=b"Ann <ann@x.org>",
            commit_timestamp=n, author_timestamp=n, commit_timezone=0, author_timezone=0,
        )  # fmt: skip
    repo.close()
    return str(folder / "*")


@pytest.mark.parametrize(
    ("stage", "source", "tasks"),
    [
        ("reparse-web", pages, 3),
        ("select-code-web", pages, 3),
        ("ingest-forge", forge, 4),
        ("remove-documents", pages, 3),
    ],
)
def test_killed_in_the_middle_and_with_other_workers_the_bytes_are_the_same(
    tmp_path: Path, digest: Digest, stage: str, source: Callable[[Path], str], tasks: int
) -> None:
    given = source(tmp_path / "given")
    environment = dict(os.environ, PYTHONPATH=str(ROOT))

    def arguments(output: Path, workers: int) -> list[str]:
        return [stage, "--input", given, "--output", str(output), "--workers", str(workers), *SETTINGS.get(stage, [])]

    def run(output: Path, workers: int) -> str:
        command = [sys.executable, "-m", "pipelines.cli", *arguments(output, workers)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return digest(output)

    one = run(tmp_path / "one", 1)
    dataset = Dataset.open(str(tmp_path / "one"))
    assert dataset.counts["kept"] > 0 and len(dataset.parts) == tasks
    assert stage == "reparse-web" or dataset.counts["dropped"] > 0
    assert run(tmp_path / "two", 2) == one

    cut = tmp_path / "cut"
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, *arguments(cut, 1)], env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (cut / "_staging/stuck").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in cut.glob("_staging/task-*.json")] == ["task-000000.json"]
    assert not (cut / "manifest.json").exists()
    killed = time.time()
    assert run(cut, 2) == one
    # The finished task was taken up, not made again.
    old = [path.name for path in cut.glob("part-*.parquet") if path.stat().st_mtime < killed]
    assert old == ["part-00000.parquet"]
