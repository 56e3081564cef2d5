"""The one thread that starts sandboxes."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from arcmill.sandbox.launch import Zygote, begin


class _Starter:
    """bubblewrap dies with the thread that began it, so that thread stays."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.begun = 0
        self._asked: SimpleQueue[tuple[bool, Mapping[str, str], Sequence[str], Future[Zygote]]] = SimpleQueue()
        threading.Thread(target=self._serve, name="arcmill-sandbox", daemon=True).start()

    def begin(self, unsafe: bool, modules: Mapping[str, str], names: Sequence[str]) -> Zygote:
        future: Future[Zygote] = Future()
        self._asked.put((unsafe, modules, names, future))
        return future.result()

    def _serve(self) -> None:
        while True:
            unsafe, modules, names, future = self._asked.get()
            self.begun += 1
            try:
                future.set_result(begin(unsafe, self.begun, modules, names))
            except BaseException as error:
                future.set_exception(error)


_lock = threading.Lock()
_starter: _Starter | None = None


def start(unsafe: bool, modules: Mapping[str, str], names: Sequence[str] = ()) -> Zygote:
    """As `launch.begin`, in that thread."""
    global _starter
    with _lock:
        if _starter is None or _starter.owner != os.getpid():
            _starter = _Starter()
        starter = _starter
    return starter.begin(unsafe, modules, names)


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
