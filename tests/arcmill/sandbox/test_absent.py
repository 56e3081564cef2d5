"""Where no sandbox can be had, code is refused, unless it is allowed to run without."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcmill.errors import EngineError
from arcmill.sandbox import Limits, Sandbox, available, probe


@pytest.fixture
def none_here(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    probe.available.cache_clear()
    yield
    probe.available.cache_clear()


def test_without_a_sandbox_code_is_refused(none_here):
    state = available()
    assert not state and state.mend == "apt-get install bubblewrap"
    with pytest.raises(EngineError, match=r"bubblewrap is not installed.*apt-get install bubblewrap.*unsafe=true"):
        Sandbox().run("print(1)")


def test_unsafe_runs_with_limits(none_here):
    with Sandbox(Limits(wall=1, output=900, memory=256 << 20), workers=1, unsafe=True) as made:
        program = "import helper, os; print(input(), os.listdir('.'), os.getcwd())"
        ran = made.run(program, stdin="in", files={"helper.py": b""})
        assert ran.exit == 0 and ran.stdout.startswith(b"in ['helper.py'] /tmp/")
        assert made.run("while True: pass").timed_out
        assert not Path(ran.stdout.split()[-1].decode()).exists()
        assert made.run("import os\nif os.fork() == 0:\n  os.setsid()\n  while True: pass").exit == 0
        assert made.run("print('x' * 999)").output_exceeded
        assert made.run("x = bytearray(1 << 40)").memory_exceeded
        assert made.run("import os; print(os.environ.get('HOME', '').startswith('/root'))").stdout == b"False\n"


def test_a_program_that_could_not_be_confined_is_not_run(monkeypatch):
    if not available():
        pytest.skip(available().found)
    with Sandbox(Limits(inodes=2), workers=1) as made, pytest.raises(EngineError, match=r"could not confine.*No space"):
        made.run("print('ran')", files={"a": b"", "b": b"", "c": b""})


@pytest.mark.parametrize(
    ("reason", "mend"),
    [("bwrap: Unknown option --disable-userns", "bubblewrap 0.8"), ("no Python for the sandbox", "install python3")],
)
def test_what_mends_it(reason, mend):
    assert mend in probe._mend(reason)


def test_a_probe_that_gets_out_means_no_sandbox(monkeypatch):
    if not available():
        pytest.skip(available().found)
    monkeypatch.setattr(probe, "ATTEMPTS", "print('[\"the network\"]')")
    probe.available.cache_clear()
    try:
        assert not available() and "the network" in available().found
        with pytest.raises(EngineError, match="the network"):
            Sandbox().run("")
    finally:
        probe.available.cache_clear()


def test_limits_are_above_nothing():
    with pytest.raises(ValueError, match="wall"):
        Limits(wall=0)
