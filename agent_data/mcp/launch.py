"""The command line of a server over stdio: a clean environment, bubblewrap around it, a guard above it.

In the sandbox the server sees the system's programs and libraries, what its command needs, what `read` and `write` name, and
a folder of its own at /agent-work. It has no network unless `network` is true, no capability, and no process but its own.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.folder import fill
from agent_data.mcp.server import FILES, Server, filled
from arcmill.engines.llm import guard

WORK = "/agent-work"  # the working folder, as a server in the sandbox sees it: a name that no folder of the host has
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    "ld.so.cache", "ld.so.conf", "ssl", "ca-certificates", "pki", "crypto-policies", "alternatives", "localtime", "timezone",
    "mime.types", "protocols", "services",
)  # fmt: skip
NETWORK_ETC = ("resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE = 1.0  # seconds between the request to end and the kill
TMP_BYTES = 256 << 20
MEND = "apt-get install bubblewrap, or sandbox: false, which runs it as yourself"


@dataclass(frozen=True, slots=True)
class Started:
    """What is started, and the folders that are its own. `secrets` are not told in messages."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    base: str  # removed when the server has ended
    work: str  # its working folder, as we see it
    start: str  # the folder in which the guard is started, and with it a server without a sandbox
    secrets: tuple[str, ...] = field(repr=False, default=())


def prepare(name: str, server: Server, seed: int = 0, files: Path | None = None) -> Started:
    """Make the server's folders, and its command line. ServerFailed where the command or the sandbox is not there."""
    assert server.command is not None
    own = {key: filled(value, name) for key, value in server.env.items()}
    path = own.get("PATH") or (PATH if server.sandbox else os.environ.get("PATH", PATH))
    command = _which(server.command, own.get("PATH"))
    bwrap = shutil.which("bwrap")
    if server.sandbox and bwrap is None:
        raise ServerFailed("no-sandbox", f"bubblewrap is not installed: {MEND}")
    base = tempfile.mkdtemp(prefix="arcmill-mcp-")
    try:
        work = os.path.join(base, "work")
        for folder in (work, os.path.join(base, "home"), os.path.join(base, "tmp")):
            os.mkdir(folder)
        if files is not None:
            fill(work, files)
        here = WORK if server.sandbox else work
        args = [_placed(filled(text, name), here, seed) for text in server.args]
        environment = {
            "LANG": "C.UTF-8", "PATH": path, "HOME": "/home/agent" if server.sandbox else os.path.join(base, "home"),
            "TMPDIR": "/tmp" if server.sandbox else os.path.join(base, "tmp"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "NO_COLOR": "1",
            **{key: _placed(value, here, seed) for key, value in own.items()},
        }  # fmt: skip
        if server.sandbox:
            needed, folders = _needs(command, args, path)
            environment["PATH"] = os.pathsep.join(dict.fromkeys([*folders, *environment["PATH"].split(os.pathsep)]))
            confined = _bubblewrap(str(bwrap), server, base, needed)
            line = [*confined, "--chdir", server.cwd or WORK, "--", command, *args]
        else:
            line = [command, *args]
    except BaseException:
        shutil.rmtree(base, ignore_errors=True)
        raise
    limits = server.limits
    under = (
        sys.executable, "-I", "-S", guard.__file__, "--grace", str(GRACE), "--remove", base,
        "--data", str(limits.memory_bytes), "--file", str(limits.file_bytes),
    )  # fmt: skip
    told = [value for key, value in own.items() if key != "PATH"]
    told += [text for text, raw in zip(args, server.args, strict=True) if "${" in raw]
    secrets = tuple(value for value in told if len(value) > 3)
    start = "/" if server.sandbox else server.cwd or work
    return Started((*under, *line), environment, base, work, start, secrets)


def _placed(text: str, work: str, seed: int) -> str:
    return text.replace(FILES, work).replace("{seed}", str(seed))


def _which(command: str, path: str | None) -> str:
    found = shutil.which(os.path.expanduser(command), path=path)
    if found is None:
        raise ServerFailed("not-found", f"{os.path.basename(command)!r} is not on PATH, or cannot be run")
    return os.path.abspath(found)


def _bubblewrap(bwrap: str, server: Server, base: str, needed: list[str]) -> list[str]:
    made = [
        bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--cap-drop",
        "ALL", "--hostname", "sandbox", "--uid", "1000", "--gid", "1000", "--ro-bind", "/usr", "/usr",
    ]  # fmt: skip
    if server.network:
        made.append("--share-net")
    for path in SYSTEM:
        if os.path.islink(path):
            made += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            made += ["--ro-bind", path, path]
    for name in (*ETC, *(NETWORK_ETC if server.network else ())):
        made += ["--ro-bind-try", os.path.realpath(f"/etc/{name}"), f"/etc/{name}"]
    for name, text in (
        ("passwd", "agent:x:1000:1000:agent:/home/agent:/bin/sh\n"),
        ("group", "agent:x:1000:\n"),
    ):
        Path(base, name).write_text(text)
        made += ["--ro-bind", os.path.join(base, name), f"/etc/{name}"]
    made += ["--proc", "/proc", "--dev", "/dev", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"]
    made += ["--size", str(TMP_BYTES), "--tmpfs", "/home/agent"]
    for path in sorted({*needed, *map(_absolute, server.read), *([server.cwd] if server.cwd else [])}):
        made += ["--ro-bind", path, path]
    for path in sorted(map(_absolute, server.write)):
        made += ["--bind", path, path]
    return [*made, "--bind", os.path.join(base, "work"), WORK, "--remount-ro", "/"]


def _absolute(path: str) -> str:
    found = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(found):
        raise ServerFailed("not-found", f"{path!r} of read or write is not there")
    return found


# -- what a command needs to be seen ------------------------------------------------------------------------------


def _needs(command: str, args: list[str], path: str) -> tuple[list[str], list[str]]:
    """(paths that are shown, folders for PATH): the program's own installation, that of its interpreter, and files and
    folders that the arguments name by absolute paths, for whoever wrote the command meant them to be seen."""
    programs = [command, *_interpreter(command, path)]
    shown = [place for program in programs for place in _installation(program)]
    for text in args:
        value = text.partition("=")[2] if text.startswith("-") else text
        if value.startswith("/") and not value.startswith((WORK + "/", "/usr/", "/proc", "/dev")) and value != WORK:
            if os.path.isfile(value):
                shown += [*_installation(value), value]
            elif os.path.isdir(value):
                shown.append(value)
    outside = {place for place in shown if not _covered(place)}
    return sorted(outside), [os.path.dirname(program) for program in programs]


def _covered(path: str) -> bool:
    return path == "/" or path.startswith(("/usr/", *(f"{folder}/" for folder in SYSTEM)))


def _interpreter(command: str, path: str) -> list[str]:
    """The programs that the first line of a script names."""
    try:
        with open(command, "rb") as file:
            line = file.readline(512)
    except OSError:
        return []
    if not line.startswith(b"#!"):
        return []
    words = line[2:].decode("utf-8", "replace").split()
    if len(words) > 1 and os.path.basename(words[0]) == "env":
        found = shutil.which(next((word for word in words[1:] if not word.startswith("-")), ""), path=path)
        found = found or shutil.which(words[-1])
        return [found] if found else []
    return [words[0]] if words and os.path.exists(words[0]) else []


def _installation(program: str) -> list[str]:
    """The folders that a program's files lie in: its virtual environment with the Python below it, the folder of its
    node_modules, or `bin` and `lib` of its prefix; else the folder itself."""
    places = []
    for file in dict.fromkeys((program, os.path.realpath(program))):
        if _covered(file):
            continue
        folder = Path(file).parent
        parts = folder.parts
        if (folder.parent / "pyvenv.cfg").is_file():
            places.append(str(folder.parent))
            for line in (folder.parent / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "home":
                    places += _prefix(Path(value.strip()))
        elif "node_modules" in parts:
            places.append(str(Path(*parts[: parts.index("node_modules") + 1])))
        elif len(parts) < 3 or folder in (Path.home(), Path(tempfile.gettempdir())):  # much else lies there
            places.append(file)
        else:
            places += _prefix(folder)
    return places


def _prefix(folder: Path) -> list[str]:
    if folder.name != "bin":
        return [str(folder)]
    beside = (folder.parent / name for name in ("bin", "lib", "lib64", "libexec", "share"))
    return [
        str(path) for path in beside if path.is_dir() and not (path.name == "share" and folder.parent.name == ".local")
    ]
