"""`python trajectory_run.py TASKS OUTPUT URL`: the stage as a process that a test can kill."""

from __future__ import annotations

import sys

from tiny_world import ENVIRONMENTS

from agent_data.trajectories.stage import STAGE, SynthTrajectories
from arcmill.dataset import Dataset
from arcmill.execute import execute


def run(source: str, output: str, url: str, outage: float = 3, **settings: object) -> Dataset:
    """The stage against a server of the test, three samples a task. `outage`: seconds until one that is silent is given up."""
    config = SynthTrajectories.model_validate({
        "environments": ENVIRONMENTS, "model": "planned", "samples": 3, "max_error_rate": 0, **settings,
    })  # fmt: skip
    engine = {"llm.endpoint": url, "llm.timeout": 20, "llm.drain": 10, "llm.concurrency": 16, "llm.outage": outage}
    return execute(STAGE, config, {"input": [source]}, output, settings=engine).dataset


if __name__ == "__main__":
    run(*sys.argv[1:4])
