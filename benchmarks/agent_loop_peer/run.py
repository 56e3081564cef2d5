"""The verifiers side of benchmarks/agent_loop.py, for the interpreters that have it; it is started from there."""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

SYSTEM = "You keep a counter. Use the tool to add to it, and say the total when you are asked for it."
PROMPT = (
    "Please add the numbers that I think of, one after the other, and then tell me the total. This is request {number}."
)
MODEL, AT_ONCE = "instant", 64


def in_process(url: str, count: int, turns: int) -> None:
    """verifiers 0.1: a StatefulToolEnv, so that each rollout has a counter of its own, as each episode of ours has."""
    import verifiers as vf
    from datasets import Dataset
    from verifiers.types import ClientConfig

    async def add(number: int, note: str, held: dict) -> str:
        """Add a number to the counter.

        Args:
            number: what to add
            note: a note
            held: the counter
        """
        held["total"] += number
        held["notes"].append(note)
        return str({"total": held["total"], "note": note})

    class Counter(vf.StatefulToolEnv):
        async def setup_state(self, state: Any, **kwargs: Any) -> Any:
            state["held"] = {"total": 0, "notes": []}
            return await super().setup_state(state, **kwargs)

        def update_tool_args(self, tool_name: str, tool_args: dict, messages: Any, state: Any, **kwargs: Any) -> dict:
            return {**tool_args, "held": state["held"]}

    rows = Dataset.from_list([{"question": PROMPT.format(number=n), "answer": "15"} for n in range(count)])
    environment = Counter(
        tools=[], max_turns=turns + 4, eval_dataset=rows, system_prompt=SYSTEM, rubric=vf.Rubric(funcs=[], weights=[])
    )
    environment.add_tool(add, args_to_skip=["held"])
    os.environ.setdefault("OPENAI_API_KEY", "none")
    made = environment.evaluate_sync(
        ClientConfig(api_base_url=url, api_key_var="OPENAI_API_KEY"), MODEL, num_examples=count, max_concurrent=AT_ONCE
    )
    outputs = made["outputs"]
    assert len(outputs) == count, len(outputs)
    for output in outputs:
        roles = [message["role"] for message in output["completion"]]
        assert roles.count("assistant") == turns and roles.count("tool") == turns - 1, (roles, output.get("error"))


async def by_processes(url: str, count: int, turns: int) -> None:
    """verifiers 0.4: its null harness, a chat program in a process of its own for each rollout, and one tool server."""
    from verifiers.v1.cli.eval.runner import run_eval
    from verifiers.v1.configs.cli.eval import EvalConfig

    os.environ["COUNTER_KEY"] = "none"
    with tempfile.TemporaryDirectory() as folder:
        config = EvalConfig.model_validate({
            "env": {"taskset": {"id": "agent_loop_counter", "count": count}, "agent": {"harness": {"id": "null"}, "runtime": {"type": "subprocess"}}},
            "model": MODEL, "client": {"base_url": url, "api_key_var": "COUNTER_KEY"}, "max_concurrent": AT_ONCE,
            "rich": None, "push": False, "output_dir": Path(folder),
        })  # fmt: skip
        episodes = await run_eval(config)
    assert len(episodes) == count, len(episodes)
    for episode in episodes:
        assert episode.ok, [trace.errors for trace in episode.traces]
        assert episode.traces[0].num_turns == turns, episode.traces[0].num_turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--turns", type=int, default=6)
    given = parser.parse_args()
    url = f"http://127.0.0.1:{given.port}/v1"
    from importlib.metadata import version

    if version("verifiers").startswith("0.1."):
        in_process(url, given.count, given.turns)
    else:
        asyncio.run(by_processes(url, given.count, given.turns))


if __name__ == "__main__":
    main()
