"""How a sandbox is begun: which interpreter it holds, under which user, and bubblewrap's command line."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arcmill.errors import EngineError
from arcmill.sandbox.programs import binds, programs
from arcmill.sandbox.syscalls import MACHINES, filter_program

INSIDE = Path(__file__).with_name("inside")
# Runs inside: makes modules of the sources that it is given, which stand nowhere on its disk.
BOOT = """
import json, sys, types
for name, source in json.loads(sys.argv.pop()).items():
    parent, _, last = name.rpartition(".")
    above = parent
    while above and above not in sys.modules:
        sys.modules[above] = types.ModuleType(above)
        sys.modules[above].__path__ = []
        above = above.rpartition(".")[0]
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    if parent: setattr(sys.modules[parent], last, module)
sys.exit(module.start(*sys.argv[1:]))
"""
FIRST_UID, UIDS = 1_900_000_000, 64_000_000  # far from users, containers' ranges and systemd's
COVERED = ("/tmp/", "/proc/", "/dev/")  # what is mounted over inside
NOBODY = 65534  # the program's uid and gid as it sees them
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "USER": "nobody",
    "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip

# Run by a candidate interpreter, outside: its standard library, and the shared libraries that it loads, by the names
# under which the loader asks for them.
SURVEY = """
import ctypes, importlib, json, os, sys, sysconfig
for name in "_bz2 _ctypes _decimal _elementtree _hashlib _lzma _sqlite3 _ssl _uuid pyexpat zlib".split():
    try: importlib.import_module(name)
    except ImportError: pass
libraries = set()
def note(info, size, data):
    name = ctypes.cast(info, ctypes.POINTER(ctypes.c_char_p))[1]
    if name and b"/" in name: libraries.add(os.fsdecode(name))
    return 0
kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
ctypes.CDLL(None).dl_iterate_phdr(kind(note), None)
paths = sysconfig.get_paths()
print(json.dumps({"executable": os.path.realpath(sys.executable), "version": sys.version.split()[0],
    "library": sorted({paths["stdlib"], paths["platstdlib"]}), "packages": sorted({paths["purelib"], paths["platlib"]}),
    "libraries": sorted(libraries)}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python with the paths that it needs, all of them readable by the sandbox's user."""

    executable: str
    version: str
    library: tuple[str, ...]
    packages: tuple[str, ...]  # folders of further packages, hidden
    libraries: tuple[str, ...]


def readable(path: str) -> bool:
    """Whether the sandbox's user can read it. As root that is somebody else, whom only the rights of others admit."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    real = Path(os.path.realpath(path))
    return (
        real.exists()
        and all(parent.stat().st_mode & 0o001 for parent in real.parents)
        and bool(real.stat().st_mode & 0o004)
    )


@cache
def interpreter() -> Interpreter:
    """The running interpreter without its packages, or /usr/bin/python3 where the sandbox's user cannot read that.

    Raises EngineError where neither can be had.
    """
    tried = []
    for candidate in (getattr(sys, "_base_executable", None) or sys.executable, "/usr/bin/python3"):
        if candidate and readable(candidate):
            try:
                shown = subprocess.run(
                    [candidate, "-I", "-B", "-c", SURVEY], capture_output=True, timeout=60, check=True, cwd="/"
                ).stdout
                found = json.loads(shown)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                tried.append(f"{candidate} ({error})")
                continue
            inside = (*found["library"], *found["packages"])
            outer = tuple(name for name in found["libraries"] if not name.startswith(inside))
            held = Interpreter(
                found["executable"], found["version"], tuple(found["library"]), tuple(found["packages"]), outer
            )
            paths = (held.executable, *held.library, *held.libraries)
            closed = [path for path in paths if not readable(path) or path.startswith(COVERED)]
            if not closed:
                return held
            tried.append(f"{candidate} (out of the sandbox's reach: {closed[0]})")
        else:
            tried.append(f"{candidate} (not for others to read)")
    raise EngineError(f"no Python for the sandbox: {'; '.join(tried)}; apt-get install python3")


def command(python: Interpreter, names: Sequence[str] = ()) -> list[str]:
    """bubblewrap's command, up to the program that it runs. `seccomp` and mode follow as arguments of the zygote.

    `names` are programs of the host that are there too (arcmill.sandbox.programs). Raises EngineError where one cannot be had.
    """
    made = [
        shutil.which("bwrap") or "bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent",
        "--new-session", "--clearenv", "--hostname", "sandbox", "--uid", str(NOBODY), "--gid", str(NOBODY),
        # For the zygote, in its own user namespace only, to divide it; a program has no capability.
        "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP",
    ]  # fmt: skip
    for name, value in ENVIRONMENT.items():
        made += ["--setenv", name, value]
    for path in (*python.library, python.executable, *python.libraries):
        made += ["--ro-bind", path, path]
    if names:
        made += binds(programs(names), python.executable, (*python.library, python.executable, *python.libraries))
    for path in python.packages:
        if path.startswith(python.library) and os.path.isdir(path):
            made += ["--tmpfs", path, "--remount-ro", path]
    for path in ("/etc/ld.so.cache", "/usr/share/zoneinfo"):
        made += ["--ro-bind-try", path, path]
    made += ["--dir", "/dev", "--symlink", "/tmp", "/dev/shm"]
    for device in ("null", "zero", "full", "random", "urandom"):
        made += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return [*made, "--proc", "/proc", "--dir", "/tmp", "--remount-ro", "/", "--chdir", "/"]


def sources(modules: Mapping[str, str]) -> str:
    """`modules`, then those of `inside`, each after those that it imports."""
    names = ("kernel", "confine", "watch", "zygote")
    own = {f"arcmill.sandbox.inside.{name}": (INSIDE / f"{name}.py").read_text(encoding="utf-8") for name in names}
    return json.dumps({**modules, **own})


@dataclass(slots=True)
class Zygote:
    """A running sandbox and the socket to it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    served: int = 0

    def end(self) -> str:
        """Kill it, with all that runs in it; what it wrote to its stderr."""
        self.connection.close()
        self.process.kill()
        stderr = self.process.stderr
        assert stderr is not None
        if stderr.closed:
            return ""
        with stderr:
            os.set_blocking(stderr.fileno(), False)
            said = stderr.read() or b""
        self.process.wait()
        return said.decode("utf-8", "replace").strip()


def begin(unsafe: bool, number: int, modules: Mapping[str, str], names: Sequence[str] = ()) -> Zygote:
    """Start a zygote; `number` tells those of this process apart, `modules` are loaded in it, `names` are programs in it.

    bubblewrap dies with the thread that starts it (PR_SET_PDEATHSIG), so that thread must stay. Raises EngineError where it
    does not come up.
    """
    if unsafe:
        argv = [sys.executable, "-I", "-B", "-c", BOOT, "unsafe", "", sources(modules)]
    else:
        machine = platform.machine()
        if machine not in MACHINES:
            raise EngineError(f"no sandbox on {machine}: system calls are known for {', '.join(MACHINES)}")
        held = interpreter()
        seccomp = filter_program(machine).hex()
        within = command(held, names)
        argv = [*within, "--", held.executable, "-I", "-B", "-c", BOOT, "isolated", seccomp, sources(modules)]
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            zygote = Zygote(_popen(argv, theirs, None if unsafe or os.geteuid() != 0 else number), ours)
        except (OSError, subprocess.SubprocessError) as error:
            ours.close()
            raise EngineError(f"the sandbox cannot be begun: {error}") from None
    ours.settimeout(60)
    try:
        greeting = ours.recv(1)
    except OSError:
        greeting = b""
    if greeting != b"+":
        raise EngineError(f"the sandbox does not come up: {_first_line(zygote.end())}")
    return zygote


def _popen(argv: list[str], stdin: socket.socket, number: int | None) -> subprocess.Popen[bytes]:
    """Without anything of this process's environment, which may hold keys.

    Given a number (as root) under a user of its own: limits on processes do not hold for root, whatever it is called inside.
    Where another user cannot be had, as root of a container that maps no other, the probe tells whether they hold.
    """
    streams = {"stdin": stdin, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": "/", "env": ENVIRONMENT}
    streams["start_new_session"] = True  # Ctrl-C is for arcmill, whose end is theirs
    if number is not None:
        uid = FIRST_UID + (os.getpid() * 64 + number % 64) % UIDS
        with contextlib.suppress(OSError):
            return subprocess.Popen(argv, **streams, user=uid, group=uid, extra_groups=[])  # type: ignore[call-overload, no-any-return]
    return subprocess.Popen(argv, **streams)  # type: ignore[call-overload, no-any-return]


def _first_line(text: str) -> str:
    lines: Iterator[str] = iter(text.splitlines())
    return next(lines, "no word from it")
