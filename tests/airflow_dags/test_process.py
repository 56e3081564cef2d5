"""A command in its own group: its lines, its status, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_dags.process import Process


def gone(pid: int) -> bool:
    """Whether a process has ended: it is no more, or waits for its parent to ask."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def until(condition: object, seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def python(code: str, folder: Path, said: list[str], grace: float = 20.0, *more: str) -> Process:
    return Process([sys.executable, "-u", "-c", code, *more], str(folder), said.append, grace=grace)


def test_lines_come_in_order_and_the_status_with_them(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import os,sys\nprint(os.getcwd())\nprint('é %s', file=sys.stderr)\nos.write(1, b'\\xff\\n')\nsys.exit(3)"
    assert python(code, tmp_path, said).wait() == 3
    assert said == [str(tmp_path), "é %s", "\ufffd"]


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    said: list[str] = []
    hostile = ["$(touch owned)", "; touch owned", "`touch owned`", "a  b", "*", "{{ 1 }}"]
    assert python("import sys; print(ascii(sys.argv[1:]))", tmp_path, said, 20.0, *hostile).wait() == 0
    assert said == [ascii(hostile)]
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Process(["no-such-arcmill"], str(tmp_path), print)


CHILD = "import subprocess,sys,time\np = subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)'])\nprint(p.pid)\n"


def test_what_a_killed_command_started_is_ended_too(tmp_path: Path) -> None:
    said: list[str] = []
    process = python(CHILD + "import os; os.kill(os.getpid(), 9)", tmp_path, said)
    assert process.wait() == -9  # although the child holds the output open
    assert until(lambda: gone(int(said[0])))


def test_end_asks_and_then_kills_the_group(tmp_path: Path) -> None:
    said: list[str] = []
    process = python(CHILD + "time.sleep(600)", tmp_path, said)
    assert until(lambda: said)
    process.end()
    assert process.wait() == -signal.SIGTERM
    assert until(lambda: gone(int(said[0])))
    deaf: list[str] = []
    process = python(
        "import signal,time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(600)", tmp_path, deaf, 0.2
    )
    assert until(lambda: deaf)
    process.end()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_a_command_ends_with_the_task_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom airflow_dags.process import Process\n"
        "Process([sys.executable,'-u','-c','import os,time; print(os.getpid()); time.sleep(600)'], '/',"
        " lambda line: print(line, flush=True)).wait()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    task = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, env=environment)
    assert task.stdout is not None
    pid = int(task.stdout.readline())
    task.kill()
    task.wait()
    task.stdout.close()
    assert until(lambda: gone(pid))
