"""The tracker's rates, in turns in one run: commands in its shell beside the same command by a bare `subprocess` on a copy of the
files, runs of its tests, state hashes, and whole blueprints that mend a fault.

    python benchmarks/tracker.py [--turns 5] [--core 0]

Commands in the shell take the files in, confine a process, run, and give what has changed; the peer writes the files to a folder,
runs `sh -c` there unguarded, and reads them again. Every text is compared with the one of the first turn.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent_data.environments.play import begin
from agent_data.environments.tracker.tracker import Tracker
from agent_data.environments.tracker.world import load
from arcmill.generation import drive
from arcmill.records import ToolCall

COMMANDS = (
    "grep -rn 'def ' . | head -20",
    "ls -la . tests",
    "sed -n 1,20p README.md; wc -l */*.py",
    "python3 -c 'print(1)'",
)


def bare(files: dict[str, str], command: str) -> str:
    """The command on a copy of the files, without any guard; the files are read again."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        plain = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        ran = subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True, text=True, env=plain)
        for path in Path(folder).rglob("*"):
            if path.is_file():
                path.read_bytes()
        return ran.stdout


def blueprint(world: Tracker, seed: int) -> str:
    """One episode in which a fault is mended; the hash of its end."""
    play = drive(begin(world, seed))
    state = drive(play.episode.state())
    hints = world.hints()
    ready = hints.ready[0](state, random.Random(seed), None)
    assert ready is not None
    for name, arguments in ready.calls:
        observed = drive(play.call(ToolCall("c", name, json.dumps(dict(arguments)))))
        assert not observed.error, observed.text
    return str(drive(play.hash()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--core", type=int, default=None, help="processor core to stay on")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    world, files = Tracker(), load(1)["files"]
    shell = drive(begin(world, 1)).episode.held.workshop
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "shell, commands/s": (len(COMMANDS) * 5, lambda: [shell.shell(files, one).text for one in COMMANDS * 5]),
        "bare subprocess, commands/s": (len(COMMANDS) * 5, lambda: [len(bare(files, one)) > 0 for one in COMMANDS * 5]),
        "blueprints/s (7 calls, 2 runs of tests, 3 hashes)": (
            10,
            lambda: [blueprint(world, seed) for seed in range(10)],
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    seen: dict[str, object] = {}
    for _ in range(given.turns):
        for name, (count, run) in ways.items():
            world._workshop._known.clear()  # nothing is remembered from the turn before
            started = time.perf_counter()
            found = run()
            rates[name].append(count / (time.perf_counter() - started))
            assert seen.setdefault(name, found) == found, name
    for name, held in rates.items():
        print(f"{median(held):8.1f}  ({min(held):.1f} to {max(held):.1f})  {name}")
    world.close()


if __name__ == "__main__":
    main()
