"""A real Slurm for tests: munge, a controller and two nodes of a core each, all on this machine.

Each node has a space of process numbers of its own, so that killing its first process is what a machine's end is to Slurm.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "unshare")
CONFIG = """ClusterName=arcmill
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket,cred_expire=10
SlurmctldPort={control}
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool-%n
SlurmctldPidFile={home}/control.pid
SlurmdPidFile={home}/%n.pid
SlurmctldLogFile={home}/control.log
SlurmdLogFile={home}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=64000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=64000
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no Slurm here, or None."""
    if os.environ.get("ARCMILL_CLUSTER") != "1":
        return "ARCMILL_CLUSTER=1 starts a Slurm"
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"no Slurm here: {', '.join(lacking)} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    return None if os.getuid() == 0 else "root is needed to start nodes of Slurm"


class Slurm:
    """The running cluster; `home` holds its configuration and logs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def kill_node(self, name: str) -> None:
        """End a node and every process on it, at once."""
        shell = self.running[name]
        below = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(shell.pid)], capture_output=True, text=True, check=True
        )
        for process in below.stdout.split():
            os.kill(int(process), 9)
        shell.wait()

    def nodes_of(self, job: str) -> list[str]:
        """The nodes on which elements of a job run now."""
        asked = ["squeue", "--noheader", "--states=RUNNING", "--jobs", job, "--format=%N"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()

    def _start(self, name: str, *command: str) -> None:
        with (self.home / f"{name}.out").open("wb") as log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home)

    def _begin(self) -> None:
        home = str(self.home)
        (self.home / "key").write_bytes(os.urandom(64))
        (self.home / "key").chmod(0o600)
        (self.home / "state").mkdir()
        ports = dict(zip(("control", "first", "second"), free_ports(3), strict=True))
        (self.home / "slurm.conf").write_text(
            CONFIG.format(home=home, host=socket.gethostname().partition(".")[0], **ports)
        )
        self._start(
            "munge", "munged", "--force", "--foreground", f"--key-file={home}/key", f"--socket={home}/munge.socket",
            f"--pid-file={home}/munge.pid", f"--log-file={home}/munge.log", f"--seed-file={home}/munge.seed",
        )  # fmt: skip
        self._wait("munge", lambda: (self.home / "munge.socket").exists())
        self._start("control", "slurmctld", "-D")
        for name in ("n1", "n2"):
            self._start(name, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "slurmd", "-D", "-N", name)
        self._wait("n2", lambda: _told("sinfo", "--noheader", "--format=%T,%D") == "idle,2")

    def _wait(self, name: str, ready: object) -> None:
        deadline = time.monotonic() + 60
        while not ready():  # type: ignore[operator]
            ended = [each for each, process in self.running.items() if process.poll() is not None]
            said = (self.home / f"{(ended or [name])[0]}.out").read_text(errors="replace")
            assert not ended and time.monotonic() < deadline, f"Slurm did not start: {ended} {said[-2000:]}"
            time.sleep(0.2)

    def _end(self) -> None:
        for name in ("n1", "n2"):
            if name in self.running and self.running[name].poll() is None:
                self.kill_node(name)
        for process in self.running.values():
            process.kill()
            process.wait()


@contextmanager
def slurm(home: Path) -> Iterator[Slurm]:
    """Start it; `SLURM_CONF` must name `home`/slurm.conf where jobs are submitted, and is set for this process here."""
    cluster = Slurm(home)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(home / "slurm.conf")
    try:
        cluster._begin()
        yield cluster
    finally:
        cluster._end()
        os.environ.pop("SLURM_CONF", None)
        if before is not None:
            os.environ["SLURM_CONF"] = before


def free_ports(number: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
