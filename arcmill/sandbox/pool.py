"""A pool of sandboxes that runs programs from any thread."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence

from arcmill.errors import EngineError
from arcmill.sandbox.exchange import exchange, request
from arcmill.sandbox.limits import Limits, Ran
from arcmill.sandbox.places import Places
from arcmill.sandbox.probe import available
from arcmill.sandbox.starter import start

SERVED = 2000  # programs after which a sandbox is begun anew


class Sandbox:
    """Runs Python programs, at most `workers` at once, each apart from the host and from all others.

    Thread-safe. Programs wait for a free place in the order that they came; each has a wall limit, so none waits for ever. Close it, or use it as
    a context; a process that dies, however, leaves nothing behind. `unsafe` runs them without a sandbox, with limits only.
    `modules` (name -> source, standard library only, each after those that it imports) are loaded once, for programs to import:
    trusted code, since it runs before a program is confined. `programs` are names of the host's programs (sh, grep) that are there
    read-only, at /usr/bin, with python3; there is no unsafe way to run them.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        workers: int | None = None,
        unsafe: bool = False,
        modules: Mapping[str, str] | None = None,
        programs: Sequence[str] = (),
    ) -> None:
        if unsafe and programs:
            raise EngineError("programs of the host are run in a sandbox only; unsafe=true cannot hold them")
        self.limits = limits or Limits()
        self.workers = workers or os.cpu_count() or 1
        self.unsafe = unsafe
        self.modules = dict(modules or {})
        self.programs = tuple(programs)
        self._open()

    def _open(self) -> None:
        self._owner = os.getpid()
        self._places = Places(self.workers)
        self._finalizer = weakref.finalize(self, _end_all, self._places, self._owner)

    def run(
        self,
        program: str,
        stdin: bytes | str = b"",
        files: Mapping[str, bytes] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run `program` as a script in a folder of its own that holds `files` (names relative to it).

        Raises EngineError where a sandbox cannot be had or died, ValueError for a file's name.
        """
        if not self.unsafe:
            state = available()
            if not state:
                raise EngineError(
                    f"generated code needs a sandbox, and there is none: {state.found}. Mend it ({state.mend}), or run it "
                    "as yourself, with your files and network, by unsafe=true"
                )
        if self._owner != os.getpid():  # after a fork: the sandboxes are the parent's
            self._finalizer.detach()
            self._open()
        asked = request(program, stdin, files or {}, limits or self.limits)
        places = self._places
        zygote = places.get()
        healthy = False
        try:
            if zygote is not None and (zygote.served >= SERVED or zygote.process.poll() is not None):
                zygote.end()
                zygote = None
            if zygote is None:
                zygote = start(self.unsafe, self.modules, self.programs)
            ran = exchange(zygote, asked, (limits or self.limits).wall)
            healthy = ran is not None
            # Not even its supervisor answered: the whole sandbox is ended.
            return ran or Ran(-9, b"", b"", (limits or self.limits).wall, stopped="time")
        finally:
            if not healthy and zygote is not None:
                zygote.end()
            places.put(zygote if healthy else None)

    def close(self) -> None:
        """End the idle sandboxes; one in use ends when it is given back, and a later run begins a new one."""
        self._finalizer()
        self._open()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _end_all(places: Places, owner: int) -> None:
    if os.getpid() == owner:
        places.close()
