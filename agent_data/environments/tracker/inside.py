"""Runs in the sandbox, with the standard library alone: the repository's files laid out, and a command, its tests or probes run.

A request comes on stdin as JSON, and one JSON object goes out on stdout. What runs beside it is another process, which holds
neither of the two.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import traceback
import unittest
from typing import Any

ROOT = "/tmp/repo"
STAMP = 1767603600  # every file's time: 2026-01-05 09:00 UTC
ENVIRONMENT = {
    "PATH": "/usr/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "80",
    "TIME_STYLE": "+2026-01-05 09:00", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}  # fmt: skip
MOST_OUTPUT = 256 << 10  # bytes of a command's output; more is beyond its limits
MOST_STARTED = 128  # processes and threads that a command may start in all: fewer than may be there at once, so that no
# command is ever refused one, which would be told in words that chance decides
LARGEST_FILE, LARGEST_TREE = 256 << 10, 2 << 20  # bytes
MOST_FILES = 500

# Addresses are the same in each run of a command (ADDR_NO_RANDOMIZE): the order of a set of types goes by them.
ctypes.CDLL(None).personality(0x0040000)


def main() -> None:
    """Answer the one request on stdin."""
    request = json.loads(sys.stdin.buffer.read())
    given = {name: base64.b64decode(text) for name, text in request["files"].items()}
    lay_out(given)
    kind = request["kind"]
    if kind == "shell":
        found = shell(request["command"], given, request["cpu"])
    elif kind == "tests":
        found = apart(lambda say: run_tests(request["only"], say))
    else:
        found = apart(lambda say: run_probes(request["probes"], say))
    sys.stdout.buffer.write(json.dumps(found).encode())
    sys.stdout.buffer.flush()


# Files


def lay_out(files: dict[str, bytes]) -> None:
    """The tree at ROOT. Entries are made in the order in which this kernel's folders list them sorted, so that `find` and
    `grep -r` say the same everywhere."""
    os.mkdir("/tmp/.order")
    for name in ("a", "b"):
        open(f"/tmp/.order/{name}", "w").close()
    backwards = os.listdir("/tmp/.order") == ["b", "a"]
    for name in ("a", "b"):
        os.unlink(f"/tmp/.order/{name}")
    os.rmdir("/tmp/.order")
    tree: dict[str, Any] = {}
    for path, data in files.items():
        *folders, last = path.split("/")
        here = tree
        for folder in folders:
            here = here.setdefault(folder, {})
        here[last] = data
    os.mkdir(ROOT)
    _lay(ROOT, tree, backwards)
    os.chdir(ROOT)


def _lay(folder: str, tree: dict[str, Any], backwards: bool) -> None:
    for name in sorted(tree, key=os.fsencode, reverse=backwards):
        path = f"{folder}/{name}"
        if isinstance(tree[name], dict):
            os.mkdir(path)
            _lay(path, tree[name], backwards)
        else:
            with open(path, "wb") as file:
                file.write(tree[name])
            os.utime(path, (STAMP, STAMP))
    os.utime(folder, (STAMP, STAMP))


def collect(given: dict[str, bytes]) -> dict[str, Any]:
    """What became of the tree: `changed` (path -> base64), `removed`, `left_out` (what is no plain file, or has a name
    that is no text), or `beyond` where it is too large."""
    found: dict[str, bytes] = {}
    left_out: list[str] = []
    if not stat.S_ISDIR(os.lstat(ROOT).st_mode if os.path.lexists(ROOT) else 0):
        return {"changed": {}, "removed": sorted(given), "left_out": []}
    size = 0
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        inner = f"{ROOT}/{folder}"
        with contextlib.suppress(OSError):
            os.chmod(inner, 0o700)
        for name in sorted(os.listdir(inner), key=os.fsencode):
            path = f"{folder}{name}"
            mode = os.lstat(f"{ROOT}/{path}").st_mode
            if not _plain(name):
                left_out.append(ascii(path))
            elif stat.S_ISDIR(mode):
                if name != "__pycache__":
                    waiting.append(f"{path}/")
            elif stat.S_ISREG(mode):
                length = os.lstat(f"{ROOT}/{path}").st_size
                size += length
                if length > LARGEST_FILE or size > LARGEST_TREE or len(found) >= MOST_FILES:
                    return {"beyond": "files"}
                os.chmod(f"{ROOT}/{path}", 0o600)
                with open(f"{ROOT}/{path}", "rb") as file:
                    found[path] = file.read()
            else:
                left_out.append(path)
    changed = {path: data for path, data in sorted(found.items()) if given.get(path) != data}
    return {
        "changed": {path: base64.b64encode(data).decode() for path, data in changed.items()},
        "removed": sorted(set(given) - set(found)),
        "left_out": sorted(left_out),
    }


def _plain(name: str) -> bool:
    return name.isprintable() and "\\" not in name


# A command


def shell(command: str, given: dict[str, bytes], cpu: float) -> dict[str, Any]:
    """Run by /bin/sh until all of its processes have ended. `beyond` says that it went past a limit: nothing else is told of
    it then, since chance decides how far it came."""
    first = _next_pid()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with theirs:
        out = theirs.fileno()
        argv = ["/bin/sh", "-c", command]
        ran = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, env=ENVIRONMENT)
    said, looked = _listen(ours, first)
    if said is None:
        _end_all()
        return {"beyond": "output or processes"}
    status = ran.wait()
    while _others():  # what has closed its output and works on
        time.sleep(0.01)
    if _next_pid() - first - looked - 1 > MOST_STARTED:
        return {"beyond": "processes"}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if used.ru_utime + used.ru_stime > cpu - 0.5:  # on a busy machine the limit on time would have come first
        return {"beyond": "time"}
    return {"status": status, "output": base64.b64encode(_in_order(said, ran.pid)).decode(), **collect(given)}


def _listen(ours: socket.socket, first: int) -> tuple[list[tuple[int, bytes]] | None, int]:
    """(writer, bytes) as they came, and how many process numbers the counting took; None where a limit was passed."""
    said: list[tuple[int, bytes]] = []
    size = looked = 0
    due = time.monotonic() + 0.2
    while True:
        if not select.select([ours], [], [], 0.1)[0]:
            piece = None
        else:
            piece, extra, _, _ = ours.recvmsg(1 << 16, socket.CMSG_SPACE(12))
            if not piece:
                return said, looked
            writer = struct.unpack("iii", extra[0][2])[0] if extra else 0
            size += len(piece)
            said.append((writer, piece))
        if size > MOST_OUTPUT:
            return None, looked
        if time.monotonic() >= due:
            due = time.monotonic() + 0.1
            looked += 1
            if _next_pid() - first - looked > MOST_STARTED:
                return None, looked


def _in_order(said: list[tuple[int, bytes]], main: int) -> bytes:
    """What the processes of one pipeline said, one after the other, as they were begun: they run side by side, and chance
    decides which of them speaks first. What the shell itself says stands between what its commands say."""
    made: list[bytes] = []
    held: list[tuple[int, bytes]] = []
    for writer, piece in [*said, (main, b"")]:
        if writer == main:
            made += [one for _, one in sorted(held, key=lambda pair: pair[0])]
            held = []
            made.append(piece)
        else:
            held.append((writer, piece))
    return b"".join(made)


def _next_pid() -> int:
    """The number of a process begun now: numbers are given in order, so two of them tell how many were begun between.
    Where there is no room for one, a number beyond every limit."""
    try:
        child = os.fork()
    except OSError:
        return 1 << 30
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def _others() -> bool:
    try:
        os.kill(-1, 0)
    except ProcessLookupError:
        return False
    return True


def _end_all() -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


# Tests and probes, in a process of their own


def apart(work: Any) -> dict[str, Any]:
    """Run work(say) in a child; the lines that it said, and whether it came to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        sys.path.insert(0, ROOT)
        sys.argv = ["tests"]
        with os.fdopen(writing, "w", encoding="utf-8") as out:

            def say(line: Any) -> None:
                out.write(json.dumps(line) + "\n")
                out.flush()

            try:
                work(say)
                say({"end": True})
            except BaseException as error:
                say({"broken": type(error).__name__})
            os._exit(0)
    os.close(writing)
    data = bytearray()
    while len(data) < 1 << 20:
        piece = os.read(reading, 1 << 16)
        if not piece:
            break
        data += piece
    os.close(reading)
    _end_all()
    os.waitpid(child, 0)
    lines: list[Any] = []
    for line in bytes(data).split(b"\n"):
        with contextlib.suppress(ValueError):
            if line:
                lines.append(json.loads(line))
    return {"lines": lines}


class _Results(unittest.TestResult):
    def __init__(self, say: Any) -> None:
        super().__init__()
        self.say = say

    def _tell(self, test: Any, outcome: str, error: Any = None) -> None:
        told: list[str] = []
        if error is not None:
            kind, value, trace = error
            places = [frame for frame in traceback.extract_tb(trace) if frame.filename.startswith(f"{ROOT}/")]
            for frame in places[-3:]:
                told.append(f"{frame.filename[len(ROOT) + 1 :]}:{frame.lineno}: {frame.line}")
            told.append(f"{kind.__name__}: {value}"[:400])
        self.say({"test": test.id(), "outcome": outcome, "told": told})

    def addSuccess(self, test: Any) -> None:
        self._tell(test, "ok")

    def addFailure(self, test: Any, err: Any) -> None:
        self._tell(test, "failed", err)

    def addError(self, test: Any, err: Any) -> None:
        self._tell(test, "failed", err)

    def addSkip(self, test: Any, reason: str) -> None:
        self._tell(test, "skipped")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._tell(test, "failed", err)


def run_tests(only: str, say: Any) -> None:
    """Those of tests/, or of one module in it."""
    loader = unittest.TestLoader()
    suite = loader.discover("tests", pattern=f"{only}.py" if only else "test_*.py", top_level_dir=ROOT)
    suite.run(_Results(say))


def run_probes(probes: list[list[str]], say: Any) -> None:
    """What each expression gives in its module: a digest of its value, or the kind of its exception."""
    import importlib

    for number, (module, expression) in enumerate(probes):
        try:
            names = vars(importlib.import_module(module))
            value = eval(expression, dict(names))
            told = hashlib.sha256(f"{type(value).__name__} {value!r}".encode("utf-8", "replace")).hexdigest()[:16]
        except Exception as error:
            told = f"raises {type(error).__name__}"
        say([number, told])
