"""Replay and judging of trajectories: how many a second one core plays again.

    python benchmarks/agent_replay.py [--environment shop,desk] [--tasks 100] [--rounds 3]
    python benchmarks/agent_replay.py --run RUN      of a run of recipes/agents.yaml: its folders tasks and trajectories

Without --run, tasks are made and the gold player plays them first, which is not counted. Counted are, in turns, pinned to one
core: `replay` (every call again, observations and hashes compared: what arcmill verify does), `judge` (all checks without a
panel), and `bare` (the episode begun and the calls made, nothing compared), which is the world's own cost.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def made(folder: str, worlds: list[str], count: int) -> str:
    """Tasks and gold trajectories in a folder."""
    from arcmill.execute import execute
    from pipelines.catalogue import get_stage

    tasks, play = get_stage("synth-tasks"), get_stage("synth-trajectories")
    execute(tasks, tasks.config(environment=worlds, count=count), {}, f"{folder}/tasks")  # type: ignore[call-arg]
    execute(play, play.config(player="gold"), {"input": [f"{folder}/tasks"]}, f"{folder}/trajectories")  # type: ignore[call-arg]
    return folder


def rows(path: str, record: str) -> list[Any]:
    """All rows of a dataset."""
    from arcmill.dataset import Dataset
    from arcmill.records import batch_to_rows

    return [row for batch in Dataset.open(path).batches() for row in batch_to_rows(record, batch)]


def ways(run: str) -> tuple[int, int, dict[str, Callable[[], int]]]:
    """Trajectories, calls, and what is measured: each returns how many trajectories came out as they should."""
    import copy

    from agent_data.environments.catalogue import Worlds
    from agent_data.environments.play import begin
    from agent_data.evidence import read_evidence
    from agent_data.judges.stage import JudgeTrajectories, Judging, core
    from agent_data.replay import calls_of, certify, tools_of
    from arcmill.generation import Made, drive
    from arcmill.stage import Outcome

    tasks = {task.id: task for task in rows(f"{run}/tasks", "AgentTask")}
    held = rows(f"{run}/trajectories", "Conversation")
    worlds, config = Worlds({}), JudgeTrajectories()
    calls = sum(len(json.loads(row.evidence)["calls"]) for row in held)

    def bare() -> int:
        for row in held:
            evidence = read_evidence(row.evidence)
            assert evidence is not None
            world = worlds[evidence.environment]
            play = drive(begin(world, evidence.seed, tools_of(row, world), evidence.characters))
            for call in calls_of(row.messages):
                drive(play.call(call.call))
            play.close()
        return len(held)

    def replay() -> int:
        return sum(certify(row, worlds) == (None, None) for row in held)  # type: ignore[arg-type]

    def judge() -> int:
        right = 0
        for row in held:
            found = drive(core(copy.copy(row), config, Judging(worlds, tasks)))
            right += isinstance(found, Made) and not isinstance(found.rows, Outcome)
        return right

    return len(held), calls, {"bare": bare, "replay": replay, "judge": judge}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run of recipes/agents.yaml")
    parser.add_argument("--environment", default="shop,desk", help="worlds that tasks are made for")
    parser.add_argument("--tasks", type=int, default=100, help="tasks that are made")
    parser.add_argument("--rounds", type=int, default=3, help="times that each side is measured; the median counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or made(folder, given.environment.split(","), given.tasks)
        trajectories, calls, sides = ways(run)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
        print(f"{trajectories} trajectories, {calls} calls")
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(given.rounds + 1):
            for side in sorted(sides, reverse=bool(number % 2)):
                started = time.process_time()
                right = sides[side]()
                if right != trajectories:
                    print(f"{side}: {trajectories - right} of {trajectories} do not come out right")
                if number:  # the first round opens the worlds
                    seconds[side].append(time.process_time() - started)
    for side, measured in seconds.items():
        middle = statistics.median(measured)
        print(
            f"{side:7} {trajectories / middle:8.0f} trajectories/s/core, {calls / middle:8.0f} calls/s/core "
            f"(median of {len(measured)}; {min(measured):.2f} to {max(measured):.2f} s of processor time)"
        )


if __name__ == "__main__":
    main()
