"""Programs that use more than they may of time, memory, processes, files and output, or would outlive their run."""

from __future__ import annotations

import time
import uuid

import pytest
from sandbox_attempts import LIMITS, held, needs_sandbox, processes_with, run

from arcmill.sandbox import Limits, Sandbox


@needs_sandbox
@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
        "time.sleep(99)",
        "[signal.signal(n, signal.SIG_IGN) for n in range(1, 65) if n not in (9, 19, 32, 33)]\nwhile True: time.sleep(9)",
        "sys.stdin.read(); import threading; threading.Event().wait()",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "import atexit; atexit.register(time.sleep, 99)",
        "import threading; threading.Thread(target=time.sleep, args=(99,)).start()",
        "try:\n  while True: pass\nexcept BaseException:\n  while True: pass",
        "if os.fork(): os.wait()\nelse:\n  while True: pass",
        "os.close(1); os.close(2); os.close(0); time.sleep(99)",
    ],
)
def test_wall_time(sandbox, program):
    started = time.monotonic()
    ran = run(sandbox, program, limits=Limits(wall=0.4))
    assert ran.timed_out and ran.exit == -9 and time.monotonic() - started < 5


@needs_sandbox
def test_cpu_time(sandbox):
    ran = run(sandbox, "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", limits=Limits(cpu=1, wall=30))
    assert ran.timed_out and 0.5 < ran.cpu < 4 and ran.seconds < 29


@needs_sandbox
def test_memory(sandbox):
    ran = run(sandbox, "data = bytearray(1 << 40)")
    assert ran.exit == 1 and ran.memory_exceeded and not ran.timed_out
    ran = run(sandbox, "held = []\nwhile True: held.append(bytearray(1 << 20))")
    assert ran.exit != 0 and ran.memory_exceeded and ran.memory < 400 << 20


@needs_sandbox
def test_memory_of_all_processes_together(sandbox):
    ran = run(sandbox, """
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(100 << 20)
                time.sleep(9)
        time.sleep(9)
        """)  # fmt: skip
    assert ran.stopped == "memory" and ran.seconds < 4


@needs_sandbox
def test_shared_memory_counts(sandbox):
    ran = run(sandbox, """
        import mmap
        for _ in range(8):
            if os.fork() == 0:
                held = mmap.mmap(-1, 100 << 20)
                for page in range(0, 100 << 20, 4096): held[page] = 1
                time.sleep(9)
        time.sleep(9)
        """)  # fmt: skip
    assert ran.stopped == "memory" and ran.seconds < 5


@needs_sandbox
@pytest.mark.parametrize(
    "program",
    [
        "while True: os.fork()",
        "import threading\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
        "import subprocess\nwhile True: subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])",
    ],
)
def test_a_fork_bomb(sandbox, program):
    ran = run(sandbox, program, limits=Limits(wall=2, processes=12))
    assert ran.exit != 0
    assert sandbox.run("print(1)").stdout == b"1\n"


@needs_sandbox
def test_the_number_of_processes_is_the_limit(sandbox):
    ran = run(sandbox, """
        count = 1
        try:
            while True:
                if os.fork() == 0: signal.pause()
                count += 1
        except OSError: print(count)
        """)  # fmt: skip
    assert LIMITS.processes - 1 <= int(ran.stdout) <= LIMITS.processes


@needs_sandbox
def test_files(sandbox):
    held(run(sandbox, """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        def big(name, size):
            with open(name, "wb") as file:
                for _ in range(size >> 16): file.write(bytes(1 << 16))
        attempt(big, "one", 3 << 20)
        def many():
            for count in range(20): big(str(count), 1 << 20)
        attempt(many)
        def empty():
            for count in range(1000): open("e%d" % count, "w").close()
        attempt(empty)
        def opened():
            return [os.open("/dev/null", 0) for count in range(1000)]
        attempt(opened)
        def shared():
            with open("/dev/shm/x", "wb") as file:
                file.write(bytes(32 << 20))
        attempt(shared)
        """), 5)  # fmt: skip


@needs_sandbox
def test_a_flood_of_output(sandbox):
    for stream in ("stdout", "stderr"):
        ran = run(sandbox, f"while True: sys.{stream}.write('x' * 65536)")
        assert ran.output_exceeded and len(getattr(ran, stream)) == LIMITS.output and ran.seconds < 4
    ran = run(sandbox, f"sys.stdout.write('x' * {LIMITS.output})")
    assert (ran.stopped, len(ran.stdout)) == (None, LIMITS.output)
    ran = run(sandbox, f"sys.stdout.write('x' * {LIMITS.output + 1})")
    assert (ran.stopped, len(ran.stdout)) == ("output", LIMITS.output)


@needs_sandbox
def test_stdin_that_is_not_read_or_closed(sandbox):
    much = b"x" * (8 << 20)
    assert run(sandbox, "print('held')", stdin=much).stdout == b"held\n"
    assert run(sandbox, "os.close(0); time.sleep(0.1); print('held')", stdin=much).stdout == b"held\n"
    assert run(sandbox, "print(len(sys.stdin.read()))", stdin=much).stdout == b"%d\n" % len(much)
    assert run(sandbox, "time.sleep(99)", stdin=much, limits=Limits(wall=0.3)).timed_out


@needs_sandbox
@pytest.mark.parametrize(
    "program",
    [
        "if os.fork() == 0: time.sleep(99)",
        "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    time.sleep(99)\n  os._exit(0)",
        "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'], start_new_session=True)",
        "if os.fork() == 0:\n  while True: os.write(1, b'late')",
        "if os.fork() == 0:\n  os.close(1); os.close(2); os.setsid(); signal.signal(15, signal.SIG_IGN); time.sleep(99)",
    ],
)
def test_nothing_outlives_its_run(sandbox, program):
    mark = f"sleep({10**6 + uuid.uuid4().int % 10**9})"  # no other run of the tests has it
    with Sandbox(LIMITS, workers=1) as one:
        started = time.monotonic()
        ran = run(one, program.replace("sleep(99)", mark))
        assert ran.exit == 0 and ran.stopped is None and time.monotonic() - started < 4
        assert one.run(
            "import os\nfor n in range(1, 999):\n try: os.kill(n, 0); print(n)\n except OSError: pass"
        ).stdout == (b"1\n2\n")
    assert not processes_with(mark)
