"""One run at a time on one output.

On a local filesystem the kernel keeps the lock, and it dies with its process. An object store has no such thing: there the
lock is an object, `_staging/lock`, which only one run can make (a PUT with `If-None-Match: *`). Its holder renews it every
`RENEW` seconds, and one that is not renewed for `LEASE` seconds is taken over (by a PUT with `If-Match`, which one alone wins).
No clock of another machine is trusted: who waits, watches whether the object changes. A dead process of this very machine is
known at once. A holder that lost its lock (suspended, cut off) learns of it before it commits, and stops.

What is not proved by this: a holder that is suspended between its last look at the lock and the manifest's PUT, longer than
`LEASE`, may still put its manifest. Only one manifest can be made, though, and it names parts by checksum: `arcmill verify`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from arcmill.errors import EngineError, InputError, UsageError
from arcmill.storage import is_local

RENEW, LEASE = 10.0, 60.0  # seconds
NAME = "lock"


@contextlib.contextmanager
def locked(filesystem: Any, staging: str, output: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of an output. Yields a function that raises EngineError where the lock was lost meanwhile.

    Raises UsageError where another run holds it.
    """
    if is_local(filesystem):
        import fcntl

        while True:
            os.makedirs(staging, exist_ok=True)
            with open(f"{staging}/{NAME}", "w", encoding="ascii") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise _held(output) from None
                if not _lies_at(handle.fileno(), f"{staging}/{NAME}"):
                    continue  # it was the lock of a run that ended just now, and removed it
                yield lambda: None
                return
    lease = _Lease(filesystem, f"{staging}/{NAME}", output)
    lease.acquire()
    try:
        yield lease.check
    finally:
        lease.release()


def _lies_at(handle: int, path: str) -> bool:
    """Whether an open file is still the one at this path."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(path))
    return False


def _held(output: str) -> UsageError:
    return UsageError(f"output {output}: another run is writing it now; wait for it, or name another")


def _this_process() -> dict[str, Any]:
    return {"machine": _machine(), "process": os.getpid(), "began": _began(os.getpid())}


def _machine() -> str:
    """The boot and the space of process numbers that ours means something in; no name of a host."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return f"{stream.read().strip()}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return uuid.uuid4().hex  # never another's


def _began(process: int) -> str | None:
    """When a process began, in ticks since the boot; None where there is none."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:
            told = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if told[0] == "Z" else told[19]


class _Lease:
    def __init__(self, filesystem: Any, path: str, output: str) -> None:
        self.filesystem, self.path, self.output = filesystem, path, output
        self.token, self.beat = uuid.uuid4().hex, 0
        protocol = filesystem.protocol
        self.matches = bool({"s3", "s3a"} & set((protocol,) if isinstance(protocol, str) else protocol))
        self.etag: str | None = None
        self.lost = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Make the lock, or take over one whose holder is dead."""
        seen: dict[str, Any] | None = None
        since = time.monotonic()
        while not self._make():
            etag = self._etag()  # asked for before the content: if that is newer, the exchange below fails
            holder = self._read()
            if holder is None:
                continue
            if holder.get("token") == self.token:  # made by our own PUT, whose answer was lost
                self.etag = etag
                break
            here = holder.get("machine") == _machine()
            dead = here and _began(int(holder.get("process", 0))) != holder.get("began")
            if holder != seen:
                if (here and not dead) or (seen is not None and holder.get("token") == seen.get("token")):
                    raise _held(self.output)
                seen, since = holder, time.monotonic()
                if not dead:
                    print(f"output {self.output}: a run on another machine holds it; watching for "
                          f"{LEASE:g} s whether it lives", file=sys.stderr)  # fmt: skip
            if (dead or time.monotonic() - since > LEASE) and self._take_over(etag):
                break
            if not dead:
                time.sleep(min(RENEW / 2, LEASE / 4))
        self._thread = threading.Thread(target=self._renew, daemon=True, name="lock")
        self._thread.start()

    def check(self) -> None:
        """Raises EngineError where another run took the lock over."""
        if not self.lost:
            holder = self._read()
            self.lost = holder is None or holder.get("token") != self.token
        if self.lost:
            raise EngineError(f"output {self.output}: another run took it over; nothing was committed by this one")

    def release(self) -> None:
        """Remove the lock, if it is still ours."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(Exception):  # what stays behind is taken over by the next run
            holder = self._read()
            if holder is not None and holder.get("token") == self.token:
                self.filesystem.rm_file(self.path)

    def _content(self) -> bytes:
        return json.dumps({"token": self.token, "beat": self.beat, **_this_process()}).encode()

    def _make(self) -> bool:
        try:
            made = self.filesystem.pipe_file(self.path, self._content(), mode="create")
        except FileExistsError:
            return False
        except (FileNotFoundError, PermissionError) as error:  # of S3: a bucket that is not there, or is another's
            raise InputError(f"output {self.output}: cannot be written ({error})") from None
        self.etag = made.get("ETag") if isinstance(made, dict) else None
        try:
            made = self.filesystem.pipe_file(self.path, self._content(), mode="create")
        except FileExistsError:
            return True
        self.etag = made.get("ETag") if isinstance(made, dict) else None
        print(f"output {self.output}: this storage makes no lock (it ignores If-None-Match): "
              "see that no second run writes it", file=sys.stderr)  # fmt: skip
        return True

    def _read(self) -> dict[str, Any] | None:
        try:
            holder = json.loads(self.filesystem.cat_file(self.path))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return holder if isinstance(holder, dict) else {}

    def _etag(self) -> str | None:
        if not self.matches:
            return None
        try:
            return str(self.filesystem.info(self.path)["ETag"])
        except FileNotFoundError:
            return None

    def _take_over(self, etag: str | None) -> bool:
        if not self.matches:
            with contextlib.suppress(FileNotFoundError):
                self.filesystem.rm_file(self.path)
            return False  # made in the next turn, by one of those who are here
        if etag is None:
            return False
        return self._exchange(etag)

    def _exchange(self, etag: str) -> bool:
        """Put our content where the object is still the one that we saw."""
        try:
            made = self.filesystem.pipe_file(self.path, self._content(), IfMatch=etag)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EEXIST) or isinstance(error, FileExistsError):
                return False
            raise
        self.etag = made.get("ETag")
        return True

    def _renew(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(RENEW):
            self.beat += 1
            try:
                if self.matches and self.etag is not None:
                    held = self._exchange(self.etag)
                    if not held:  # an answer that was lost looks the same as a lock that was
                        etag, holder = self._etag(), self._read()
                        held = holder is not None and holder.get("token") == self.token
                        self.etag = etag
                else:
                    holder = self._read()
                    held = holder is not None and holder.get("token") == self.token
                    if held:
                        self.filesystem.pipe_file(self.path, self._content())
            except Exception:  # of the network: tried again, until the lease is half over
                held = time.monotonic() - renewed < LEASE / 2
            else:
                renewed = time.monotonic()
            if not held:
                self.lost = True
                return
