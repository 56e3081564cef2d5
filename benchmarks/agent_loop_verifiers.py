"""The verifiers side of benchmarks/agent_loop.py, for the interpreters that have it; it is started from there."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

# Beside this file lies benchmarks/verifiers.py, which is not meant.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent.resolve()]

SYSTEM = "You keep a counter. Use the tool to add to it, and say the total when you are asked for it."
PROMPT = "Please add the numbers that I think of, one after the other, and then tell me the total. This is request {number}."
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
        from agent_loop_verifiers_v1 import evaluate

        asyncio.run(evaluate(url, given.count, given.turns))


if __name__ == "__main__":
    main()
