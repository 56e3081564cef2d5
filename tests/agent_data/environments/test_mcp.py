"""A server as a world: its own process and folder for each episode; what it does wrong ends its own episode."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Environment, EpisodeLost
from agent_data.environments.play import Observation, Play, begin
from arcmill.errors import EngineError, UsageError
from arcmill.generation import drive
from arcmill.records import ToolCall
from arcmill.sandbox import available

HOSTILE = str(Path(__file__).parents[1] / "mcp" / "hostile.py")
SANDBOX = bool(available())


def world(how: str = "well", **more: Any) -> Environment:
    entry = {"command": sys.executable, "args": ["-I", HOSTILE, how], "sandbox": SANDBOX, **more}
    return opened("notes", {"notes": {"mcp": entry}})


def call(play: Play, name: str, **arguments: Any) -> Observation:
    made: Observation = drive(play.call(ToolCall("c", name, json.dumps(arguments))))
    return made


def test_episodes_have_a_folder_each_and_the_state_is_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("start")
    environment = world(files=str(tmp_path), repeatable=True)
    assert {tool.name: tool.writes for tool in environment.tools} == {"echo": True, "write": True, "see": False}
    assert environment.repeatable and environment.most_open == 8
    first, second = drive(begin(environment, 1)), drive(begin(environment, 1))
    try:
        assert first.initial == second.initial
        assert call(first, "write", text=" and more") == Observation(" and more")
        changed = drive(first.hash())
        assert changed != first.initial and drive(second.hash()) == second.initial
        call(second, "write", text=" and more")
        assert drive(second.hash()) == changed
        assert (tmp_path / "note.txt").read_text() == "start"
        assert call(first, "write").error and call(first, "nothing").error
    finally:
        first.close()
        second.close()
        environment.close()


def test_the_version_follows_tools_and_files_and_no_path(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.txt").write_text("start")
    one, two = world(files=str(tmp_path / "a")), world(files=str(tmp_path / "b"))
    assert one.version == two.version
    (tmp_path / "b" / "note.txt").write_text("another start")
    assert len({one.version, world(files=str(tmp_path / "b")).version, world(reads=["echo"]).version}) == 3


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hangs-at-call", "hang"), ("dies-at-call", "died"), ("floods", "flood"), ("large-result", "flood"),
        ("bad-utf8", "bad-utf8"), ("lies-of-result", "bad-result"), ("no-structure", "bad-result"),
        ("commands", "special-token"), ("fills-one", "died"),
    ],
)  # fmt: skip
def test_a_hostile_server_ends_its_own_episode(how: str, reason: str) -> None:
    limits = {"call_seconds": 1.0 if reason == "hang" else 20.0, "file_bytes": 1 << 20}
    environment, other = world(how, limits=limits), world()
    lost, fine = drive(begin(environment, 1)), drive(begin(other, 1))
    try:
        with pytest.raises(EpisodeLost) as failed:
            call(lost, "echo", text="x")
        assert failed.value.reason == reason
        assert call(fine, "echo", text="here").text == "here"
        drive(begin(environment, 1)).close()  # the world itself goes on
    finally:
        lost.close()
        fine.close()
        environment.close()
        other.close()


def test_a_folder_that_is_filled_loses_the_episode() -> None:
    environment = world("fills", limits={"file_bytes": 1 << 20})
    play = drive(begin(environment, 1))
    try:
        call(play, "echo", text="2")
        assert len(drive(play.episode.state())) == 2
        call(play, "echo", text="3")
        with pytest.raises(EpisodeLost, match="flood"):
            drive(play.hash())
    finally:
        play.close()


def test_an_instruction_in_a_result_is_text_and_changes_nothing() -> None:
    environment = world("instructs")
    play = drive(begin(environment, 1))
    try:
        seen = call(play, "see", text="x")
        assert "IGNORE ALL PREVIOUS" in seen.text and not seen.error
        assert drive(play.hash()) == play.initial
    finally:
        play.close()


@pytest.mark.parametrize("how", ["refuses", "refuses-by-protocol"])
def test_a_server_that_refuses_what_its_schema_accepts_is_heard_and_goes_on(how: str) -> None:
    environment = world(how)
    play = drive(begin(environment, 1))
    try:
        for _ in range(2):
            seen = call(play, "echo", text="x")
            assert seen.error and not seen.ended
        assert "text" in call(play, "echo", txet="x").text  # refused by the schema: the server does not hear of it
        assert drive(play.hash()) == play.initial
    finally:
        play.close()


def test_links_and_pipes_in_the_folder_are_not_followed() -> None:
    environment = world("links")
    play = drive(begin(environment, 1))
    try:
        call(play, "echo", text="x")
        state = drive(play.episode.state())
        assert state == {"passwd": "-> /etc/passwd", "pipe": "special"}
    finally:
        play.close()


@pytest.mark.parametrize(
    ("state", "expected"),
    [("none", None), ({"tool": "see", "arguments": {"text": "now"}}, "now"), ({"resource": "file:///a"}, "a resource")],
)
def test_other_states(state: Any, expected: Any) -> None:
    environment = world(state=state)
    play = drive(begin(environment, 1))
    try:
        assert drive(play.episode.state()) == expected
    finally:
        play.close()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"state": "all"}, "state is 'all'"), ({"state": {"tool": "see", "resource": "a"}}, "either tool or resource"),
        ({"reads": ["nothing"]}, "no tool 'nothing'"), ({"files": "/no/such/folder"}, "not a folder"),
        ({"comand": "x"}, "comand"), ({"open": 0}, "open"),
        ({"sandbox": False, "repeatable": True, "env": {"A": "{files}"}}, "not repeatable"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        world(**more)


@pytest.mark.parametrize(
    ("how", "said"), [("duplicates", "duplicate-tools"), ("dies-at-start", "died"), ("broken-schema", "schema of echo")]
)
def test_a_server_that_cannot_be_used_is_an_engine_error(how: str, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        world(how)
