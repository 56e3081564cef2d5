"""Connections to servers, most of them hostile: each failure has its reason, ends its own server, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from agent_data.mcp.client import Connection, ServerFailed
from agent_data.mcp.server import read_server
from arcmill.errors import UsageError
from arcmill.sandbox import available

HOSTILE = Path(__file__).with_name("hostile.py")
SANDBOX = bool(available())
needs_sandbox = pytest.mark.skipif(not SANDBOX, reason="no sandbox here (arcmill doctor)")


def entry(how: str = "well", **more: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": ["-I", str(HOSTILE), how], "sandbox": SANDBOX, **more}


def connection(how: str = "well", **more: Any) -> Connection:
    return Connection("hostile", read_server("hostile", entry(how, **more)))


def left_behind() -> list[str]:
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("arcmill-mcp-")]


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert within(20, lambda: left_behind() == [])


def test_a_server_is_listed_called_and_closed() -> None:
    with connection() as server:
        tools = server.tools()
        assert [tool.name for tool in tools] == ["echo", "write", "see"]
        assert [tool.reads for tool in tools] == [False, False, True]
        assert server.about == "hostile 1.0"
        assert server.call("echo", {"text": "grüße \u2028 🎈"}).text == "grüße \u2028 🎈"
        assert server.read("file:///a") == "a resource"
    with pytest.raises(ServerFailed, match="died"):
        server.call("echo", {"text": "later"})


def test_only_the_tools_that_are_wanted() -> None:
    with connection(only=["see"]) as server:
        assert [tool.name for tool in server.tools()] == ["see"]
    with connection("commands-in-schema", only=["echo"]) as server:
        assert [tool.name for tool in server.tools()] == ["echo"]
    with connection("duplicates", only=["none_of_them"]) as server, pytest.raises(ServerFailed, match="unknown-tool"):
        server.tools()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hangs-at-start", "hang"), ("dies-at-start", "died"), ("floods-at-start", "flood"), ("hangs-at-list", "hang"),
        ("endless-list", "endless-list"), ("repeated-cursor", "endless-list"), ("duplicates", "duplicate-tools"),
        ("many", "too-many-tools"), ("none", "no-tools"), ("bad-name", "bad-name"), ("large-schema", "schema-size"),
        ("deep-schema", "schema-size"), ("no-schema", "bad-result"), ("not-an-object", "bad-result"),
        ("list-error", "bad-result"), ("commands-in-schema", "special-token"),
    ],
)  # fmt: skip
def test_what_fails_before_any_call(how: str, reason: str) -> None:
    limits = {"start_seconds": 2.0 if reason == "hang" else 20.0}
    with pytest.raises(ServerFailed) as failed, connection(how, limits=limits) as server:
        server.tools()
    assert failed.value.reason == reason
    if how == "dies-at-start":
        assert "no configuration found" in failed.value.detail


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hangs-at-call", "hang"), ("dies-at-call", "died"), ("floods", "flood"), ("floods-stderr", "flood"),
        ("floods-messages", "flood"), ("large-result", "flood"), ("bad-utf8", "bad-utf8"), ("half-json", "bad-message"),
        ("not-a-result", "bad-result"), ("unknown-method", "unknown-tool"),
    ],
)  # fmt: skip
def test_what_fails_at_a_call_ends_that_server_alone(how: str, reason: str) -> None:
    limits = {"call_seconds": 1.0 if reason == "hang" else 20.0}
    with connection() as other, connection(how, limits=limits, env={"TOKEN": "s3cr3t-value"}) as server:
        with pytest.raises(ServerFailed) as failed:
            server.call("echo", {"text": "x"})
        assert failed.value.reason == reason
        assert "s3cr3t-value" not in str(failed.value)
        with pytest.raises(ServerFailed) as again:
            server.call("echo", {"text": "x"})
        assert again.value.reason == reason
        assert other.call("echo", {"text": "still here"}).text == "still here"


def test_an_answer_just_before_the_end_counts() -> None:
    with connection("answers-and-dies") as server:
        assert server.call("echo", {"text": "last words"}).text == "last words"
        with pytest.raises(ServerFailed, match="died"):
            server.call("echo", {"text": "x"})


@pytest.mark.parametrize("how", ["refuses", "refuses-by-protocol"])
def test_a_refusal_is_an_error_of_the_call_and_the_server_goes_on(how: str) -> None:
    with connection(how) as server:
        for _ in range(2):
            assert server.call("echo", {"text": "x"}).error


def test_lines_that_are_no_messages_are_a_log() -> None:
    with connection("chatty") as server:
        assert server.call("echo", {"text": "x"}).text == "x"


def test_binary_content_is_told_by_its_kind_and_size() -> None:
    with connection("binary") as server:
        assert server.call("echo", {}).text == "see:\n[image/png, 3000 bytes]\n[application/zip, 3 bytes]"


def test_a_server_that_asks_for_a_model_hears_that_there_is_none() -> None:
    with connection("asks-back") as server:
        assert "not supported" in server.call("echo", {}).text.lower()


@needs_sandbox
def test_the_sandbox_hides_files_secrets_and_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, shown = tmp_path / "secret", tmp_path / "shown"
    secret.write_text("key")
    shown.write_text("data")
    monkeypatch.setenv("SOME_API_KEY", "k")
    monkeypatch.setenv("GIVEN", "g")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        asked = entry("looks", read=[str(shown)], env={"MINE": "${GIVEN}", "PORT": port})
        with Connection("looks", read_server("looks", asked)) as server:
            paths = f"{secret} {shown} /etc/shadow {Path.home() / '.bashrc'}"
            found = json.loads(server.call("echo", {"text": paths}).text)
        with Connection("looks", read_server("looks", {**asked, "network": True})) as server:
            assert json.loads(server.call("echo", {"text": ""}).text)["seen"]["network"] == "open"
    assert found["seen"].pop(str(shown)) == 4
    assert not any(isinstance(value, int) for value in found["seen"].values())
    assert found["seen"]["network"] != "open"
    assert found["variables"]["MINE"] == "g" and "SOME_API_KEY" not in found["variables"]
    assert found["variables"]["HOME"] == "/home/agent"


def test_without_the_sandbox_it_starts_in_its_folder_with_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "k")
    with connection("looks", sandbox=False, env={"WHERE": "{files}/note.txt"}) as server:
        assert server.work is not None
        found = json.loads(server.call("echo", {"text": ""}).text)["variables"]
        assert "SOME_API_KEY" not in found and found["WHERE"] == f"{server.work}/note.txt"
        assert found["HOME"].startswith(os.path.dirname(server.work))
    with connection(sandbox=False) as server:
        server.call("write", {"text": "hello"})
        assert server.work is not None and os.listdir(server.work) == ["note.txt"]


def alive(command: str) -> int:
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            count += command.encode() in (folder / "cmdline").read_bytes()
        except OSError:
            continue
    return count


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("sandbox", [pytest.param(True, marks=needs_sandbox), False])
def test_everything_goes_with_us_even_by_sigkill(sandbox: bool, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    mark = f"mark-{uuid.uuid4().hex}"
    program = (
        "import json, sys, time\n"
        "from agent_data.mcp.client import Connection\n"
        "from agent_data.mcp.server import read_server\n"
        "server = Connection('x', read_server('x', json.loads(sys.argv[1]))).open()\n"
        "server.call('echo', {'text': ''})\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    given = json.dumps({**entry("children", sandbox=sandbox), "args": ["-I", str(HOSTILE), "children", mark]})
    path = os.pathsep.join(part for part in sys.path if part)
    child = subprocess.Popen(
        [sys.executable, "-c", program, given],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(own)},
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert within(10, lambda: alive(mark) >= 3 and alive(f"child-of-{mark}") == 1)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    child.stdout.close()
    assert within(20, lambda: alive(mark) == 0 and list(own.iterdir()) == [])


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(ServerFailed, match="not-found"):
        Connection("x", read_server("x", {"command": "no-such-server-anywhere"})).open()
    with pytest.raises(ServerFailed, match="disabled"):
        connection(disabled=True).open()
    with pytest.raises(ServerFailed) as failed:
        Connection("x", read_server("x", {"url": "http://127.0.0.1:9/mcp"})).open()
    assert failed.value.reason == "unreachable"
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE"):
        connection(env={"A": "${NOT_SET_ANYWHERE}"}).open()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "command or a url"), ({"command": "a", "url": "http://b"}, "not both"), ({"comand": "a"}, "comand"),
        ({"url": "ftp://b"}, "http"), ({"command": "a", "type": "sse"}, "does not go with"), ("a", "expected an entry"),
        ({"command": "a", "limits": {"call_seconds": 0}}, "call_seconds"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_named(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_server("x", given)


def test_entries_of_other_clients_are_read() -> None:
    read = read_server(
        "x", {"command": "npx", "args": ["-y", "a"], "alwaysAllow": ["b"], "type": "stdio", "timeout": 5}
    )
    assert read.command == "npx"
    assert read_server("x", {"serverUrl": "https://a/mcp", "transport": "streamable-http"}).type == "http"


def test_importing_needs_no_sdk(tmp_path: Path) -> None:
    """The extra is not installed: all is imported, and the error names the command that mends it."""
    (tmp_path / "block.py").write_text(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('mcp', 'mcp_types', 'httpx2'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "import agent_data.tools.mcp, agent_data.environments.mcp, agent_data.environments.catalogue\n"
        "from arcmill.errors import EngineError\n"
        "try:\n"
        "    agent_data.tools.mcp.tools_of('x', {'command': 'true'})\n"
        "except EngineError as error:\n"
        "    print(error)\n"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    shown = subprocess.run(
        [sys.executable, str(tmp_path / "block.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "pip install 'arcmill[mcp]'" in shown.stdout, shown.stderr
