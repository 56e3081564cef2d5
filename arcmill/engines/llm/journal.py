"""The journal: every answer that was paid for, under a digest of everything that decides it (DESIGN section 7).

A SQLite file in write-ahead mode: an answer that `put` has returned for survives a SIGKILL of its writer (not a power cut,
which may take the last ones, never the file). One process at a time holds a journal, by a lock that dies with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from arcmill.engines.llm.wire import decode, encode_answer

FILE, LOCK = "answers.sqlite", "lock"
DRAINING = "draining"


class JournalInUse(Exception):
    """Another process holds the journal; `state` is what it wrote of itself."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def request_key(body: Mapping[str, Any]) -> bytes:
    """SHA-256 of the request's body, in one canonical form."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).digest()


def no_room(error: Exception) -> str:
    """What is said where SQLite could not write, which it tells of a full disk in several ways; "" for other errors."""
    if getattr(error, "sqlite_errorname", "").startswith(
        ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
    ):
        return (
            f"cannot be written, no space left on device or one that fails ({error}); what was answered before is kept, run the same "
            "command again once there is room"
        )
    return ""


class Journal:
    """Answers by key. Raises JournalInUse where another process holds it, OSError where the folder cannot be used."""

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        self._take(patience)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.close()
            raise OSError(f"{folder / FILE}: {no_room(error) or f'not a journal ({error})'}") from None

    def _take(self, patience: float) -> None:
        """A holder that is going (its run was killed) is waited for; any other one is given two seconds to die."""
        started = time.monotonic()
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                state = os.pread(self._lock, 200, 0).decode("ascii", "replace")
                if time.monotonic() - started > (patience if DRAINING in state else min(patience, 2.0)):
                    os.close(self._lock)
                    raise JournalInUse(state) from None
                time.sleep(0.05)
                continue
            self.say("held")
            return

    def say(self, state: str) -> None:
        """Tell others that find the journal locked what its holder does."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{state} by process {os.getpid()}\n".encode("ascii"), 0)

    def _open(self) -> None:
        self._base = sqlite3.connect(self.folder / FILE, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL)")

    def get(self, key: bytes) -> dict[str, Any] | None:
        """The answer to a request, or None."""
        row = self._base.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else decode(row[0])

    def put(self, key: bytes, answer: Mapping[str, Any]) -> None:
        """Keep an answer; the first one of a key stays."""
        self.put_all([(key, answer)])

    def put_all(self, answers: Sequence[tuple[bytes, Mapping[str, Any]]]) -> None:
        """Keep several answers at once, or none of them."""
        rows = [(key, encode_answer(answer).decode()) for key, answer in answers]
        self._base.execute("BEGIN")
        try:
            self._base.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    def __len__(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Let the lock go. All answers are on their way to the disk already."""
        base = getattr(self, "_base", None)
        if base is not None:
            base.close()
        os.close(self._lock)
