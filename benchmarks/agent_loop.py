"""The agent loop's own overhead: synth-trajectories beside the verifiers library, with an endpoint that answers at once.

    python benchmarks/agent_loop.py --verifiers PYTHON [--verifiers-in-process PYTHON] [--count 1000] [--turns 6] [--rounds 3]

Both sides play the same toy world (a counter with one tool), at 64 trajectories at once: the same messages, turns and calls,
over HTTP to the same endpoint, which is a process of its own that counts on no side. Counted is the processor time (user and
system) of all processes of a side, from its start to its end, and the same without the start: the difference to a run of
--small trajectories. Sides take turns, in an order that changes each round, each pinned to one core.

--verifiers: the interpreter of an environment with verifiers 0.4 (a process and a tool server for each rollout, by its
design); --verifiers-in-process: of one with verifiers 0.1.14, whose tool environments run in the caller's process.
Ours is the whole stage: reading, gateway, journal on disk, checks of every call, state hashes, evidence, Parquet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
MODEL, AT_ONCE = "instant", 64
SYSTEM = "You keep a counter. Use the tool to add to it, and say the total when you are asked for it."
PROMPT = (
    "Please add the numbers that I think of, one after the other, and then tell me the total. This is request {number}."
)


# -- the endpoint ------------------------------------------------------------------------------------------------------


class Instant(asyncio.Protocol):
    """Answers from the bytes of a request: as many calls as results may be there, then a text."""

    calls = 5
    results = re.compile(rb'"role":\s*"tool"')
    streams = re.compile(rb'"stream":\s*true')
    usage: ClassVar[dict[str, int]] = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    shared: ClassVar[dict[str, Any]] = {"id": "x", "created": 1, "model": MODEL}

    def connection_made(self, transport: Any) -> None:
        self.transport, self.held = transport, b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].lower()
            length = re.search(rb"content-length: (\d+)", head)
            stop = end + 4 + (int(length[1]) if length else 0)
            if len(self.held) < stop:
                return
            body, self.held = self.held[end + 4 : stop], self.held[stop:]
            self.transport.write(self._reply(head, body))

    def _reply(self, head: bytes, body: bytes) -> bytes:
        status, value = b"200 OK", b""
        if head.startswith(b"get"):
            path = head.split(b" ", 2)[1]
            if path == b"/v1/models":
                value = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
            elif path != b"/health":
                status = b"404 Not Found"
        else:
            message, finish = self._message(len(self.results.findall(body)))
            if self.streams.search(body):  # verifiers 0.4 always asks for it
                return self._streamed(message, finish)
            value = json.dumps({
                **self.shared, "object": "chat.completion", "usage": self.usage,
                "choices": [{"index": 0, "finish_reason": finish, "message": message}],
            }).encode()  # fmt: skip
        return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
            status,
            len(value),
            value,
        )

    def _message(self, done: int) -> tuple[dict[str, Any], str]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if done < self.calls:
            function = {"name": "add", "arguments": json.dumps({"number": done + 1, "note": "as the user asked"})}
            message["tool_calls"] = [{"index": 0, "id": f"call-{done}", "type": "function", "function": function}]
            return message, "tool_calls"
        return {**message, "content": f"The total is {sum(range(1, self.calls + 1))}."}, "stop"

    def _streamed(self, message: dict[str, Any], finish: str) -> bytes:
        one = {**self.shared, "object": "chat.completion.chunk"}
        pieces = [
            {**one, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**one, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
            {**one, "choices": [], "usage": self.usage},
        ]
        body = b"".join(b"data: %s\n\n" % json.dumps(piece).encode() for piece in pieces) + b"data: [DONE]\n\n"
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def serve(port: int, turns: int) -> None:
    Instant.calls = turns - 1
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


# -- ours --------------------------------------------------------------------------------------------------------------


def environment() -> Any:
    """The counter as an Environment."""
    from agent_data.environments.data import DataEpisode
    from agent_data.environments.environment import Environment, Tool

    def add(data: Any, number: int, note: str) -> Any:
        data["total"] += number
        data["notes"].append(note)
        return {"total": data["total"], "note": note}

    parameters = {
        "type": "object", "required": ["number", "note"],
        "properties": {"number": {"type": "integer", "description": "what to add"}, "note": {"type": "string"}},
    }  # fmt: skip

    class Counter(Environment):
        policy = SYSTEM
        tools = (Tool("add", "Add a number to the counter.", parameters, writes=True),)

        def begin(self, seed: int, tools: Any = None) -> Any:
            return DataEpisode({"total": 0, "notes": []}, {"add": add})

    return Counter()


def ours(url: str, count: int, turns: int, folder: str) -> None:
    from agent_data.goal import Goal
    from agent_data.trajectories.stage import STAGE, SynthTrajectories
    from arcmill.config import StageConfig
    from arcmill.execute import execute
    from arcmill.records import AgentTask
    from arcmill.stage import Stage

    goal = Goal("done").text()
    rows = [AgentTask(f"{n:032x}", PROMPT.format(number=n), "counter", "multi", None, goal) for n in range(count)]
    tasks = Stage(
        name="tasks", version=1, help="", config=StageConfig, writes="AgentTask", engine="datatrove",
        core=lambda split, config: iter(rows), splits=lambda config: ["all"],
    )  # fmt: skip
    source = execute(tasks, StageConfig(), {}, f"{folder}/tasks").dataset.url
    config = SynthTrajectories(model=MODEL, environments={"counter": "agent_loop:environment"})
    made = execute(
        STAGE, config, {"input": [source]}, f"{folder}/out", settings={"llm.endpoint": url, "llm.concurrency": AT_ONCE}
    ).dataset
    statistics = made.manifest["statistics"]
    assert statistics["ended_answered"] == count and statistics["calls"] == count * (turns - 1), statistics
    assert statistics["calls_refused"] == 0 and statistics["requests"] == count * turns, statistics


# -- sides -------------------------------------------------------------------------------------------------------------


def side(command: Sequence[str], core: int) -> tuple[float, float]:
    """(processor seconds, wall seconds) of a command with all of its children, on one core."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    here = Path(__file__).parent
    # Neither sees the other's modules: there is a benchmarks/verifiers.py, too.
    places = [ROOT, here] if command[0] == sys.executable else [here / "agent_loop_peer"]
    scripts = os.path.dirname(command[0])  # where verifiers finds uv
    run = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "PATH": f"{scripts}:{os.environ['PATH']}"}, preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)}\n{run.stdout[-4000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifiers", help="interpreter with verifiers 0.4")
    parser.add_argument("--verifiers-in-process", help="interpreter with verifiers 0.1.14")
    parser.add_argument("--count", type=int, default=1000, help="trajectories a round")
    parser.add_argument("--verifiers-count", type=int, default=64, help="the same for verifiers 0.4, which takes long")
    parser.add_argument("--small", type=int, default=64, help="trajectories of the run that tells the start's cost")
    parser.add_argument("--turns", type=int, default=6, help="messages of the agent; all but the last make a call")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="core that sides are pinned to; the endpoint has another")
    parser.add_argument("--part", choices=["endpoint", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part == "endpoint":
        asyncio.run(serve(given.port, given.turns))
    elif given.part == "ours":
        with tempfile.TemporaryDirectory() as folder:
            ours(f"http://127.0.0.1:{given.port}/v1", given.count, given.turns, folder)
    else:
        compare(given)


def compare(given: Any) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    others = sorted(os.sched_getaffinity(0) - {given.core}) or [given.core]
    endpoint = subprocess.Popen(
        [sys.executable, __file__, "--part", "endpoint", "--port", str(port), "--turns", str(given.turns)],
        preexec_fn=lambda: os.sched_setaffinity(0, {others[-1]}),
    )
    sides: dict[str, tuple[list[str], int, int]] = {
        "arcmill": ([sys.executable, __file__, "--part", "ours", "--port", str(port)], given.count, given.small)
    }
    peer = str(Path(__file__).parent / "agent_loop_peer" / "run.py")
    if given.verifiers_in_process:
        sides["verifiers 0.1.14"] = ([given.verifiers_in_process, peer, "--port", str(port)], given.count, given.small)
    if given.verifiers:
        few = max(1, given.verifiers_count // 8)
        sides["verifiers 0.4"] = ([given.verifiers, peer, "--port", str(port)], given.verifiers_count, few)
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in sides}
    try:
        for turn in range(given.rounds):
            names = list(sides)[turn % len(sides) :] + list(sides)[: turn % len(sides)]
            for name in names:
                command, count, small = sides[name]
                turns = ["--turns", str(given.turns)]
                start, _ = side([*command, *turns, "--count", str(small)], given.core)
                cpu, wall = side([*command, *turns, "--count", str(count)], given.core)
                found[name].append((count / cpu, (count - small) / max(cpu - start, 1e-9), wall, cpu))
                print(
                    f"round {turn + 1} {name}: {count} trajectories, {cpu:.2f} s of processor, {wall:.2f} s; "
                    f"{count / cpu:.1f} trajectories/s/core, without the start {found[name][-1][1]:.1f}", flush=True,
                )  # fmt: skip
    finally:
        endpoint.terminate()
        endpoint.wait()
    print(f"\n{given.turns} turns a trajectory, {AT_ONCE} at once; medians of {given.rounds} rounds")
    best = statistics.median(row[1] for row in found["arcmill"])
    whole = statistics.median(row[0] for row in found["arcmill"])
    for name, rows in found.items():
        all_of_it, rate = statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows)
        print(
            f"{name:18} {all_of_it:9.1f} trajectories/s/core ({whole / all_of_it:.1f}x)   without the start {rate:9.1f} "
            f"({best / rate:.1f}x)   {1e6 / rate / given.turns:9.0f} us a turn"
        )


if __name__ == "__main__":
    main()
