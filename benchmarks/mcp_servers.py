"""Real MCP servers, collected and called: a table in Markdown.

    python benchmarks/mcp_servers.py [--path FOLDER …] [--calls 50] [--core 0]

Servers are looked for on PATH and in the folders of --path: mcp-server-time, mcp-server-git, mcp-server-sqlite (PyPI),
mcp-server-filesystem (npm install @modelcontextprotocol/server-filesystem; its node_modules/.bin); and arcmill's own `serve-search`
over three pages written here. What is not installed is skipped, and said so. mcp-server-sqlite wants mcp below 2: an environment
of its own.

Of each: tools collected, and how many of their schemas can be used; a sequence of calls through a world (`{mcp: …}`), each
checked for what it must say; whether a second episode gives the same observations and states; seconds to start; milliseconds of
a call over --calls of them, one after the other; episodes/s, each with a process of its own. Exit status 1 where a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent_data.environments.environment import EpisodeLost
from agent_data.environments.mcp import environment
from agent_data.environments.play import begin
from agent_data.mcp.client import Connection
from agent_data.mcp.server import read_server
from agent_data.tools.mcp import ServerFailed, tools_of
from arcmill.errors import ArcmillError
from arcmill.functions.check import checker
from arcmill.generation import drive
from arcmill.records import ToolCall

ROOT = Path(__file__).resolve().parents[1]
EPISODES = 5
DATES = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}  # fmt: skip


@dataclass
class Case:
    """A server, and calls each with a text that its observation must hold; the first is the one that is timed."""

    name: str
    entry: dict[str, Any]
    calls: list[tuple[str, dict[str, Any], str]]
    world: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", action="append", default=[], metavar="FOLDER", help="further folder of commands")
    parser.add_argument("--calls", type=int, default=50, help="calls that are timed (default 50)")
    parser.add_argument("--core", type=int, help="pin this process and the servers to one core")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    os.environ["PATH"] = os.pathsep.join([*options.path, os.environ.get("PATH", "")])
    print("| server | tools (usable) | calls as they should be | the same again | start s | ms a call | episodes/s |")
    print("|---|---|---|---|---|---|---|")
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for case, why in cases(Path(scratch)):
            if case is None:
                print(f"| {why} | | | | | | |", flush=True)
                continue
            try:
                line, wrong = measured(case, options.calls)
            except (ServerFailed, EpisodeLost, ArcmillError) as failure:
                line, wrong = f"| {case.name} | failed | | | | | |", [str(failure)]
            print(line, flush=True)
            for text in wrong:
                print(f"{case.name}: {text}", file=sys.stderr)
            failed = failed or bool(wrong)
    sys.exit(1 if failed else 0)


def measured(case: Case, count: int) -> tuple[str, list[str]]:
    """The line of a server, and what went wrong."""
    wrong: list[str] = []
    rows = tools_of(case.name, case.entry)
    usable = 0
    for row in rows:
        try:
            checker(json.loads(row.schema)["function"]["parameters"])
            usable += 1
        except ValueError as error:
            wrong.append(f"{row.name}: {error}")
    about = json.loads(rows[0].call or "{}")["about"]

    world = environment(case.name, {**case.entry, **case.world})
    episodes = []
    began = time.perf_counter()
    for number in range(EPISODES):
        play = drive(begin(world, 0))
        seen = []
        for place, (name, arguments, expected) in enumerate(case.calls):
            made = drive(play.call(ToolCall(str(place), name, json.dumps(arguments))))
            if number == 0 and expected not in made.text:
                wrong.append(f"{name}: {made.text[:200]!r} lacks {expected!r}")
            seen.append((made.text, drive(play.hash())))
        episodes.append(seen)
        play.close()
    seconds = time.perf_counter() - began
    world.close()
    same = all(seen == episodes[0] for seen in episodes)
    right = len(case.calls) - len({text.partition(":")[0] for text in wrong})

    began = time.perf_counter()
    with Connection(case.name, read_server(case.name, case.entry), files=world.files) as connection:
        connection.tools()
        start = time.perf_counter() - began
        name, arguments, _ = case.calls[0]
        connection.call(name, arguments)
        began = time.perf_counter()
        for _ in range(count):
            connection.call(name, arguments)
        call = (time.perf_counter() - began) / count
    return (
        f"| {case.name} ({about}) | {len(rows)} ({usable}) | {right} of {len(case.calls)} | {'yes' if same else 'no'} "
        f"| {start:.2f} | {1000 * call:.1f} | {EPISODES / seconds:.1f} |"
    ), wrong


def cases(scratch: Path) -> Iterator[tuple[Case | None, str]]:
    """Each server, or why it is skipped."""
    for command, hint, made in (
        ("mcp-server-time", "pip install mcp-server-time", time_case),
        ("mcp-server-git", "pip install mcp-server-git, and git", git_case),
        ("mcp-server-sqlite", "pip install mcp-server-sqlite 'mcp<2', in an environment of its own", sqlite_case),
        ("mcp-server-filesystem", "npm install @modelcontextprotocol/server-filesystem", files_case),
    ):
        if shutil.which(command) is None or (command == "mcp-server-git" and shutil.which("git") is None):
            yield None, f"{command}: skipped, not installed ({hint})"
        else:
            yield made(command, scratch), ""
    yield search_case(scratch), ""


def time_case(command: str, _: Path) -> Case:
    asked = {"source_timezone": "Europe/Berlin", "time": "09:30", "target_timezone": "Asia/Kathmandu"}
    return Case(
        "time",
        {"command": command, "args": ["--local-timezone", "UTC"]},
        [
            ("convert_time", asked, "+05:45"),
            ("convert_time", {**asked, "time": "25:99"}, "nvalid time"),
            ("convert_time", {**asked, "target_timezone": "Mars/Olympus"}, "nvalid timezone"),
        ],
    )


def git_case(command: str, scratch: Path) -> Case:
    folder = scratch / "repository"
    folder.mkdir()
    (folder / "readme.md").write_text("# A repository\n")
    for line in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run(["git", *line], cwd=folder, check=True, env={**os.environ, **DATES, **AUTHOR})
    shutil.rmtree(folder / ".git" / "hooks", ignore_errors=True)
    here = {"repo_path": "/agent-work"}
    return Case(
        "git",
        {"command": command, "env": {**DATES, **AUTHOR}},
        [
            ("git_log", {**here, "max_count": 1}, "First"),
            ("git_status", here, "main"),
            ("git_create_branch", {**here, "branch_name": "topic"}, "topic"),
            ("git_checkout", {**here, "branch_name": "topic"}, "topic"),
            ("git_show", {**here, "revision": "HEAD"}, "# A repository"),
            ("git_checkout", {**here, "branch_name": "nowhere"}, "rror"),
        ],
        # The index holds times and inode numbers of the working copy.
        {"files": str(folder), "ignore": [".git/index"], "repeatable": True},
    )


def sqlite_case(command: str, _: Path) -> Case:
    return Case(
        "sqlite",
        {"command": command, "args": ["--db-path", "{files}/shop.db"]},
        [
            ("list_tables", {}, "[]"),
            ("create_table", {"query": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)"}, "success"),
            ("write_query", {"query": "INSERT INTO book (title) VALUES ('Emma'), ('Ulysses')"}, "2"),
            ("read_query", {"query": "SELECT title FROM book ORDER BY id"}, "Ulysses"),
            ("read_query", {"query": "DELETE FROM book"}, "rror"),
        ],
        {"repeatable": True},
    )


def files_case(command: str, scratch: Path) -> Case:
    folder = scratch / "files"
    folder.mkdir()
    (folder / "list.txt").write_text("milk\nbread\n")
    return Case(
        "filesystem",
        {"command": command, "args": ["{files}"]},
        [
            ("read_text_file", {"path": "/agent-work/list.txt"}, "bread"),
            ("write_file", {"path": "/agent-work/new.txt", "content": "eggs\n"}, "uccess"),
            ("move_file", {"source": "/agent-work/new.txt", "destination": "/agent-work/more.txt"}, "uccess"),
            ("edit_file", {"path": "/agent-work/list.txt", "edits": [{"oldText": "milk", "newText": "tea"}]}, "+tea"),
            ("list_directory", {"path": "/agent-work"}, "more.txt"),
            ("read_text_file", {"path": "/etc/passwd"}, "denied"),
        ],
        {"files": str(folder), "repeatable": True},
    )


def search_case(scratch: Path) -> Case:
    texts = {"harbour": "The lighthouse of Varn stands at the harbour.", "mill": "The mill of Ostra grinds rye.",
             "bridge": "The bridge at Keld has seven arches."}  # fmt: skip
    rows = scratch / "pages.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": text, "url": f"https://example.com/{name}"}) + "\n" for name, text in texts.items())
    )
    run = [sys.executable, "-m", "pipelines.cli"]
    path = {"PYTHONPATH": str(ROOT)}
    for line in (
        ["ingest-text", "--input", str(rows), "--output", str(scratch / "pages")],
        ["index-documents", "--input", str(scratch / "pages"), "--output", str(scratch / "index")],
    ):
        subprocess.run([*run, *line, "--quiet"], check=True, env={**os.environ, **path}, stdout=subprocess.DEVNULL)
    return Case(
        "serve-search",
        {
            "command": sys.executable, "args": ["-m", "pipelines.cli", "serve-search", str(scratch / "index")], "env": path,
            "read": [str(ROOT)],
        },
        [
            ("search", {"query": "seven arches"}, "bridge"),
            ("search", {"query": "lighthouse"}, "Varn"),
            ("open", {"id": "nothing"}, "rror"),
        ],
        {"repeatable": True},
    )  # fmt: skip


if __name__ == "__main__":
    main()
