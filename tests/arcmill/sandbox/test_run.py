"""Programs run as programs do: input, files, exit, tracebacks, the same words each time."""

from __future__ import annotations

import textwrap

import pytest
from sandbox_attempts import LIMITS, needs_sandbox

from arcmill.sandbox import Sandbox


@needs_sandbox
def test_a_program_runs_with_stdin_files_and_arguments_of_a_script(sandbox):
    program = "import helper, sys; print(helper.twice(int(input())), __name__, sys.argv, open('data/a.txt').read())"
    ran = sandbox.run(program, stdin="21\n", files={"helper.py": b"twice = lambda x: 2 * x", "data/a.txt": b"text"})
    assert ran.stdout == b"42 __main__ ['/tmp/program.py'] text\n"
    assert (ran.exit, ran.stopped, ran.stderr) == (0, None, b"") and 0 < ran.seconds < 5 and ran.memory > 1 << 20


@needs_sandbox
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('no')", 1),
        ("1 / 0", 1),
        ("def f(:", 1),
        ("import os; os._exit(9)", 9),
        ("import os; os.abort()", -6),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import ctypes; ctypes.string_at(0)", -11),
    ],
)
def test_exit_status_is_the_program_s_own(sandbox, program, status):
    ran = sandbox.run(program)
    assert (ran.exit, ran.stopped) == (status, None)


@needs_sandbox
def test_the_end_of_a_program_is_an_interpreter_s_end(sandbox):
    ran = sandbox.run(
        """
        import atexit, threading, time
        class Last:
            def __del__(self): print("freed")
        last = Last()
        atexit.register(print, "at exit")
        threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
        print("main", end=" ")
        """.replace("\n        ", "\n")
    )
    assert ran.stdout == b"main thread\nat exit\nfreed\n"


@needs_sandbox
def test_a_traceback_shows_the_program_only(sandbox):
    assert (
        sandbox.run("def f():\n    1 / 0\nf()").stderr
        == textwrap.dedent("""\
        Traceback (most recent call last):
          File "/tmp/program.py", line 3, in <module>
          File "/tmp/program.py", line 2, in f
        ZeroDivisionError: division by zero
        """).encode()
    )


@needs_sandbox
def test_the_standard_library_works(sandbox):
    ran = sandbox.run(
        textwrap.dedent("""
        import asyncio, bz2, concurrent.futures, decimal, hashlib, json, lzma, multiprocessing, shutil, sqlite3, subprocess
        import sys, tempfile, threading, zlib, zoneinfo, random, collections, ctypes, queue, time, signal, os, mmap, fcntl
        async def both():
            a, b = await asyncio.gather(asyncio.sleep(0.01, 1), asyncio.to_thread(lambda: 2))
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(3)", stdout=-1)
            return a + b + int((await process.communicate())[0])
        assert asyncio.run(both()) == 6
        with concurrent.futures.ThreadPoolExecutor(2) as pool: assert sum(pool.map(abs, [-1, 2])) == 3
        with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
        lock = multiprocessing.Lock(); lock.acquire()
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
        connection = sqlite3.connect("a.db"); connection.execute("create table t (x)"); connection.commit()
        shutil.copytree(".", "/tmp/other", ignore=lambda *_: ["other"]); shutil.rmtree("/tmp/other")
        with tempfile.NamedTemporaryFile() as file: file.write(b"x"); file.flush(); os.fsync(file.fileno())
        hashlib.sha256(b""), zlib.compress(b"x"), lzma.compress(b"x"), bz2.compress(b"x"), mmap.mmap(-1, 4096)
        signal.setitimer(signal.ITIMER_REAL, 5), time.time(), os.cpu_count(), os.uname(), os.getloadavg
        exit(0)
        """)
    )
    assert (ran.exit, ran.stderr) == (0, b"")


@needs_sandbox
def test_no_program_sees_another_s_traces(sandbox):
    with Sandbox(LIMITS, workers=1) as one:
        first = one.run(
            "import os, builtins, math; builtins.left = math.left = 1; os.environ['LEFT'] = '1'; open('a', 'w')"
        )
        second = one.run("import os, builtins, math; print(os.listdir('.'), hasattr(builtins, 'left'), hasattr(math, 'left'), "
                         "os.environ.get('LEFT'))")  # fmt: skip
    assert first.exit == 0 and second.stdout == b"[] False False None\n"


@needs_sandbox
def test_the_same_program_says_the_same(sandbox):
    program = "print(hash('a'), sorted(__import__('os').environ), list({'b', 'a', 'c'}), __import__('sys').version)"
    assert len({sandbox.run(program).stdout for _ in range(4)}) == 1
