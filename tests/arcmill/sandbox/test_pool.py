"""Sandboxes are shared by threads, begun anew, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sandbox_attempts import LIMITS, begun, needs_sandbox, processes_with

from arcmill.errors import EngineError
from arcmill.sandbox import Sandbox, available, pool
from arcmill.sandbox.places import Places


@needs_sandbox
def test_threads_share_a_pool(sandbox):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: sandbox.run(f"print({n})").stdout, range(40)))
    assert found == [b"%d\n" % n for n in range(40)]


def test_places_are_given_in_the_order_that_they_were_asked_for():
    places = Places(1)
    assert places.get() is None
    order: list[int] = []

    def wait(number: int) -> None:
        places.get()
        order.append(number)
        places.put(None)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(places._waiting) <= number:
            time.sleep(0.001)
    places.put(None)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


@needs_sandbox
def test_a_sandbox_outlives_the_thread_that_asked_first():
    with Sandbox(LIMITS, workers=1) as made:
        threads = [threading.Thread(target=made.run, args=("print(1)",)) for _ in range(3)]
        for thread in threads:
            thread.start()
            thread.join()
        before = begun()
        assert made.run("print(2)").stdout == b"2\n" and begun() == before


@needs_sandbox
def test_a_sandbox_that_dies_is_begun_anew():
    with Sandbox(LIMITS, workers=1) as made:
        assert made.run("print(1)").exit == 0
        place = made._places.get()
        place.process.kill()
        place.process.wait()
        made._places.put(place)
        assert made.run("print(2)").stdout == b"2\n"


@needs_sandbox
def test_a_sandbox_killed_while_it_runs_is_an_error_then_well_again():
    with Sandbox(LIMITS, workers=1) as made:
        made.run("")
        place = made._places.get()
        made._places.put(place)
        threading.Timer(0.3, place.process.kill).start()
        with pytest.raises(EngineError, match="died"):
            made.run("import time; time.sleep(3)")
        assert made.run("print(2)").stdout == b"2\n"


@needs_sandbox
def test_close_leaves_no_process():
    before = begun()
    made = Sandbox(LIMITS, workers=2)
    made.run("")
    assert begun() > before
    made.close()
    assert begun() == before


@needs_sandbox
def test_a_sandbox_closed_while_it_runs_is_not_kept():
    before = begun()
    made = Sandbox(LIMITS, workers=1)
    made.run("")
    thread = threading.Thread(target=made.run, args=("import time; time.sleep(0.5)",))
    thread.start()
    time.sleep(0.2)
    made.close()
    thread.join()
    assert begun() == before
    assert made.run("print(1)").stdout == b"1\n" and len(made._places._free) == 1
    made.close()


@needs_sandbox
def test_nothing_is_left_when_the_process_is_killed():
    mark = f"marked{uuid.uuid4().hex}"
    script = textwrap.dedent(f"""
        import sys, threading
        from arcmill.sandbox import Sandbox
        program = "import os, sys, time\\nfor _ in range(3):\\n  if os.fork() == 0: break\\nprint(1, flush=True)\\nos.execv(" \\
            "sys.executable, ['python', '-c', 'import time; time.sleep(99)', '{mark}'])"
        made = Sandbox(workers=1)
        made.run("")
        threading.Thread(target=made.run, args=(program,)).start()
        print("running", flush=True)
        """)
    with subprocess.Popen([sys.executable, "-c", script, mark], stdout=subprocess.PIPE, cwd=Path.cwd()) as process:
        assert process.stdout.readline() == b"running\n"
        deadline = time.monotonic() + 20
        while len(processes_with(f"sleep(99) {mark}")) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(processes_with(f"sleep(99) {mark}")) == 4
        process.kill()
    deadline = time.monotonic() + 10
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_with(mark)


@needs_sandbox
def test_a_fork_of_the_process_has_sandboxes_of_its_own(sandbox):
    assert sandbox.run("print(1)").exit == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if sandbox.run("print(2)").stdout == b"2\n" else 2
            sandbox.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert sandbox.run("print(3)").stdout == b"3\n"


def test_the_pool_begins_sandboxes_anew_after_many_programs(monkeypatch):
    if not available():
        pytest.skip(available().found)
    monkeypatch.setattr(pool, "SERVED", 2)
    with Sandbox(LIMITS, workers=1) as made:
        seen = set()
        for _ in range(4):
            assert made.run("").exit == 0
            seen |= begun()
        assert len(seen) >= 2
