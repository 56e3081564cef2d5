"""synth-trajectories against a real HTTP server: killed and taken up again, refused, and left alone."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trajectory_run
from answering import Answers
from given_rows import dataset_of
from tiny_world import bad_task, move_task

from agent_data.evidence import read_evidence
from arcmill.dataset import Dataset
from arcmill.errors import EngineError, UsageError
from arcmill.records import Conversation, batch_to_rows

Digest = Callable[[Path | str], str]


class Agent(Answers):
    """The agent and its user: each reply is a function of the request. `paid` counts them."""

    paid: Counter[str]
    delay = 0.0

    def reply(self, body: Any) -> tuple[int, dict[str, Any]]:
        messages = body["messages"]
        text = json.dumps(messages)
        if "call refuse" in text and any(message["role"] == "tool" for message in messages):
            return 400, {"message": "the context length is 2048 tokens"}
        time.sleep(self.delay)
        self.paid[hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()] += 1
        if "You play a customer" in messages[0]["content"]:
            return 200, {"role": "assistant", "content": self._line(messages)}
        return 200, self._act(messages, body["seed"])

    def _line(self, messages: Any) -> str:
        said = [message["content"] for message in messages if message["role"] == "assistant"]
        wanted = re.findall(r"^\d\. (.*)$", messages[0]["content"], re.MULTILINE)
        return wanted[len(said)] if len(said) < len(wanted) else "###STOP###"

    def _act(self, messages: Any, seed: int) -> dict[str, Any]:
        results = sum(message["role"] == "tool" for message in messages)
        asked = " ".join(message["content"] for message in messages if message["role"] == "user")
        found = re.search(r"hammer.* from (?:box )?(B\d) to (?:box )?(B\d)", asked)
        if found is None:
            return self._call("works") if not results else {"role": "assistant", "content": "Done."}
        source, target = found.groups()
        if results == 0:
            return self._call("look", box=source)
        if results == 1 and seed % 5:  # some samples forget it
            return self._call("move", thing="hammer", source=source, target=target)
        return {"role": "assistant", "content": f"It lies in {target}. Anything else? {seed % 3}"}

    def _call(self, name: str, **arguments: str) -> dict[str, Any]:
        call = {"id": f"x{random.random()}", "function": {"name": name, "arguments": json.dumps(arguments)}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[str, type[Agent]]]]:
    begun: list[ThreadingHTTPServer] = []

    def start(delay: float = 0.0) -> tuple[str, type[Agent]]:
        kind = type("Served", (Agent,), {"paid": Counter(), "delay": delay})
        begun.append(ThreadingHTTPServer(("127.0.0.1", 0), kind))
        threading.Thread(target=begun[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{begun[-1].server_port}/v1", kind

    yield start
    for held in begun:
        held.shutdown()
        held.server_close()


def tasks(folder: Path, count: int) -> str:
    rows = [move_task(seed, dialogue=seed % 3 == 0) for seed in range(count)]
    return dataset_of("AgentTask", rows, str(folder / "tasks"))


def rows_of(dataset: Dataset) -> list[Conversation]:
    return [row for batch in dataset.batches() for row in batch_to_rows("Conversation", batch)]


def test_a_kill_changes_no_byte_and_pays_nothing_twice(tmp_path: Path, server, digest: Digest) -> None:
    quiet, _ = server()
    url, kind = server(0.02)
    source = tasks(tmp_path, 36)
    whole = trajectory_run.run(source, str(tmp_path / "whole"), quiet)
    assert whole.counts["created"] == 108 and whole.counts["errored"] == 0
    statistics = whole.manifest["statistics"]
    assert statistics["ended_answered"] == 72 and statistics["ended_user-stop"] == 36
    draw = random.Random(3)
    command = [sys.executable, trajectory_run.__file__, source, str(tmp_path / "killed"), url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = 0
    while True:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            _, said = process.communicate(timeout=draw.uniform(1.2, 2.2) if died < 2 else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            died += 1
            continue
        assert process.returncode == 0, said.decode()
        break
    assert died >= 1
    assert digest(tmp_path / "whole") == digest(tmp_path / "killed")
    assert len(kind.paid) == statistics["requests"] and set(kind.paid.values()) == {1}


def test_what_the_server_refuses_ends_that_trajectory_only(tmp_path: Path, server) -> None:
    url, _ = server()
    rows = [move_task(1), bad_task("refuse"), bad_task("works")]
    made = trajectory_run.run(
        dataset_of("AgentTask", rows, str(tmp_path / "tasks")), str(tmp_path / "out"), url, samples=1
    )
    found = [read_evidence(row.evidence) for row in rows_of(made)]
    assert [held.ended for held in found if held] == ["answered", "context", "answered"]


def test_nobody_answers_and_nothing_is_written(tmp_path: Path) -> None:
    source = tasks(tmp_path, 3)
    with pytest.raises(EngineError, match="no server has answered"):
        trajectory_run.run(source, str(tmp_path / "out"), "http://127.0.0.1:9/v1", outage=0.2)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"environments": {}}, "environment 'boxes' is not known"),
        ({"environments": {"boxes": "tiny_world:nothing"}}, "cannot be opened"),
        ({"environments": {"boxes": "tiny_world"}}, "is not package.module:factory"),
        ({"simulator": {"template": "absent.txt"}}, "absent.txt"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        trajectory_run.run(
            tasks(tmp_path, 1), str(tmp_path / "out"), "http://127.0.0.1:9/v1", player="gold", **settings
        )
