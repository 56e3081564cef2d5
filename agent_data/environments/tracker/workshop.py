"""The sandbox in which a repository's files meet programs: shell commands, its tests, and the probes of its behaviour.

Each run stands for itself: the files go in, and what it gives comes out. What it gives is the same bytes wherever and whenever
it is run, or the run is said to have gone beyond its limits.
"""

from __future__ import annotations

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from agent_data.environments.environment import EpisodeLost, canonical
from agent_data.environments.tracker.faults import probes
from arcmill.errors import EngineError
from arcmill.sandbox import Limits, Sandbox, available
from arcmill.sandbox.programs import mend, missing

PROGRAMS = (
    "sh", "ls", "cat", "grep", "sed", "head", "tail", "wc", "sort", "uniq", "cut", "tr", "diff", "find", "xargs", "mkdir",
    "touch", "cp", "mv", "rm",
)  # fmt: skip
LIMITS = Limits(
    wall=20, cpu=5, memory=512 << 20, processes=256, output=6 << 20, file_size=4 << 20, tmp=32 << 20, inodes=2000,
    open_files=256,
)  # fmt: skip
BEYOND = (
    "[the command went beyond its limits of time, memory, processes, output or files, or ended its own session; "
    "its output and its changes are dropped]"
)
HEAD, TAIL = 8000, 4000  # characters of an output that are shown
KEPT = 256  # results of tests and probes
_TIMED = (
    (re.compile(r"(Ran \d+ tests? in )\d+\.\d+s"), r"\g<1>0.000s"),
    (re.compile(r"(\bat 0x)[0-9a-f]{6,16}\b"), r"\g<1>7f0000000000"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}\b"), "2026-01-05 09:00:00.000000000"),
    (re.compile(r"\b\d+m\d+\.\d+s\b"), "0m0.000s"),
)

File = str | dict[str, str]  # text, or {"base64": …} of what is none


@dataclass(frozen=True, slots=True)
class Shelled:
    """What a command gave. `files` is the tree after it; None where it went beyond its limits, and nothing is kept."""

    text: str
    files: dict[str, File] | None


@dataclass(slots=True)
class Workshop:
    """Thread-safe. Nothing is begun before the first run; `check` says whether one can be."""

    _sandbox: Sandbox | None = None
    _known: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def check(self) -> None:
        """Raises EngineError where there is no sandbox here, or a program that it needs is missing."""
        state = available()
        if not state:
            raise EngineError(
                f"the tracker runs programs in a sandbox, and there is none: {state.found}. Mend it ({state.mend}), or open the "
                "tracker without its shell and tests: {factory: agent_data.environments.tracker:environment, with: {shell: false}}"
            )
        if lacking := missing(PROGRAMS):
            raise EngineError(f"the tracker's shell lacks {', '.join(lacking)}: {mend(lacking)}")

    def _held(self) -> Sandbox:
        with self._lock:
            if self._sandbox is None:
                inside = Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
                self._sandbox = Sandbox(LIMITS, modules={"repository_inside": inside}, programs=PROGRAMS)
            return self._sandbox

    def close(self) -> None:
        """End the sandboxes; a later run begins new ones."""
        with self._lock:
            if self._sandbox is not None:
                self._sandbox.close()

    def shell(self, files: Mapping[str, File], command: str) -> Shelled:
        """Run a command by sh in the repository's folder."""
        found = self._run(files, {"kind": "shell", "command": command, "cpu": LIMITS.cpu})
        if found is None or "beyond" in found:
            return Shelled(BEYOND, None)
        after = {path: file for path, file in files.items() if path not in found["removed"]}
        after.update({path: _file(base64.b64decode(text)) for path, text in found["changed"].items()})
        output = shown(base64.b64decode(found["output"]))
        notes = []
        if found["status"]:
            notes.append(f"[exit {found['status'] if found['status'] > 0 else 128 - found['status']}]")
        for word, paths in (
            ("changed", found["changed"]),
            ("removed", found["removed"]),
            ("not kept", found["left_out"]),
        ):
            if paths:
                notes.append(f"[{word}: {_listed(paths)}]")
        if not output and not notes:
            notes = ["[no output]"]
        text = "\n".join([*([output.rstrip("\n")] if output else []), *notes])
        return Shelled(text, dict(sorted(after.items())))

    def tests(self, files: Mapping[str, File], only: str = "") -> dict[str, Any]:
        """What the repository's tests say, or those of one module in tests/: counts, and what failed."""
        key = f"tests {only} {digest(files)}"
        if (known := self._get(key)) is not None:
            return dict(known)
        found = self._run(files, {"kind": "tests", "only": only})
        lines = found["lines"] if found else []
        ended = bool(lines) and "end" in lines[-1]
        tests = [line for line in lines if isinstance(line, dict) and "test" in line]
        failed = [{"test": line["test"], "told": line["told"]} for line in tests if line["outcome"] == "failed"]
        made: dict[str, Any] = {
            "tests": len(tests), "passed": sum(line["outcome"] == "ok" for line in tests), "failed": len(failed),
            "failures": failed,
        }  # fmt: skip
        if not ended:
            made = {
                "tests": 0,
                "passed": 0,
                "failed": 0,
                "failures": [],
                "ended_early": "the tests did not come to their end",
            }
        return dict(self._put(key, json.loads(_steady(json.dumps(made)))))

    def behaviour(self, files: Mapping[str, File], package: str, modules: list[str]) -> dict[str, str]:
        """Module -> a digest of what its functions give for fixed arguments: two that say the same do the same, as far as tried."""
        own = {path: file for path, file in files.items() if path.startswith(f"{package}/")}
        key = f"behaviour {digest(own)}"
        if (known := self._get(key)) is not None:
            return dict(known)
        asked = [[f"{package}.{module}", expression] for module in modules for expression in probes()[module]]
        found = self._run(own, {"kind": "probe", "probes": asked})
        lines = found["lines"] if found else []
        # What did not come to its end counts as a whole: how far it came by its time may differ.
        told = {line[0]: line[1] for line in lines if isinstance(line, list)} if lines and "end" in lines[-1] else {}
        made: dict[str, list[str]] = {module: [] for module in modules}
        for number, (module, _) in enumerate(asked):
            made[module.partition(".")[2]].append(told.get(number, "unfinished"))
        digests = {module: sha256(canonical(results)).hexdigest() for module, results in made.items()}
        return dict(self._put(key, digests))

    def _run(self, files: Mapping[str, File], request: dict[str, Any]) -> dict[str, Any] | None:
        """None where the program was stopped, or said nothing that can be read. Raises EpisodeLost."""
        given = {path: _base64(file) for path, file in files.items()}
        try:
            ran = self._held().run(
                "import repository_inside; repository_inside.main()", json.dumps({**request, "files": given})
            )
        except EngineError as error:
            raise EpisodeLost("sandbox", str(error)) from None
        if ran.stopped is not None or ran.exit != 0:
            return None
        try:
            found = json.loads(ran.stdout)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _get(self, key: str) -> Any:
        with self._lock:
            return self._known.get(key)

    def _put(self, key: str, value: Any) -> Any:
        with self._lock:
            while len(self._known) >= KEPT:
                self._known.popitem(last=False)
            self._known[key] = value
        return value


def digest(files: Mapping[str, File]) -> str:
    """SHA-256 of a tree."""
    return sha256(canonical(dict(files))).hexdigest()


def shown(output: bytes) -> str:
    """A command's output as text that is the same in each run: no timings, no addresses, no control characters; long ones
    without their middle."""
    if b"\0" in output:
        return f"[binary output, {len(output)} bytes]"
    text = output.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    text = "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)
    text = _steady(text)
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n[{len(text) - HEAD - TAIL} characters left out]\n{text[-TAIL:]}"
    return text


def _steady(text: str) -> str:
    for pattern, put in _TIMED:
        text = pattern.sub(put, text)
    return text


def _listed(paths: Any) -> str:
    held = sorted(
        paths, key=lambda path: (not path.startswith("tests/"), path)
    )  # what the policy guards is never left out
    more = f" and {len(held) - 20} more" if len(held) > 20 else ""
    return ", ".join(held[:20]) + more


def _file(data: bytes) -> File:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    return {"base64": base64.b64encode(data).decode()} if "\0" in text else text


def _base64(file: File) -> str:
    return base64.b64encode(file.encode()).decode() if isinstance(file, str) else file["base64"]
