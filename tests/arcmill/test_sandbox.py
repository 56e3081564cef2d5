"""Programs that try to get out of the sandbox, to outlive it, or to use more than they may: none succeeds.

An attempt prints `out` where it works and `held` where it is refused, so a test sees both.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arcmill.errors import EngineError
from arcmill.sandbox import Limits, Ran, Sandbox, available, pool, probe
from arcmill.sandbox.launch import NOBODY, interpreter, readable
from arcmill.sandbox.places import Places
from arcmill.sandbox.syscalls import JUDGED, MACHINES, allowed, filter_program

needs_sandbox = pytest.mark.skipif(not available(), reason=f"no sandbox here: {available().found}")
LIMITS = Limits(
    wall=5, cpu=5, memory=192 << 20, processes=12, tmp=8 << 20, inodes=200, file_size=2 << 20, output=64 << 10
)
HEAD = """
import ctypes, errno, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action, *arguments):
    try: done = action(*arguments)
    except (OSError, RuntimeError, ValueError, AttributeError, KeyError) as error: return print("held", type(error).__name__)
    print("out", done)
def call(name, *arguments):
    done = getattr(libc, name)(*arguments)
    print("held" if done == -1 else "out", name, done, ctypes.get_errno())
def number(n, *arguments):
    done = libc.syscall(ctypes.c_long(n), *arguments)
    print("held" if done == -1 else "out", n, done, ctypes.get_errno())
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS, workers=2) as made:
        yield made


def run(sandbox: Sandbox, program: str, **given) -> Ran:
    return sandbox.run(HEAD + textwrap.dedent(program), **given)


def held(ran: Ran, count: int = 1) -> None:
    """At least `count` attempts were made, and all of them refused."""
    words = [line.split(" ")[0] for line in ran.stdout.decode("utf-8", "replace").splitlines()]
    assert words == ["held"] * len(words) and len(words) >= count, (ran.stdout, ran.stderr, ran.exit)


def processes_with(word: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if word in line:
                found.append(line)
    return found


def begun() -> set[int]:
    """The sandboxes of this process."""
    shown = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    return {int(line.split()[0]) for line in shown.splitlines() if "bwrap" in line}


# What it is for


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


# The host


@needs_sandbox
def test_no_network(sandbox):
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as abstract:
        server.bind(("127.0.0.1", 0))
        server.listen()
        name = f"arcmill-test-{os.getpid()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        port = server.getsockname()[1]
        held(run(sandbox, f"""
            attempt(socket.create_connection, ("127.0.0.1", {port}), 1)
            attempt(socket.create_connection, ("1.1.1.1", 53), 1)
            attempt(socket.getaddrinfo, "example.org", 80)
            attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0{name}"))
            for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40, 38):  # vsock, alg
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                    attempt(socket.socket, family, kind)
            """), 20)  # fmt: skip


@needs_sandbox
def test_unix_sockets_of_the_host_are_out_of_reach(sandbox, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        os.chmod(tmp_path / "s", 0o777)
        held(run(sandbox, f"attempt(socket.socket(socket.AF_UNIX).connect, {str(tmp_path / 's')!r})"))


@needs_sandbox
def test_nothing_of_the_host_can_be_read(sandbox, tmp_path):
    (tmp_path / "secret").write_text("secret")
    paths = [
        "/etc/shadow", "/etc/passwd", "/etc/hostname", str(Path.home()), str(tmp_path / "secret"), str(Path.cwd()),
        __file__, "/proc/self/environ", "/proc/1/environ", "/proc/self/mem", "/proc/kcore", "/proc/net/tcp", "/proc/cpuinfo",
        "/sys/kernel", "/sys/class/net", "/run", "/var/log", "/root", "/home", "/boot", "/usr/bin/env", "/bin/sh",
        "/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/pts", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
        "../../etc/shadow", "/proc/self/root/etc/shadow", "/proc/self/cwd", "/proc/self/fd/0", "/tmp/../etc/shadow",
    ]  # fmt: skip
    held(run(sandbox, f"""
        for path in {paths!r}:
            attempt(lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(9))
        """), len(paths))  # fmt: skip


@needs_sandbox
def test_only_the_interpreter_s_paths_are_there(sandbox):
    program = """
    seen = []
    for folder, folders, files in os.walk("/"):
        if folder.startswith(LIBRARY): folders.clear()
        else: seen += [os.path.join(folder, name) for name in files]
    print(*sorted(seen), sep="\\n")
    """
    python = interpreter()
    shown = run(sandbox, program.replace("LIBRARY", repr(python.library))).stdout.decode().split()
    devices = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")}
    known = {*devices, python.executable, *python.libraries, "/etc/ld.so.cache"}
    assert {path for path in shown if not path.startswith("/usr/share/zoneinfo/")} <= known


@needs_sandbox
def test_nothing_can_be_written_outside_tmp(sandbox):
    python = interpreter()
    ran = run(sandbox, f"""
        for path in ["/x", "/dev/x", "/proc/x", "/etc/x", "/usr/x", "/lib/x", {python.library[0]!r} + "/x", "/dev/../x",
                     {python.executable!r}, "/proc/sys/kernel/core_pattern"]:
            attempt(open, path, "w")
        attempt(os.remove, {python.executable!r})
        attempt(os.remove, {python.library[0]!r} + "/os.py")
        attempt(os.rename, {python.library[0]!r}, "/tmp/x")
        attempt(os.chmod, {python.executable!r}, 0o777)
        attempt(os.link, {python.executable!r}, "/tmp/python")
        attempt(os.mkdir, "/new")
        attempt(os.rmdir, "/tmp")
        attempt(os.mknod, "/tmp/device", 0o60666, os.makedev(8, 0))
        attempt(os.truncate, {python.library[0]!r} + "/os.py", 0)
        """)  # fmt: skip
    held(ran, 19)
    assert os.path.getsize(python.executable) > 1000


@needs_sandbox
def test_links_in_tmp_lead_nowhere(sandbox, tmp_path):
    target = tmp_path / "target"
    target.write_text("host")
    held(run(sandbox, f"""
        os.symlink({str(target)!r}, "link"); os.symlink("/", "root"); os.symlink("/proc/self/root", "self")
        for path in ("link", "root{target}", "self{target}", "root/etc/shadow"):
            attempt(lambda: open(path).read())
            attempt(open, path, "w")
        here = os.open("/", os.O_RDONLY)
        for _ in range(50): os.chdir("..")
        attempt(lambda: os.open("../../../.." + {str(target)!r}, os.O_RDONLY, dir_fd=here))
        """), 9)  # fmt: skip
    assert target.read_text() == "host"


@needs_sandbox
@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a\0b"])
def test_files_stay_in_the_folder(sandbox, name):
    with pytest.raises(ValueError, match="not a name inside"):
        sandbox.run("", files={name: b""})


@needs_sandbox
def test_the_environment_holds_no_secret(sandbox, monkeypatch):
    monkeypatch.setenv("API_KEY", "secret-value")
    with Sandbox(LIMITS, workers=1) as fresh:
        ran = run(fresh, """
            print("out" if "secret-value" in repr(os.environ) or libc.getenv(b"API_KEY") else "held")
            import sys
            print("out" if "secret-value" in repr(sys.argv + sys.orig_argv) else "held")
            """)  # fmt: skip
    held(ran, 2)


@needs_sandbox
def test_no_descriptor_is_inherited(sandbox, tmp_path):
    with open(tmp_path / "open", "w") as file, socket.socket() as server:
        for shared in (file.fileno(), server.fileno()):
            os.set_inheritable(shared, True)
        with Sandbox(LIMITS, workers=1) as fresh:
            ran = run(fresh, """
                import stat
                for descriptor in range(1024):
                    try: mode = os.fstat(descriptor).st_mode
                    except OSError: continue
                    print("held" if descriptor < 3 and stat.S_ISFIFO(mode) else "out", descriptor, oct(mode))
                attempt(os.write, 0, b"x")
                attempt(os.read, 1, 1)
                """)  # fmt: skip
    held(ran, 5)


@needs_sandbox
def test_the_host_s_processes_are_neither_seen_nor_signalled(sandbox):
    # 1 and 2 are the sandbox's own; a test run whose shell has ended is a child of the host's 1.
    ours = [process for process in (os.getpid(), os.getppid()) if process > 2]
    ran = run(sandbox, f"""
        for process in [*{ours}, *range(3, 3000)]:
            try: os.kill(process, 0)
            except ProcessLookupError: continue
            print("out", process)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(1, signal.SIGKILL)
        os.kill(1, signal.SIGTERM)
        attempt(os.kill, -1, signal.SIGTERM)
        print("held" if os.getppid() == 0 and os.getpid() == 2 else "out")
        """)  # fmt: skip
    held(ran)
    assert ran.exit == 0


@needs_sandbox
def test_killing_its_parent_ends_nothing_but_the_program(sandbox):
    for program in ("os.kill(os.getppid(), 9)", "os.kill(1, 9)", "os.kill(-1, 9); time.sleep(9)", "os.killpg(0, 9)"):
        run(sandbox, program)
    assert sandbox.run("print(1)").stdout == b"1\n"


@needs_sandbox
def test_no_privilege_and_no_way_to_one(sandbox):
    ran = run(sandbox, f"""
        print("held" if os.getresuid() == ({NOBODY},) * 3 and os.getresgid() == ({NOBODY},) * 3 else "out", os.getresuid())
        for action, *arguments in ((os.setuid, 0), (os.setgid, 0), (os.setgroups, [0]), (os.chroot, "/tmp"), (os.nice, -20),
                                   (os.setresuid, 0, 0, 0), (os.chown, "/tmp", 0, 0)):
            attempt(action, *arguments)
        caps = (ctypes.c_uint32 * 6)()
        libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), caps)
        print("held" if not any(caps) else "out", list(caps))
        print("held" if libc.prctl(39, 0, 0, 0, 0) == 1 else "out", "no new privileges")
        for resource_ in (6, 9, 0, 1, 7):  # processes, address space, CPU, file size, open files
            import resource
            soft, hard = resource.getrlimit(resource_)
            attempt(resource.setrlimit, resource_, (hard + 1, hard + 1))
        attempt(resource.prlimit, 1, resource.RLIMIT_CPU, (1, 1))
        """)  # fmt: skip
    held(ran, 15)


@needs_sandbox
def test_system_calls_that_a_program_has_no_need_of(sandbox):
    ran = run(sandbox, """
        call("ptrace", 0, 0, 0, 0)
        call("ptrace", 16, 1, 0, 0)
        for kind in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x04000000, 0x08000000, 0x02000000, 0x80):
            call("unshare", kind)
        call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
        call("mount", b"proc", b"/proc", b"proc", 0, None)
        call("umount2", b"/proc", 2)
        call("chroot", b"/tmp")
        call("setns", 0, 0)
        call("sethostname", b"x", 1)
        call("setdomainname", b"x", 1)
        call("clock_settime", 0, bytes(16))
        call("settimeofday", bytes(16), None)
        call("swapon", b"/tmp", 0)
        call("reboot", 0)
        call("memfd_create", b"x", 0)
        call("personality", 0x0040000)
        call("process_vm_readv", 1, None, 0, None, 0, 0)
        call("vmsplice", 0, None, 0, 0)
        call("inotify_init")
        call("shmget", 1, 4096, 0o1600)
        call("prctl", 4, 1, 0, 0, 0)
        call("prctl", 22, 1, 0, 0, 0)
        call("ioctl", 0, 0x5412, b"x")
        """)  # fmt: skip
    held(ran, 28)


@needs_sandbox
@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_system_calls_by_number(sandbox):
    # add_key, request_key, keyctl, bpf, io_uring_*, userfaultfd, perf_event_open, kexec_load, kexec_file_load, init_module,
    # finit_module, open_by_handle_at, clone3, pidfd_getfd, process_madvise, landlock, seccomp, modify_ldt, iopl, mount_setattr,
    # fsopen, move_mount, open_tree, pivot_root, quotactl, syslog, acct, lookup_dcookie, uselib, kcmp, and numbers of tomorrow
    numbers = [248, 249, 250, 321, 425, 426, 427, 323, 298, 246, 320, 175, 313, 304, 435, 438, 440, 444, 317, 154, 172, 442,
               430, 429, 428, 155, 179, 103, 163, 212, 134, 312, 470, 500, 1000]  # fmt: skip
    ran = run(sandbox, f"for n in {numbers}: number(n, 0, 0, 0, 0, 0)")
    held(ran, len(numbers))
    foreign = run(sandbox, "number(0x40000000 + 39)")  # an x32 number
    assert foreign.exit == -signal.SIGSYS and foreign.stdout == b""


@needs_sandbox
def test_a_new_namespace_by_clone(sandbox):
    held(run(sandbox, f"""
        for kind in (0x10000000, 0x20000000, 0x00020000, 0x40000000):
            number({56 if platform.machine() == "x86_64" else 220}, kind | signal.SIGCHLD, 0, 0, 0, 0)
        """), 4)  # fmt: skip


@needs_sandbox
def test_a_set_uid_program_gains_nothing(sandbox):
    ran = run(sandbox, """
        import shutil, subprocess
        attempt(os.chmod, "/tmp", 0o7777)
        """)  # fmt: skip
    assert ran.exit == 0
    shown = run(sandbox, """
        import shutil, subprocess
        shutil.copyfile(sys.executable, "own"); os.chmod("own", 0o4755)
        print(subprocess.run(["./own", "-I", "-S", "-c", "import os; print(os.geteuid())"], capture_output=True))
        """, limits=Limits(file_size=64 << 20))  # fmt: skip
    assert f"{NOBODY}".encode() in shown.stdout or b"stdout=b''" in shown.stdout


# Limits


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


# The pool


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


# Where there is none


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


# The filter


def test_the_filter_s_numbers_are_the_kernel_s():
    library = _libseccomp()
    if library is None:
        pytest.skip("no libseccomp to compare with")
    for machine, (audit, column) in MACHINES.items():
        table = {**allowed(machine), **{name: (x86, arm)[column] for name, x86, arm, *_ in JUDGED}}
        assert len(table) > 150 and len(set(table.values())) == len(table)
        for name, number in table.items():
            assert library.seccomp_syscall_resolve_name_arch(audit, name.encode()) == number, (machine, name)


def _libseccomp():
    import ctypes

    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


def test_the_filter_denies_by_name():
    denied = "ptrace mount umount2 chroot unshare setns bpf keyctl add_key io_uring_setup userfaultfd perf_event_open kexec_load "
    denied += "memfd_create splice tee vmsplice setuid setresuid clock_settime sethostname process_vm_readv clone3 init_module"
    for machine in MACHINES:
        assert not set(denied.split()) & set(allowed(machine))
        assert len(filter_program(machine)) // 8 < 4096


def simulate(program: bytes, number: int, audit: int, *arguments: int) -> int:
    """What a filter returns for a call (the classic BPF that it uses)."""
    import struct

    data = struct.pack("<IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator = place = 0
    while True:
        operation, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif operation == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            place += if_true if holds else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_on_each_machine(machine):
    program, (audit, column) = filter_program(machine), MACHINES[machine]
    judged = {name: ((x86, arm)[column], argument) for name, x86, arm, argument, *_ in JUDGED}
    known = {*allowed(machine).values(), *(number for number, _ in judged.values())}
    for number in range(1000):
        verdict = simulate(program, number, audit, *[0xFFFFFFFF] * 6)
        if number in allowed(machine).values():
            assert verdict == 0x7FFF0000
        else:
            assert verdict == (0x50001 if number in known else 0x50026), number
    for other, (foreign, _) in MACHINES.items():
        if other != machine:
            assert simulate(program, 0, foreign) == 0x80000000
    assert simulate(program, 0x40000000, audit) == simulate(program, 0xFFFFFFFF, audit) == 0x80000000
    for name, good, bad in (
        ("clone", (0x01200011, 0x003D0F00), (0x10000011, 0x00020011, 0x20000011, 0x40000011)),
        ("socket", (1,), (0, 2, 10, 16, 17, 38, 40)),
        ("socketpair", (1,), (2,)),
        ("prctl", (15, 38), (4, 22, 24, 35, 47)),
        ("ioctl", (0x5401, 0x5413), (0x5412, 0x541C, 0x8933)),
    ):
        number, argument = judged[name]
        before = [0] * argument
        assert all(simulate(program, number, audit, *before, value) == 0x7FFF0000 for value in good), name
        assert all(simulate(program, number, audit, *before, value) == 0x50001 for value in bad), name
    assert simulate(program, judged["socket"][0], audit, 1 << 32 | 2) == 0x50001  # the kernel too reads 32 bits


def test_what_only_root_can_read_is_not_for_the_sandbox(tmp_path):
    assert not readable(str(tmp_path / "absent"))
    assert readable("/usr/bin/env")


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
