"""The world of docs/environments.md is one: it is read from the page, opened and played."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Called, Trace
from agent_data.environments.play import begin
from arcmill.generation import drive
from arcmill.records import Message, ToolCall

PAGE = Path(__file__).parents[3] / "docs" / "environments.md"


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "clinic.py").write_text(blocks[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield opened("clinic", {"clinic": "clinic:environment"})
    sys.modules.pop("clinic", None)


def test_the_example_is_a_world(clinic: Any) -> None:
    assert [tool.name for tool in clinic.tools if tool.writes] == ["move_appointment", "cancel_appointment"]
    play = drive(begin(clinic, 0))

    def told(tool: str, /, **arguments: Any) -> Any:
        return json.loads(drive(play.call(ToolCall("c", tool, json.dumps(arguments)))).text)

    patient = told("find_patient", name="Mina Sol")
    (appointment,) = told("list_appointments", patient_id=patient["patient_id"])
    times = told("free_times")
    assert appointment["time"] not in times and len(times) == 2
    assert told("move_appointment", appointment_id="A1", time="2031-06-03 09:00") == {
        "error": "2031-06-03 09:00 is not free"
    }
    assert drive(play.hash()) == play.initial
    assert told("move_appointment", appointment_id="A1", time=times[0])["time"] == times[0]
    assert drive(play.hash()) != play.initial
    assert drive(play.call(ToolCall("c", "call_nurse", '{"why": "pain"}'))).ended
    assert drive(begin(clinic, 1)).initial != play.initial


def test_the_examples_policy_is_checked(clinic: Any) -> None:
    messages = [Message("user", "I am Mina Sol. Cancel A1."), Message("assistant", None)]
    found = Called("find_patient", {"name": "Mina Sol"}, "{}", False, 1)
    cancelled = Called("cancel_appointment", {"appointment_id": "A1", "reason": "no time"}, "{}", False, 1)
    assert clinic.breaches(Trace(messages, [found], 0, True)) == []
    assert clinic.breaches(Trace(messages, [found, cancelled], 0, True)) == [
        "confirmation: cancel_appointment without a yes of the user before it"
    ]


def test_the_page_counts_the_tools_rightly() -> None:
    for name, count in re.findall(
        r"^\| `(shop|desk|tracker)` \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert len(opened(name, {}).tools) == int(count)
