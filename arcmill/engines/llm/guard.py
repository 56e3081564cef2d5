"""A small parent for a server: when the process that wanted the server is gone, however it went, the server goes too.

`python -I -S guard.py COMMAND…`, with a pipe as its standard input. The pipe ends when the other end's process does, also
by `kill -9`; then, or at SIGTERM, or when the server ends by itself, everything that the server began is ended: first the
server is asked (SIGTERM), after `GRACE` seconds all are killed. vLLM's engine processes would otherwise keep the GPU. Uses
nothing but the standard library, so it starts in some milliseconds and holds little memory.

A server that speaks over its standard input has the pipe elsewhere: `guard.py --life FD [--grace SECONDS] [--remove FOLDER]
[--data BYTES] [--file BYTES] COMMAND…` leaves the three standard streams to it. `--remove`: a folder that goes with the
server; `--data`, `--file`: most memory of a process of the server, and largest file that it may write.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time

GRACE = 10.0  # seconds between the request to end and the kill
_PDEATHSIG, _CHILD_SUBREAPER = 1, 36  # prctl's options (linux/prctl.h)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the pipe alone must do
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """All processes below `root` that live, from /proc: those that made a session of their own, too."""
    parents: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:  # not Linux: `main` kills the server's group
        return []
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                after = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if after[0] not in (b"Z", b"X"):
            parents.setdefault(int(after[1]), []).append(int(name))
    found: list[int] = []
    ahead = [root]
    while ahead:
        below = parents.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def _send(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _options(words: list[str]) -> dict[str, str]:
    """The leading options, which are taken off `words`."""
    found = {}
    while words and words[0] in ("--life", "--grace", "--remove", "--data", "--file"):
        name = words.pop(0)[2:]
        found[name] = words.pop(0)
    return found


def main() -> None:
    """Run the command; end with its status (128 + the number of the signal that killed it)."""
    command = sys.argv[1:]
    options = _options(command)
    life = int(options.get("life", 0))
    limits = [(resource.RLIMIT_DATA, options.get("data")), (resource.RLIMIT_FSIZE, options.get("file"))]

    def confine() -> None:  # should this process be killed: it has one thread
        _prctl(_PDEATHSIG, signal.SIGKILL)
        for kind, most in limits:
            if most is not None:
                resource.setrlimit(kind, (int(most), int(most)))

    # Orphans of the server become children of this process, so that none is out of sight.
    _prctl(_CHILD_SUBREAPER, 1)
    asked: list[int] = []
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: asked.append(got))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if life == 0 else None,
        start_new_session=True,
        preexec_fn=confine,
    )
    while server.poll() is None and not asked:
        ready = select.select([life, wake], [], [])[0]
        if wake in ready:
            os.read(wake, 1024)
        if life in ready and not os.read(life, 1024):
            asked.append(signal.SIGTERM)
    if server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(float(options.get("grace", GRACE)))
    deadline = time.monotonic() + 5
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        _send(left, signal.SIGKILL)
        time.sleep(0.02)
        server.poll()
        _reap()
    if not os.path.isdir("/proc"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, signal.SIGKILL)
    if "remove" in options:
        from shutil import rmtree  # some milliseconds

        rmtree(options["remove"], ignore_errors=True)
    status = server.poll()
    sys.exit(128 - status if status is not None and status < 0 else status or 0)


if __name__ == "__main__":
    main()
