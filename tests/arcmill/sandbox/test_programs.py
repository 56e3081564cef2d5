"""A sandbox with programs of the host: they are there, and whatever a program tried to get out by is as closed as without them."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arcmill.errors import EngineError
from arcmill.sandbox import Limits, Sandbox, available, programs
from arcmill.sandbox.launch import command, interpreter
from arcmill.sandbox.programs import INSIDE, mend, missing

NAMES = ("sh", "ls", "cat", "grep", "sed", "find", "cp", "mv", "rm", "sort", "diff")
needs_sandbox = pytest.mark.skipif(
    not available() or bool(missing(NAMES)), reason=f"no sandbox with programs here: {available().found}"
)
LIMITS = Limits(
    wall=5, cpu=5, memory=192 << 20, processes=24, tmp=8 << 20, inodes=200, file_size=2 << 20, output=64 << 10
)
SHELL = "import subprocess\nran = subprocess.run(['/bin/sh', '-c', {!r}], stderr=subprocess.STDOUT)\nraise SystemExit(ran.returncode)"


def _tests(name: str):
    """A test file of this folder, whose attempts are made here too."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"attempts_of_{name}", path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return vars(made)


ESCAPES = _tests("test_confinement") | _tests("test_limits") | _tests("test_run")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS, workers=1, programs=NAMES) as made:
        yield made


def sh(sandbox: Sandbox, text: str, **given):
    return sandbox.run(SHELL.format(text), **given)


@needs_sandbox
def test_programs_run_beside_python(sandbox):
    ran = sh(
        sandbox,
        "printf 'b\\na\\n' > x; sort x | sed s/a/A/; python3 -c 'print(6 * 7)'; find . -name x; ls /nothing || echo no",
    )
    out = ran.stdout.decode().splitlines()
    assert out[:4] == ["A", "b", "42", "./x"] and out[-1] == "no" and ran.exit == 0
    assert sh(sandbox, "vi").exit == 127


@needs_sandbox
@pytest.mark.parametrize(
    "name",
    [
        "no_network", "unix_sockets_of_the_host_are_out_of_reach", "links_in_tmp_lead_nowhere", "no_program_sees_another_s_traces",
        "the_host_s_processes_are_neither_seen_nor_signalled", "killing_its_parent_ends_nothing_but_the_program",
        "no_privilege_and_no_way_to_one", "system_calls_that_a_program_has_no_need_of", "system_calls_by_number",
        "a_new_namespace_by_clone", "a_set_uid_program_gains_nothing", "nothing_can_be_written_outside_tmp", "files",
        "memory_of_all_processes_together", "shared_memory_counts", "cpu_time", "a_flood_of_output",
    ],
)  # fmt: skip
def test_what_is_closed_without_programs_is_closed_with_them(sandbox, tmp_path, name):
    attempt = ESCAPES[f"test_{name}"]
    given = {"sandbox": sandbox, "tmp_path": tmp_path}
    attempt(**{one: given[one] for one in inspect.signature(attempt).parameters})


@needs_sandbox
def test_only_what_was_asked_for_is_there(sandbox):
    python, held = interpreter(), programs.programs(NAMES)
    shown = (
        sandbox.run(f"""
import os
for folder, folders, files in os.walk("/"):
    if folder.startswith({python.library!r}): folders.clear(); continue
    for name in [*files, *folders]:
        path = os.path.join(folder, name)
        if name in files or os.path.islink(path): print(path)
""")
        .stdout.decode()
        .split()
    )
    known = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "shm")}
    known |= {python.executable, *python.libraries, "/etc/ld.so.cache", "/bin", f"{INSIDE}/python", f"{INSIDE}/python3"}
    known |= {f"{INSIDE}/{program.name}" for program in held} | {path for program in held for path in program.libraries}
    assert {path for path in shown if not path.startswith("/usr/share/zoneinfo/")} <= known
    assert {f"{INSIDE}/{name}" for name in NAMES} <= set(shown)


@needs_sandbox
@pytest.mark.parametrize(
    "text",
    [
        "cat /etc/passwd", "cat /etc/shadow", "cat /proc/self/environ", "ls /proc/1", "ls /root", "ls /home", "ls /sys/kernel",
        "cat /proc/net/tcp", "echo x > /usr/bin/sh", "echo x > /x", "rm /usr/bin/sh", "mv /usr/bin/ls /usr/bin/l", "rm -rf /usr/bin",
        "cp /bin/sh /usr/bin/x", "cat /dev/sda", "echo x > /dev/tcp/127.0.0.1/80", "cd /root", "kill -9 1 && kill -0 1 && false",
        "exec 5<>/dev/tty", "echo x > /proc/sys/kernel/core_pattern", "ulimit -u 4000", "ulimit -n 4000", "ls /run/user",
    ],
)  # fmt: skip
def test_a_shell_gets_no_further(sandbox, text):
    ran = sh(sandbox, text)
    assert ran.exit != 0 and ran.stopped is None, ran.stdout
    assert sh(sandbox, "echo well | cat").stdout == b"well\n"


@needs_sandbox
@pytest.mark.parametrize(
    "text", ["f(){ f|f& };f", "while :; do sh -c 'while :; do :; done' & done", "f(){ f; f & };f & wait"]
)
def test_a_fork_bomb_of_shells(sandbox, text):
    sh(sandbox, text, limits=Limits(wall=2, processes=16))
    assert sh(sandbox, "echo well").stdout == b"well\n"


@needs_sandbox
def test_nothing_is_left_of_a_command(sandbox):
    sh(sandbox, "(while :; do echo x > /tmp/left; done) & disown 2>/dev/null; exit 0")
    assert sh(sandbox, "ls -A /tmp").stdout == b""


@needs_sandbox
def test_the_host_s_programs_stay_as_they_are(sandbox):
    before = {program.path: os.stat(program.path).st_mtime_ns for program in programs.programs(NAMES)}
    sh(sandbox, "for f in /usr/bin/*; do echo broken > $f; chmod 0777 $f; rm -f $f; done")
    assert before == {path: os.stat(path).st_mtime_ns for path in before}


def test_without_programs_nothing_is_other_than_before():
    if not available():
        pytest.skip("no sandbox here")
    plain = command(interpreter())
    assert plain == command(interpreter(), ()) and not any(part.startswith(f"{INSIDE}/sh") for part in plain)
    assert len(command(interpreter(), ("cat",))) > len(plain)


def test_what_cannot_be_had_is_named():
    assert missing(["sh", "no-such-program"])[-1:] == ["no-such-program"]
    with pytest.raises(EngineError, match=r"cannot have no-such-program of this machine; apt-get install coreutils"):
        programs.programs(["no-such-program"])
    for name in ("", "../sh", ".", "/bin/sh", "a\0b"):
        with pytest.raises(EngineError, match="no name of a program"):
            programs.programs([name])
    assert mend(["diff", "ls", "find"]) == "apt-get install coreutils diffutils findutils"


@needs_sandbox
def test_a_missing_program_ends_the_run_and_not_the_host():
    with (
        Sandbox(LIMITS, workers=1, programs=("sh", "no-such-program")) as made,
        pytest.raises(EngineError, match="no-such"),
    ):
        made.run("print(1)")


def test_there_is_no_unsafe_way():
    with pytest.raises(EngineError, match="in a sandbox only"):
        Sandbox(unsafe=True, programs=("sh",))


def test_a_script_is_no_program(tmp_path, monkeypatch):
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    monkeypatch.setattr(programs, "FOLDERS", str(tmp_path))
    assert missing(["tool"]) == ["tool"]
    assert subprocess.run([script], capture_output=True).stdout == b"hello\n"
