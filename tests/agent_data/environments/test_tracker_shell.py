"""Commands in the tracker's shell: the same bytes whenever they are run, and whatever they try, one observation and no more."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tracker_episode import Playing, needs_sandbox

from agent_data.environments.tracker import workshop
from agent_data.environments.tracker.tracker import Tracker
from agent_data.environments.tracker.workshop import BEYOND, shown

pytestmark = needs_sandbox
ROOT = Path(__file__).resolve().parents[3]
STEADY = [
    "ls -la . tests; find . | head -40; find . -type f | wc -l",
    "grep -rn 'def ' . | head; grep -rl class . | tail -3",
    "python3 -m unittest discover -s tests -t . ; echo $?",
    "cat none | grep x none2 | sort none3; nosuch; echo end",
    "ls none; nosuch; cat none; echo middle; ls none2 | cat none3",
    "python3 -c 'print({int, str, list, dict, object}, object(), print, hash(\"a\"), id)'",
    "python3 -c 'import os, sys; print(os.listdir(\".\"), os.getpid(), sys.argv, os.environ)'; echo $$",
    "python3 -c 'import sys; [print(i, file=(sys.stdout, sys.stderr)[i % 2]) for i in range(20)]'",
    "python3 -c 'import random; random.seed(1); print(random.random()); 1/0'",
    "echo one > a; mkdir -p d/e; cp a d/e/b; ls -l --full-time d/e; find . -newer README.md | sort; diff a README.md | head -3",
    "for f in */*.py; do wc -l $f; done | sort -n | uniq -c | cut -c1-60",
    "python3 -c 'print(\"x\" * 30000)'",
    "sed -i s/import/IMPORT/ tests/__init__.py README.md; rm CONTRIBUTING.md; times",
]


@pytest.fixture(scope="module")
def world():
    made = Tracker()
    yield made
    made.close()


def run_all(order: list[int]) -> dict[str, str]:
    """Each command in an episode of its own, in this order."""
    world = Tracker()
    told = {STEADY[number]: Playing(world, 3).shell(STEADY[number]) for number in order}
    world.close()
    return told


def test_the_same_bytes_in_other_processes_orders_and_beside_others(world):
    numbers = list(range(len(STEADY)))
    first = run_all(numbers)
    assert all(text != BEYOND for text in first.values())
    program = (
        "import json, sys; sys.path[:0] = sys.argv[1:]\n"
        "from test_tracker_shell import run_all, STEADY\n"
        "print(json.dumps(run_all(list(range(len(STEADY)))[::-1])))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)], capture_output=True, text=True, check=True,
        cwd="/", env={**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LANG": "C", "COLUMNS": "40"},
    )  # fmt: skip
    assert json.loads(other.stdout) == first
    with ThreadPoolExecutor(6) as threads:
        beside = list(threads.map(lambda number: Playing(world, 3).shell(STEADY[number]), numbers * 2))
    assert beside == [first[STEADY[number]] for number in numbers * 2]


def test_an_error_speaks_where_it_stands_among_what_others_say(world):
    text = Playing(world).shell("echo a; cat none; echo b; ls none; nosuch; echo c")
    assert text.splitlines() == [
        "a", "cat: none: No such file or directory", "b", "ls: cannot access 'none': No such file or directory",
        "/bin/sh: 1: nosuch: not found", "c",
    ]  # fmt: skip


def test_only_files_stay(world):
    one = Playing(world)
    assert one.shell("export X=1; cd tests; echo y > ../x; pwd") == "/tmp/repo/tests\n[changed: x]"
    assert one.shell("echo $X; pwd; cat x; ls /tmp") == "\n/tmp/repo\ny\nrepo"
    assert one.call("read_file", path="x") == "   1  y"
    assert one.call("list_files")["uncommitted"] == ["x"]
    one.call("write_file", path="x", content="z\n")
    assert one.shell("cat x") == "z"


def test_a_repeated_command_is_the_same_and_the_state_too(world):
    one = Playing(world)
    first, state = one.shell("sed -i s/a/b/ README.md; exit 3"), one.hash()
    two = Playing(world)
    assert (two.shell("sed -i s/a/b/ README.md; exit 3"), two.hash()) == (first, state)
    assert first == "[exit 3]\n[changed: README.md]"


BAD = [
    "f(){ f|f& };f",
    "while :; do sh -c : & done",
    "python3 -c 'import os\nwhile True: os.fork()'",
    "python3 -c 'import threading, time\nfor _ in range(999): threading.Thread(target=time.sleep, args=(99,)).start()'",
    "while :; do echo flood; done",
    "python3 -c 'print(\"x\" * (1 << 20))'",
    "while :; do :; done",
    "python3 -c 'import time; time.sleep(99)'",
    "python3 -c 'import time; time.sleep(99)' > /dev/null 2>&1 &",
    "python3 -c 'import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(99)'",
    "kill -9 -1",
    "kill -STOP 2",
    "kill -9 2",
    "python3 -c 'x = bytearray(400 << 20)' & python3 -c 'x = bytearray(400 << 20)\nimport time; time.sleep(9)'",
    "head -c 300000 /dev/zero > big",
    "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 200000 /dev/zero > big$n; done",
    'python3 -c \'for n in range(600): open(f"f{n}", "w").close()\'',
]


@pytest.mark.parametrize("command", BAD)
def test_what_goes_too_far_leaves_no_trace(command, monkeypatch):
    monkeypatch.setattr(workshop, "LIMITS", dataclasses.replace(workshop.LIMITS, cpu=1, wall=1.5))
    world = Tracker()
    one = Playing(world)
    before = one.hash()
    one.call("write_file", path="x", content="y")
    assert one.shell(f"echo z > x; {command}") == BEYOND
    assert one.shell("cat x; echo; echo well") == "y\nwell"
    one.call("delete_file", path="x")
    assert one.hash() == before
    world.close()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("cat /etc/passwd", "No such file"),
        ("cat /proc/self/environ; ls /proc/1", "No such file"),
        ("echo x > /usr/bin/sh", "Read-only file system"),
        ("echo x > /x; rm -rf /usr/bin", "Read-only file system"),
        ("python3 -c 'import socket; socket.socket()'", "PermissionError"),
        ("python3 -c 'import socket; socket.create_connection((\"1.1.1.1\", 53), 1)'", "Error"),
        ("python3 -c 'import os; os.setuid(0)'", "Error"),
        ("python3 -c 'import ctypes; print(ctypes.CDLL(None).ptrace(16, 2, 0, 0))'", "-1"),
        ("python3 -c 'import os; os.mknod(\"d\", 0o60666, 2048)'", "Error"),
        ("git status; curl http://example.org; sudo id; bash -c id", "not found"),
    ],
)
def test_attempts_to_get_out(world, command, told):
    one = Playing(world)
    before = one.hash()
    assert told in one.shell(command)
    assert one.hash() == before


@pytest.mark.parametrize(
    "command",
    [
        'python3 -c \'import os; os.symlink("/etc", "link"); os.symlink("README.md", "two")\'',
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind(\"sock\")'",
        'python3 -c \'open(b"\\xff\\xfe", "w")\'',
        'python3 -c \'open("a\\nb", "w")\'',
        'python3 -c \'open("back\\\\slash", "w")\'',
    ],
)
def test_what_is_no_plain_file_is_not_kept_and_said_so(world, command):
    one = Playing(world)
    before = one.hash()
    assert "[not kept: " in one.shell(command)
    assert one.hash() == before


def test_a_link_in_the_place_of_the_folder_leads_nowhere(world):
    one = Playing(world)
    text = one.shell('python3 -c \'import os, shutil; shutil.rmtree("/tmp/repo"); os.symlink("/usr", "/tmp/repo")\'')
    assert text.startswith("[removed: tests/__init__.py, ") and one.held.files == {}
    assert one.shell("ls") == "[no output]"
    assert one.call("run_tests")["tests"] == 0


def test_locked_and_binary_files(world):
    one = Playing(world)
    assert "[changed: d/locked]" in one.shell("mkdir d; echo x > d/locked; chmod 000 d/locked d")
    assert one.held.files["d/locked"] == "x\n"
    assert "[changed: data]" in one.shell("head -c 16 /dev/urandom > data; printf 'a\\0b' > data")
    assert one.held.files["data"] == {"base64": "YQBi"}
    assert one.shell("wc -c data") == "3 data"
    assert "binary" in one.refused("read_file", path="data")
    assert one.shell("cat data") == "[binary output, 3 bytes]"
    assert "[changed: latin]" in one.shell("printf '\\344' > latin") and one.shell("cat latin") == "\\xe4"


def test_what_a_model_must_not_read_is_shown_as_text():
    assert shown(b"\x1b[31mred\x1b[0m\x07") == "\\x1b[31mred\\x1b[0m\\x07"
    assert (
        shown(b"Ran 3 tests in 0.042s\n<f at 0x7f12ab34cd56> 0m0.01s")
        == "Ran 3 tests in 0.000s\n<f at 0x7f0000000000> 0m0.000s"
    )
    long = shown(b"a" * 50_000)
    assert len(long) < 12_100 and "[38000 characters left out]" in long


@pytest.mark.parametrize("command", ["", "   ", "a\0b", "x" * 8001])
def test_commands_that_are_none_are_refused(world, command):
    Playing(world).refused("shell", command=command)


def test_of_many_changed_files_those_of_the_tests_are_named_first(world):
    one = Playing(world)
    text = one.shell(
        "for n in 1 2 3; do for m in a b c d e f g h i; do echo x > a$n$m; done; done; echo x >> tests/__init__.py"
    )
    assert text.startswith("[changed: tests/__init__.py, a1a, ") and text.endswith(" and 8 more]")
