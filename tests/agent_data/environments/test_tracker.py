"""The tracker: its issues and its repository from the seed, its rules, and a state that tells right fixes from wrong ones."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tracker_episode import Playing, needs_sandbox

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Called, Trace, state_hash
from agent_data.environments.play import begin
from agent_data.environments.tracker import environment, repository, workshop
from agent_data.environments.tracker.asked import HINTS
from agent_data.environments.tracker.faults import FAULTS, probes
from agent_data.environments.tracker.tracker import Tracker
from agent_data.environments.tracker.world import load
from arcmill.errors import EngineError
from arcmill.generation import drive
from arcmill.records import Message
from arcmill.sandbox.probe import Availability

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def world():
    made = Tracker()
    yield made
    made.close()


@pytest.fixture
def still():
    """Without shell and tests: needs no sandbox."""
    return Tracker(shell=False)


def gold(playing: Playing, seed: int = 0):
    """The blueprint that mends one of the faults."""
    state = drive(playing.play.episode.state())
    ready = HINTS.ready[0](state, random.Random(seed), None)
    for name, arguments in ready.calls:
        playing.call(name, **arguments)
    return ready


# The repository


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.module}-{fault.title[:20]}")
def test_a_fault_is_a_change_that_tests_and_probes_see(fault):
    right, wrong = repository.planted(fault.module, []), repository.planted(fault.module, [fault])
    assert right.count(fault.right) == 1 and right != wrong
    old, new = repository.mending(fault, [fault])
    assert wrong.count(old) == 1 and wrong.replace(old, new) == right

    def does(source):
        names: dict = {}
        exec(compile(source, fault.module, "exec"), names)
        told = []
        for expression in probes()[fault.module]:
            try:
                told.append(repr(eval(expression, dict(names))))
            except Exception as error:
                told.append(type(error).__name__)
        return told

    assert does(right) != does(wrong)
    assert not {"NameError", "SyntaxError"} & set(does(right)) and does(right) == does(right)


@needs_sandbox
def test_tests_of_every_module_pass_and_each_fault_fails_one(world):
    everything = repository.files("fieldkit", list(repository.MODULES), [])
    made = world._workshop.tests(everything)
    assert made["failed"] == 0 and made["tests"] == made["passed"] > 50
    unseen = []
    for fault in FAULTS:
        files = {**everything, f"fieldkit/{fault.module}.py": repository.planted(fault.module, [fault])}
        found = world._workshop.tests(files, f"test_{fault.module}")
        if found["failed"] < 1:
            unseen.append(fault)
    assert unseen == []


def test_a_seed_decides_all_and_seeds_differ():
    assert load(7) == load(7) and load(7) != load(8)
    seen = {json.dumps(load(seed), sort_keys=True) for seed in range(40)}
    assert len(seen) == 40
    for seed in range(40):
        made = load(seed)
        assert len(made["issues"]) == 13 and len({issue["title"] for issue in made["issues"].values()}) >= 12
        assert {issue["state"] for issue in made["issues"].values()} == {"open", "closed"}
        assert sum("bug" in issue["labels"] for issue in made["issues"].values()) == 4


def test_the_same_state_under_another_hash_seed():
    program = "from agent_data.environments.tracker.world import load; from agent_data.environments.environment import state_hash; print(state_hash(load(5)))"
    shown = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert shown == {state_hash(load(5)) + "\n"}


# Issues


def test_tools_are_described_and_more_than_ten(still):
    assert len(still.tools) >= 20
    for tool in still.tools:
        assert tool.description and all("description" in one for one in tool.parameters["properties"].values()), (
            tool.name
        )


def test_issues_are_found_and_changed(still):
    one = Playing(still)
    issues = one.call("list_issues", state="open")["issues"]
    first = issues[0]["issue_id"]
    before = one.hash()
    people = [person["handle"] for person in one.call("list_people")["people"]]
    other = next(handle for handle in people if handle != issues[0]["assignee"])
    assert one.call("assign_issue", issue_id=first, handle=other)["assignee"] == other
    assert first in [issue["issue_id"] for issue in one.call("list_issues", assignee=other)["issues"]]
    one.call("comment_on_issue", issue_id=first, text=" Seen. ")
    assert one.call("get_issue", issue_id=first)["comments"][-1] == {"author": "assistant", "text": "Seen."}
    made = one.call("create_issue", title="Something new", body="It is.", label="question")["issue_id"]
    assert [issue["issue_id"] for issue in one.call("search_issues", text="SOMETHING new")["issues"]] == [made]
    one.call("close_as_duplicate", issue_id=made, original_issue_id=first)
    assert one.call("get_issue", issue_id=made)["reason"] == f"duplicate of {first}"
    one.call("reopen_issue", issue_id=made)
    assert one.hash() != before


def test_what_is_refused_changes_nothing(still):
    one = Playing(still)
    before = one.hash()
    bug = one.call("list_issues", label="bug")["issues"][0]["issue_id"]
    closed = one.call("list_issues", state="closed")["issues"][0]
    assert "no issue" in one.refused("get_issue", issue_id="NONE-1")
    assert "nobody" in one.refused("assign_issue", issue_id=bug, handle="nobody")
    assert "no commit names" in one.refused("close_issue", issue_id=bug, reason="completed")
    assert "no milestone" in one.refused("set_milestone", issue_id=bug, milestone="99")
    assert "already" in one.refused("add_label", issue_id=bug, label="bug")
    assert "no label" in one.refused("remove_label", issue_id=bug, label="urgent")
    assert "itself" in one.refused("close_as_duplicate", issue_id=bug, original_issue_id=bug)
    assert "no change" in one.refused("commit_changes", issue_id=bug)
    assert "one line" in one.refused("create_issue", title="two\nlines", body="")
    one.refused("add_label", issue_id=bug, label="purple")
    handle = one.call("list_people")["people"][0]["handle"]
    assert "is closed" in one.refused("assign_issue", issue_id=closed["issue_id"], handle=handle)
    assert one.hash() == before


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "./x",
        "a//b",
        "a/",
        "README.md/x",
        "tests",
        "a\\b",
        "a\nb",
        "__pycache__/x",
        "x" * 201,
    ],
)
def test_a_path_stays_in_the_repository(still, path):
    one = Playing(still)
    before = one.hash()
    one.refused("write_file", path=path, content="x")
    assert one.hash() == before


def test_files_are_read_written_and_deleted(still):
    one = Playing(still)
    assert one.call("read_file", path="README.md").startswith("   1  # ")
    assert one.call("search_code", text="DEF ")["found"] > 10
    assert "5 times" in one.refused("replace_in_file", path="README.md", old="- `", new="")
    assert "0 times" in one.refused("replace_in_file", path="README.md", old="nowhere", new="")
    assert "the same" in one.refused("replace_in_file", path="README.md", old="Run the tests", new="Run the tests")
    one.call("write_file", path="notes/a.txt", content="one\n")
    assert one.call("list_files")["uncommitted"] == ["notes/a.txt"]
    one.call("delete_file", path="notes/a.txt")
    assert one.call("list_files")["uncommitted"] == []
    assert "half of a surrogate" in one.refused("write_file", path="x", content="\ud800")
    assert "at most" in one.refused("write_file", path="x", content="x" * 100_001)
    assert "no file" in one.refused("read_file", path="none")


# Mending


@needs_sandbox
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_blueprint_mends_a_fault(world, seed):
    one = Playing(world, seed)
    failed = one.call("run_tests")["failed"]
    before = one.hash()
    gold(one, seed)
    assert one.call("run_tests")["failed"] < failed and one.hash() != before
    assert one.call("list_files")["uncommitted"] == [] and len(one.call("list_commits")["commits"]) == 1


@needs_sandbox
def test_the_state_is_that_of_the_blueprint_for_another_right_change_and_no_other(world):
    right = Playing(world)
    ready = gold(right)
    edit = next(arguments for name, arguments in ready.calls if name == "replace_in_file")
    ends = {}
    for kind in ("comment", "wrong", "beside", "scratch"):
        one = Playing(world)
        for name, arguments in ready.calls:
            given = dict(arguments)
            if name == "replace_in_file":
                whole = one.held.files[edit["path"]].replace(edit["old"], edit["new"])
                if kind == "comment":  # another text that does the same
                    whole = f"# mended\n{whole}"
                elif kind == "wrong":
                    whole = one.held.files[edit["path"]] + "\n# nothing mended\n"
                elif kind == "beside":
                    whole = (
                        whole.replace("return sorted(", "return list(", 1)
                        if "return sorted(" in whole
                        else whole + "\ndel nodes\n"
                    )
                elif kind == "scratch":
                    one.call("write_file", path="scratch.py", content="print(1)\n")
                one.call("write_file", path=edit["path"], content=whole)
            else:  # what breaks a test is not committed, and its issue is not closed
                made = one.observe(name, **given)
                assert not made.error or kind == "beside", made.text
        ends[kind] = one.hash()
    assert ends["comment"] == right.hash()
    assert len({right.hash(), ends["wrong"], ends["beside"], ends["scratch"]}) == 4


@needs_sandbox
def test_a_commit_that_breaks_a_test_is_refused(world):
    one = Playing(world)
    package, module = one.held.data["package"], one.held.data["modules"][0]
    issue = one.call("list_issues", label="bug")["issues"][0]["issue_id"]
    one.call("write_file", path=f"{package}/{module}.py", content="raise SystemExit(0)\n")
    assert "refused before the commit" in one.refused("commit_changes", issue_id=issue)
    one.call("delete_file", path=f"tests/test_{module}.py")
    assert "fewer tests" in one.refused("commit_changes", issue_id=issue)


@needs_sandbox
@pytest.mark.parametrize(
    "source",
    [
        "import os\nos._exit(0)\n", "while True: pass\n", "import sys\nsys.exit(0)\n", "def f(:\n", "import os\nos.kill(os.getpid(), 9)\n",
        "import os, signal\nos.kill(-1, signal.SIGKILL)\n", "x = 'a' * (1 << 40)\n", "import os\nwhile True: os.fork()\n",
        "import sys\nsys.stdout.write('x' * (1 << 24))\n", "raise KeyboardInterrupt\n", "\0",
    ],
)  # fmt: skip
def test_hostile_modules_end_no_episode(monkeypatch, source):
    if "while" in source:  # the others end by themselves, on a busy machine later
        monkeypatch.setattr(workshop, "LIMITS", dataclasses.replace(workshop.LIMITS, cpu=1, wall=1.5))
    world = Tracker()
    one = Playing(world)
    path = f"{one.held.data['package']}/{one.held.data['modules'][0]}.py"
    one.held.files[path] = source
    first, tests = one.hash(), one.call("run_tests")
    other = Tracker()
    two = Playing(other)
    two.held.files[path] = source
    assert two.hash() == first != Playing(other).hash()
    assert tests.get("ended_early") or tests["failed"]
    if "while" not in source:
        assert two.call("run_tests") == tests
    other.close()
    world.close()


# Policy


def trace(*calls: Called, said: str = "Done.", user: str = "Do it.", seed: int = 1) -> Trace:
    return Trace([Message("user", user), Message("assistant", said)], calls, seed, False)


def test_breaches(still):
    address = next(iter(load(1)["people"].values()))["email"]
    assert still.breaches(trace(said="All is well.")) == []
    assert still.breaches(trace(said=f"It is {address}."))[0].startswith("email:")
    assert still.breaches(trace(said=f"It is {address}.", user=f"I am {address.upper()}")) == []
    touched = [
        Called("write_file", {"path": "tests/test_money.py", "content": ""}, "ok", False, 1),
        Called("delete_file", {"path": "tests/__init__.py"}, "ok", False, 1),
        Called("shell", {"command": "sed -i s/1/2/ tests/*"}, "[changed: README.md, tests/test_money.py]", False, 1),
        Called("shell", {"command": "rm -r tests"}, "[exit 1]\n[removed: tests/__init__.py]", False, 1),
    ]
    for call in touched:
        assert still.breaches(trace(call))[0].startswith("tests:"), call
    fine = [
        Called("write_file", {"path": "tests/test_money.py", "content": ""}, "refused", True, 1),
        Called("shell", {"command": "ls tests/"}, "tests/test_money.py", False, 1),
        Called("comment_on_issue", {"issue_id": "X-1", "text": "hello"}, "ok", False, 1),
    ]
    assert still.breaches(trace(*fine)) == []
    written = Called("comment_on_issue", {"issue_id": "X-1", "text": f"Write to {address}"}, "ok", False, 1)
    assert still.breaches(trace(written))[0].startswith("email:")


def test_a_blueprint_keeps_the_policy(still):
    one = Playing(still)
    ready = gold(one)
    calls = [Called(name, arguments, "", False, 1) for name, arguments in ready.calls]
    assert still.breaches(trace(*calls)) == []


def test_what_the_policy_forbids_is_asked_for_in_words(still):
    state = drive(begin(still, 3)).episode.state()
    state = drive(state)
    for forbidden in HINTS.forbidden:
        instruction, rule = forbidden(state, random.Random(1), None)
        assert instruction.endswith((".", "!")) or "?" in instruction
        assert rule


def test_hints_name_tools_and_parameters_that_are_there(still):
    tools = {tool.name: tool for tool in environment(shell=False).tools}
    for name, templates in HINTS.asks.items():
        for template in templates:
            places = {part.split("}")[0] for part in template.split("{")[1:]}
            assert places == set(tools[name].parameters["required"]), name
    for name in HINTS.values:
        tool, parameter = name.split(".")
        assert parameter in tools[tool].parameters["properties"]
    for name in HINTS.told:
        assert name.split(".")[0] in tools


# Where it cannot be had


def test_without_a_sandbox_an_episode_is_refused_clearly(monkeypatch):
    monkeypatch.setattr(
        workshop, "available", lambda: Availability(False, "bubblewrap is not installed", "apt-get install bubblewrap")
    )
    world = opened("tracker", {})
    with pytest.raises(EngineError, match=r"bubblewrap is not installed.*apt-get install bubblewrap.*shell: false"):
        drive(begin(world, 1))


def test_a_missing_program_is_named(monkeypatch):
    monkeypatch.setattr(workshop, "available", lambda: Availability(True, "there"))
    monkeypatch.setattr(workshop, "missing", lambda names: ["diff"])
    with pytest.raises(EngineError, match=r"lacks diff: apt-get install diffutils"):
        drive(begin(Tracker(), 1))


def test_without_shell_it_is_another_world_that_needs_no_sandbox(monkeypatch):
    def none():
        raise AssertionError("looked for a sandbox")

    monkeypatch.setattr(workshop, "available", none)
    world = opened(
        "tracker", {"tracker": {"factory": "agent_data.environments.tracker:environment", "with": {"shell": False}}}
    )
    assert world.version != Tracker().version and world.tool("shell") is None and world.tool("run_tests") is None
    one = Playing(world)
    gold(one)
    issue = one.call("list_commits")["commits"][0]["issue_id"]
    assert one.call("get_issue", issue_id=issue)["state"] == "closed"
